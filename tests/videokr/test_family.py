import json

import pytest

from videokr.errors import UserError
from videokr.family import FAMILIES, family_of, find_family


@pytest.mark.parametrize(
    ("model_type", "family"),
    [
        ("qwen2_5_vl", "qwen2_5vl"),
        ("qwen3_vl", "qwen3vl"),
        ("qwen3_vl_moe", "qwen3vl"),
        ("qwen3_5", "qwen3_5"),
        ("qwen3_5_moe", "qwen3_5"),
    ],
)
def test_a_checkpoint_folder_names_its_family(tmp_path, model_type, family):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    assert family_of(tmp_path) is FAMILIES[family]


@pytest.mark.parametrize("model_type", ["qwen2_vl", "qwen2_5_omni", "internvl", "llama"])
def test_another_architecture_is_refused_by_name(tmp_path, model_type):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(UserError, match=f"model_type '{model_type}' is not covered; known: .*qwen3_5_moe"):
        family_of(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"model_type": null}', '{"model_type": ["qwen3_5"]}'])
def test_a_config_that_names_none_is_refused(tmp_path, text):
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
