"""What local_script/merge_videokr_checkpoint.sh makes of a verl checkpoint and of an adapter, held against peft."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from checkout import ROOT

RANK, ALPHA = 4, 12


@pytest.fixture(scope="module", params=["qwen2_5vl", "qwen3vl"])
def base(request, tmp_path_factory):
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    path = tmp_path_factory.mktemp("base") / request.param
    build_model(FAMILIES[request.param], ["What is it? <think>It is red.</think><answer>A</answer>"] * 8, path)
    return path


def load(path, dtype="auto"):
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(path, dtype=dtype)


def adapted(base, dtype="auto"):
    """The model under an adapter that is not zero, as peft wraps it."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(load(base, dtype), LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear"))
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "lora_" in name:
                tensor.copy_((torch.randn_like(tensor) / 10).bfloat16())
    return model


def checkpoint(base, folder, model):
    """As verl 0.9.1 leaves one of a run on one device that began with `base`."""
    import torch
    from transformers import AutoConfig, AutoProcessor

    from videokr.budget import RL_BUDGET
    from videokr.training_card import make_training_card, write_training_card

    actor = folder / "checkpoints" / "global_step_1" / "actor"
    (actor / "huggingface").mkdir(parents=True)
    torch.save(model.state_dict(), actor / "model_world_size_1_rank_0.pt")
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 2, "world_size": 1}))
    (actor / "lora_train_meta.json").write_text(json.dumps({"r": RANK, "lora_alpha": ALPHA, "task_type": "CAUSAL_LM"}))
    AutoConfig.from_pretrained(base).save_pretrained(actor / "huggingface")
    AutoProcessor.from_pretrained(base).save_pretrained(actor / "huggingface")
    card = make_training_card("rl", RL_BUDGET, {}, str(base), [], {})
    write_training_card(folder / "checkpoints", card)
    return actor


def merge(folder, target):
    command = ["bash", str(ROOT / "local_script" / "merge_videokr_checkpoint.sh"), str(folder), str(target)]
    environment = os.environ | {"VIDEOKR_PYTHON": sys.executable}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def hold(target, expected, dtype):
    """Every tensor against peft's own, both as this type."""
    import torch

    found = load(target).state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor.to(dtype), msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.rl
def test_a_checkpoint_with_an_adapter_is_merged_as_peft_merges_it(base, tmp_path):
    import torch

    from videokr.training_card import TRAINING_CARD

    pytest.importorskip("verl")
    model = adapted(base, torch.bfloat16)  # of which verl saves bfloat16; peft adds in float32 below
    done = merge(checkpoint(base, tmp_path, model), tmp_path / "merged")
    assert done.returncode == 0, done.stderr[-3000:]
    expected = adapted(base, torch.bfloat16).float().merge_and_unload().state_dict()
    hold(tmp_path / "merged", expected, torch.bfloat16)
    before = load(base, torch.bfloat16).state_dict()
    other = sum(not torch.equal(tensor.bfloat16(), before[name]) for name, tensor in expected.items())
    assert other > 20 and f"{other} of {len(before)} tensors differ from '{base}'" in done.stdout
    assert not (tmp_path / "merged" / "lora_adapter").exists() and (tmp_path / "merged" / TRAINING_CARD).is_file()


@pytest.mark.rl
def test_a_merge_that_changes_nothing_fails_and_one_that_changes_a_tensor_names_its_part(base, tmp_path, capsys):
    import torch

    pytest.importorskip("verl")
    from verl.model_merger.base_model_merger import ModelMergerConfig

    from verl_plugin.merge import Merger
    from videokr.errors import UserError
    from videokr.training_card import read_training_card, write_training_card

    model = load(base)
    actor = checkpoint(base, tmp_path, model)

    def run(target):
        config = ModelMergerConfig(
            operation="merge",
            backend="fsdp",
            local_dir=str(actor),
            hf_model_config_path=str(actor / "huggingface"),
            target_dir=str(tmp_path / target),
        )
        Merger(config).merge_and_save()
        return capsys.readouterr().out

    with pytest.raises(UserError, match=r"not one of .* tensors differs"):
        run("same")
    assert not (tmp_path / "same").exists()
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] += 1
    torch.save(model.state_dict(), actor / "model_world_size_1_rank_0.pt")
    assert f"differ from '{base}': language_model " in run("other")
    card = read_training_card(actor.parent)
    write_training_card(actor.parents[1], replace(card, model_fingerprint="0"))
    assert "not compared with the model before training" in run("of another base")


