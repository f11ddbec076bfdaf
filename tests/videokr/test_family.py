import json

import pytest

from videokr.errors import UserError
from videokr.family import FAMILIES, family_of, find_family


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_checkpoint_folder_names_its_family(tmp_path, family):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": family.model_type}))
    assert family_of(tmp_path) is family


def test_the_launchers_names():
    assert list(FAMILIES) == ["qwen2_5vl", "qwen3vl"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"model_type": "llama"}', '{"model_type": null}'])
def test_another_model_is_refused_by_name(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=str(tmp_path)):
        family_of(tmp_path)


def test_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r"config\.json"):
        family_of(tmp_path / "no")


def test_a_name_on_the_hub_is_left_to_the_host():
    assert find_family("Qwen/Qwen3-VL-8B-Instruct") is None


@pytest.mark.parametrize("model", ["1e3", "/nowhere/x", "./x/y", "~/x", "a/b/c", "a/b\n", "ä/b"])
def test_neither_a_folder_nor_a_name_on_the_hub(model):
    with pytest.raises(UserError, match="is not there"):
        find_family(model)


def test_a_file_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves" / "model.bin").touch()
    with pytest.raises(UserError, match="is not there"):
        find_family("saves/model.bin")
