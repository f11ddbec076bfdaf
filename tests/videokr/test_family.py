import json

import pytest

from videokr.errors import UserError
from videokr.family import FAMILIES, family_of, find_family, main, require_weights

RECIPES = {
    "qwen2_5_vl": "qwen2_5vl",
    "qwen3_vl": "qwen3vl",
    "qwen3_vl_moe": "qwen3vl_moe",
    "qwen3_5": "qwen3_5",
    "qwen3_5_moe": "qwen3_5_moe",
}


@pytest.mark.parametrize(("model_type", "own"), RECIPES.items())
def test_a_checkpoint_folder_names_its_family_and_takes_one_recipe(tmp_path, monkeypatch, model_type, own):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    (tmp_path / "model.safetensors").touch()
    assert family_of(tmp_path) is FAMILIES[own.removesuffix("_moe")]
    for recipe in RECIPES.values():
        monkeypatch.setattr("sys.argv", ["family", str(tmp_path), recipe])
        if recipe == own:
            assert main() == 0
        else:
            with pytest.raises(UserError, match=f"is of {own}, not of {recipe}: give train_videokr.sh {own}$"):
                main()


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


def test_a_folder_without_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_vl"}')
    (tmp_path / "training_args.bin").touch()
    with pytest.raises(UserError, match="no weights there"):
        require_weights(str(tmp_path))
    (tmp_path / "pytorch_model.bin.index.json").touch()
    require_weights(str(tmp_path))


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


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.eval
@pytest.mark.parametrize("moe", [False, True])
def test_padding_changes_nothing_for_qwen3_5(tmp_path, moe):
    """Padded on the right as in SFT, and on the left as in GRPO and by BACKEND=hf, against the row alone."""
    import torch
    from transformers import AutoModelForImageTextToText

    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3_5"], ["What colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "m", moe=moe)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "m", dtype=torch.float32).eval()
    ids = torch.arange(10, 40)[None]
    short, pad = ids[:, 5:16], torch.zeros(1, 19, dtype=torch.long)
    with torch.no_grad():
        alone = model(input_ids=short).logits[0]
        for parts in ([short, pad], [pad, short]):
            mask = torch.cat([torch.full_like(part, part is short) for part in parts], 1)
            batch = {"input_ids": torch.cat([ids, torch.cat(parts, 1)])}
            both = model(**batch, attention_mask=torch.cat([torch.ones_like(ids), mask])).logits
            assert (both[1][mask[0].bool()] - alone).abs().max() < 1e-4 < 1e-2 * alone.abs().max()