@pytest.mark.rl
def test_canary_transformers_saves_experts_of_qwen3_5_one_by_one():
    """When this fails, it saves them as one tensor, and keep_experts_together of merge.py can go."""
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    conversions = get_checkpoint_conversion_mapping("qwen3_5_moe_text")
    assert ["mlp.experts.*.down_proj.weight"] in [each.source_patterns for each in conversions]


@pytest.fixture
def moe(request, tmp_path):
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    build_model(FAMILIES[request.param], ["What is it? <answer>A</answer>"] * 8, tmp_path / "base", moe=True)
    return tmp_path / "base"


def hold_as_published(target, kind):
    """The experts' names and shapes in the file: Qwen3-VL's as (experts, in, out), Qwen3.5's as (experts, out, in)."""
    from safetensors.torch import load_file

    shapes = {name: tuple(weight.shape) for name, weight in load_file(target / "model.safetensors").items()}
    layer = "model.language_model.layers.0.mlp.experts"
    turned = -1 if kind == "qwen3vl" else 1
    assert shapes[f"{layer}.gate_up_proj"] == (4, *(2 * 96, 128)[::turned])
    assert shapes[f"{layer}.down_proj"] == (4, *(128, 96)[::turned])
    assert not [name for name in shapes if ".experts.0." in name]


@pytest.mark.rl
@pytest.mark.parametrize("moe", ["qwen3vl", "qwen3_5"], indirect=True)
def test_experts_are_merged_into_the_published_form(moe, tmp_path, request):
    pytest.importorskip("verl")
    model = load(moe)
    model.get_output_embeddings().weight.data[0, 0] += 1
    done = merge(checkpoint(moe, tmp_path, model), tmp_path / "merged")
    assert done.returncode == 0, done.stderr[-3000:]
    hold_as_published(tmp_path / "merged", request.node.callspec.params["moe"])
    hold(tmp_path / "merged", model.state_dict(), load(tmp_path / "merged").dtype)


@pytest.mark.sft
@pytest.mark.parametrize("moe", ["qwen3vl"], indirect=True)
def test_an_adapter_over_experts_is_merged_into_the_published_form(moe, tmp_path, request):
    from transformers import AutoProcessor

    pytest.importorskip("llamafactory")
    model = adapted(moe)
    model.save_pretrained(tmp_path / "adapter")
    AutoProcessor.from_pretrained(moe).save_pretrained(tmp_path / "adapter")
    done = merge(tmp_path / "adapter", tmp_path / "merged")
    assert done.returncode == 0, done.stderr[-3000:]
    hold_as_published(tmp_path / "merged", request.node.callspec.params["moe"])
    expected = load(moe).state_dict()
    merged = load(tmp_path / "merged").state_dict()
    experts = [name for name in expected if ".experts." in name]
    assert experts and all(merged[name].equal(expected[name]) for name in experts)


@pytest.mark.sft
def test_an_adapter_of_sft_is_merged_into_its_base(base, tmp_path):
    from transformers import AutoProcessor

    from videokr.errors import UserError
    from videokr.family import find_family
    from videokr.training_card import TRAINING_CARD

    pytest.importorskip("llamafactory")
    model = adapted(base)
    model.save_pretrained(tmp_path / "adapter")
    AutoProcessor.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    (tmp_path / TRAINING_CARD).write_text("{}")
    with pytest.raises(UserError, match=r"is an adapter alone: .*merge_videokr_checkpoint\.sh"):
        find_family(str(tmp_path / "adapter"))
    done = merge(tmp_path / "adapter", tmp_path / "merged")
    assert done.returncode == 0, done.stderr[-3000:]
    weights, merged = load(base).state_dict(), load(tmp_path / "merged").state_dict()
    halves = model.state_dict()
    for name, tensor in weights.items():
        layer = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{layer}.lora_A.default.weight" in halves:
            down, up = (halves[f"{layer}.lora_{half}.default.weight"] for half in "AB")
            tensor = tensor + ALPHA / RANK * (up @ down)
        assert (merged[name] - tensor).abs().max() < 1e-6, name
    assert "tensors differ from" in done.stdout and (tmp_path / "merged" / TRAINING_CARD).is_file()
    AutoProcessor.from_pretrained(tmp_path / "merged")
