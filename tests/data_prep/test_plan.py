"""videokr plan: its counts against published ones and torch's own counter, its memory and disk by hand."""

import json
import shlex

import pytest
from recipes_page import commands
from slurm_job import PAGE as CLUSTER

pytest.importorskip("torch")
pytestmark = pytest.mark.sft

# Of the published weights: half of `total_size` in model.safetensors.index.json, or the count on the model's page.
PUBLISHED = {
    "qwen2_5vl/3b": 3_754_622_976,
    "qwen2_5vl/7b": 8_292_166_656,
    "qwen3vl/2b": 2_127_532_032,
    "qwen3vl/4b": 4_437_815_808,
    "qwen3vl/8b": 8_767_123_696,
    "qwen3vl/30b-a3b": 31_070_754_032,
}
# By their names alone, in 10^9: all weights, those that a token is multiplied with. Published files hold heads that
# foretell further tokens, too, which no stage loads.
NAMED = {"qwen3_5/4b": (4, 4), "qwen3_5/9b": (9, 9), "qwen3_5/35b-a3b": (35, 3)}


@pytest.fixture(scope="module", params=["qwen2_5vl", "qwen3vl"])
def model(request, tmp_path_factory):
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    path = tmp_path_factory.mktemp("model") / request.param
    build_model(FAMILIES[request.param], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, path)
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_size_has_the_published_number_of_parameters(name):
    from data_prep.plan.model_size import FIGURES, model_size

    assert model_size(name).total == PUBLISHED[name] and FIGURES["sizes"].keys() == PUBLISHED.keys() | NAMED.keys()


@pytest.mark.parametrize("name", NAMED)
def test_a_size_is_what_its_name_says(name):
    from data_prep.plan.model_size import model_size

    size, (total, active) = model_size(name), NAMED[name]
    assert size.total / 1e9 == pytest.approx(total, rel=0.15)
    assert size.multiplied["language model"] / 1e9 == pytest.approx(active, rel=0.15)


def test_operations_are_those_that_torch_counts(model):
    """Of one pass forward over a video of 12 frames; torch counts all of the attention's square, and no causal half."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from data_prep.plan.cost import Row, text_flops, vision_flops
    from data_prep.plan.model_size import model_size

    processor = AutoProcessor.from_pretrained(model)
    chat = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "Which colour? " * 20}]}]
    text = processor.apply_chat_template(chat, tokenize=False)
    told = {"fps": 2.0, "frames_indices": list(range(12)), "total_num_frames": 12, "duration": 6.0}
    frames = torch.randint(0, 255, (12, 3, 112, 112), dtype=torch.uint8)
    given = processor(
        text=[text], videos=[frames], video_metadata=[told | {"height": 112, "width": 112}], do_sample_frames=False,
        return_tensors="pt",
    )  # fmt: skip
    made = AutoModelForImageTextToText.from_pretrained(model, attn_implementation="eager").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        made(**given)
    size, tokens = model_size(str(model)), given["input_ids"].shape[1]
    (temporal, high, wide), video = given["video_grid_thw"][0].tolist(), given["video_grid_thw"][0].prod().item() / 4
    row = Row(video, high * wide / 4, tokens - video)
    layers, width, _ = size.attention
    counted = text_flops(size, tokens) + 2 * layers * width * tokens**2 + vision_flops(size, row)
    assert temporal == 6 and counted == pytest.approx(counter.get_total_flops(), rel=0.02)


def plan(capsys, *words):
    from videokr.__main__ import main

    status = main(["plan", *words])
    return status, capsys.readouterr().out


def test_hours_memory_and_disk_are_those_of_arithmetic_by_hand(capsys, tmp_path):
    told = tmp_path / "plan.json"
    (command,) = commands("What it will cost", CLUSTER)
    words = ["--json", str(told), "--assume", "mfu=0.34", "other_gib=1"]
    status, said = plan(capsys, *shlex.split(command)[2:], *words)
    assert status == 0
    costs = {(cost["stage"], cost["gpus"]): cost for cost in json.loads(told.read_text())["costs"]}
    language, vision = 8_190_735_360, 576_388_336
    states = (16 * language + 2 * vision) / 8
    kept = 16_384 * (4_096 * (2 * 36 + 34) + 151_936 * 12)  # layers' inputs, one layer, logits
    assert costs["SFT", 8]["memory_bytes"] == pytest.approx(states + kept + 2**30)
    assert costs["SFT", 8]["hours"]["training"] == pytest.approx(4 * costs["SFT", 32]["hours"]["training"])
    checkpoint = 2 * 8_767_123_696 + 12 * language + 2 * vision
    assert costs["SFT", 8]["disk_bytes"] == 3 * checkpoint  # two are kept, and the third is there before one goes
    # 3,562 steps read the weights 2,048 times each, at 60% of 3.35 TB/s; more GPUs share the rest alone.
    weights = 3_562 * 2_048 * 2 * 8_767_123_696 / (0.6 * 3.35e12) / 3600
    few, many = (costs["GRPO", gpus]["hours"]["rollouts"] for gpus in (8, 32))
    assert (4 * many - few) / 3 == pytest.approx(weights)
    assert said.count("GRPO  ") == 4 and "0.34  share of a GPU's operations" in said


def test_rows_are_those_of_the_data_and_a_wrong_assumption_is_named(capsys, tmp_path):
    from videokr.errors import UserError

    records = [{"question": "Which?", "answer": "red", "video": "a.mp4"} for _ in range(320)]
    (tmp_path / "rl.jsonl").write_text("\n".join(map(json.dumps, records)))
    words = ["--model", "qwen3vl/2b", "--gpus", "8", "--data", str(tmp_path / "rl.jsonl"), "--json"]
    assert plan(capsys, *words, str(tmp_path / "few.json"))[0] == 0
    assert plan(capsys, *words, str(tmp_path / "all.json"), "--assume", "sft_rows=1000")[0] == 0
    few, all_rows = (json.loads((tmp_path / name).read_text())["costs"] for name in ("few.json", "all.json"))
    assert few[1] == all_rows[1] and few[0]["hours"]["training"] == pytest.approx(
        201 * all_rows[0]["hours"]["training"]
    )
    for word in ("mfu=0", "speed=2", "mfu"):
        with pytest.raises(UserError, match=f"--assume has '{word}'"):
            plan(capsys, "--assume", word)
