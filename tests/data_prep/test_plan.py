"""videokr plan: its counts against published ones and torch's own counter, its memory and disk by hand."""

import json
import re
import shlex

import pytest
from checkout import ROOT
from recipes_page import chapter, commands
from slurm_job import PAGE as CLUSTER

pytest.importorskip("torch")
pytestmark = pytest.mark.sft

FAMILIES_PAGE = ROOT / "docs" / "families.md"
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


def test_a_mixture_trains_adapters_and_a_batch_that_cannot_be_shared_is_named(capsys, tmp_path):
    from data_prep.plan.model_size import FIGURES

    told, words = tmp_path / "plan.json", ["--model", "qwen3vl/30b-a3b", "--gpus", "8", "12", "32"]
    costs = []
    for assumed in ([], ["--assume", "trained_share=1"]):
        status, said = plan(capsys, *words, "--json", str(told), *assumed)
        assert status == 0 and max(map(len, said.splitlines())) <= 100 and " 0.0 " not in said
        costs.append({(cost["stage"], cost["gpus"]): cost for cost in json.loads(told.read_text())["costs"]})
    adapters, full = costs
    total = PUBLISHED["qwen3vl/30b-a3b"]
    kept = 16_384 * (2_048 * (2 * 48 + 34) + 151_936 * 12)
    assert adapters["SFT", 8]["memory_bytes"] == pytest.approx((0.016 + 2) * total / 8 + kept + 6 * 2**30)
    states = (0.016 + 4) * total / 8  # float32 in GRPO
    assert adapters["GRPO", 8]["memory_bytes"] == pytest.approx(states + 0.6 * 80 * 2**30 + 6 * 2**30)
    # A layer: queries and output, keys and values, 8 of 128 experts with their router; then the head.
    layer = 2 * 2_048 * 4_096 + 2 * 2_048 * 512 + 8 * 3 * 2_048 * 768 + 2_048 * 128
    multiplied = 48 * layer + 2_048 * 151_936
    assert f"language model 30.5 (P {multiplied / 1e9:.2f})" in " ".join(said.split())
    spared = 2 * multiplied * (5_824 + 700 + 512)
    hours = [cost["GRPO", 8]["hours"]["training"] for cost in (full, adapters)]
    assert hours[0] - hours[1] == pytest.approx(3_562 * 32 * 8 * spared / (8 * 0.16 * 989e12) / 3600, rel=1e-3)
    # Four GPUs read one copy of the weights.
    few, many = (adapters["GRPO", gpus]["hours"]["rollouts"] for gpus in (8, 32))
    weights = 3_562 * 2_048 * 2 * total / (4 * 0.6 * 3.35e12) / 3600
    assert (4 * many - few) / 3 == pytest.approx(weights)
    # 64 rollouts of a mini-batch: 12 GPUs share none, 32 have two each, of which no micro-batch of 4 is made.
    assert adapters["GRPO", 12]["hours"] == {} and "PPO_MINI_BATCH_SIZE=9" in adapters["GRPO", 12]["notes"][0]
    assert adapters["GRPO", 32]["notes"] == ["with PPO_MICRO_BATCH_SIZE_PER_GPU=2"]
    assert full["GRPO", 8]["memory_bytes"] > 80 * 2**30 and "does not fit in 80 GiB" in said
    # What the launcher sets, and the page asks for.
    launcher = (ROOT / "local_script" / "train_videokr.sh").read_text()
    assert 'name}" == *_moe ]]; then recipe=(finetuning_type=lora lora_rank=32 ' in launcher
    assert f"`ROLLOUT_TP={FIGURES['mixture']['vllm_gpus']} " in FAMILIES_PAGE.read_text()


def test_a_stage_that_cannot_run_says_so_in_the_place_of_its_hours(capsys):
    """In bf16 the weights of the mixture are 57.9 GiB: more than 0.6 of 80, less than 0.85 of it."""
    divide, room = "not possible: vllm_gpus=4 does not divide 2", "not possible: the weights and a row are more than"
    for words, expected in (
        (["--model", "qwen3vl/30b-a3b", "--gpus", "2", "8"], [" h ", " h ", divide, " h ", divide, " min "]),
        (["--model", "qwen3vl/30b-a3b", "--gpus", "8", "--assume", "vllm_gpus=1"], [" h ", room, " min "]),
        (["--gpus", "8", "--assume", "eval_memory_share=0.2"], [" h ", " h ", room]),
        (
            ["--gpus", "8", "--assume", "rl_rows=31"],
            [" h ", "not possible: 31 rows are fewer than a batch, 32", " min "],
        ),
    ):
        status, said = plan(capsys, *words)
        rows = re.findall(r"^(?:SFT|GRPO|evaluation) .*$", said, re.M)
        assert status == 0 and len(rows) == len(expected)
        for row, text in zip(rows, expected, strict=True):
            assert text in row and (" h " not in row and " min " not in row) == ("not possible" in text)


def test_the_print_says_the_batch_of_sft_and_what_the_memory_is_of(capsys):
    said = " ".join(plan(capsys, "--gpus", "8", "64", "--assume", "videos=2", "eval_questions=1")[1].split())
    # 201,000 rows: 6,281.25 batches of 1 x 4 x 8, and 785.2 of 1 x 4 x 64.
    assert "batch 32, 6,282 steps" in said and "batch 256, 786 steps" in said
    assert "data preparation: < 1 min of one CPU core, 6.82MB for the proxies" in said  # 7 seconds
    assert said.count("< 1 min 68") == 2  # 0.85 of 80 GiB, for one question, too
    assert "SFT holds a row of 16,384 tokens" in said and "rows of 18,432, or vLLM's share (0.6 of the GPU)" in said


def test_the_memory_on_the_page_of_families_is_what_plan_says(capsys, tmp_path):
    table = chapter("Lengths and memory on 8 GPUs of 80 GB", FAMILIES_PAGE)
    rows = re.findall(r"^\| `(\S+)` \| (?:`(\S+)` )?\| \S+ \| (\d+)(\D*) \| (\d+)(\D*) \|$", table, re.M)
    assert len(rows) == 6
    for name, assumed, *cells in rows:
        words = ["--assume", assumed] if assumed else []
        assert plan(capsys, "--model", name, "--gpus", "8", "--json", str(tmp_path / "plan.json"), *words)[0] == 0
        costs = json.loads((tmp_path / "plan.json").read_text())["costs"]
        sizes = [cost["memory_bytes"] / 2**30 for cost in costs[:2]]
        assert cells == [word for size in sizes for word in (f"{size:.0f}", ": does not fit" if size > 80 else "")]


def test_a_mistake_ends_before_the_table(capsys, tmp_path):
    from videokr.errors import UserError

    (tmp_path / "file").touch()
    broken = [{"text_config": {"hidden_size": "abc"}, "vision_config": {"hidden_size": 64}}, {"text_config": {}}]
    for number, config in enumerate(broken):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "config.json").write_text(json.dumps(config | {"model_type": "qwen3_vl"}))
    for words, said in (
        (["--model", str(tmp_path / "0")], "config.json cannot be read as a model's: .*hidden_size"),
        (["--model", str(tmp_path / "1")], "config.json cannot be read as a model's: vision_config or"),
        (["--manifest", str(tmp_path / "file")], "--manifest is of the videos of --data"),
        (["--json", str(tmp_path / "file")], "NAME.json"),
    ):
        with pytest.raises(UserError, match=said):
            plan(capsys, *words)
    with pytest.raises(FileExistsError):
        plan(capsys, "--json", str(tmp_path / "file" / "plan.json"))
    assert capsys.readouterr().out == ""


def test_rows_are_those_of_the_data_and_a_wrong_assumption_is_named(capsys, tmp_path):
    from videokr.errors import UserError
    from videokr.video.manifest import VideoEntry, write_manifest

    records = [{"question": "Which?", "answer": "red", "video": "a.mp4"} for _ in range(320)]
    (tmp_path / "rl.jsonl").write_text("\n".join(map(json.dumps, records)))
    words = ["--model", "qwen3vl/2b", "--gpus", "8", "--data", str(tmp_path / "rl.jsonl"), "--json"]
    status, said = plan(capsys, *words, str(tmp_path / "few.json"))
    assert status == 0 and re.search(r"rl_rows +320  .*\(measured in rl.jsonl\)", said)
    assert re.search(r"videos +1  .*\(measured in rl.jsonl\)", said) and re.search("sft_rows .*published", said)
    assert plan(capsys, *words, str(tmp_path / "all.json"), "--assume", "sft_rows=1000")[0] == 0
    few, all_rows = (json.loads((tmp_path / name).read_text())["costs"] for name in ("few.json", "all.json"))
    assert few[1] == all_rows[1] and few[0]["hours"]["training"] == pytest.approx(
        201 * all_rows[0]["hours"]["training"]
    )
    other = VideoEntry("b.mp4", "probe", frame_count=300, average_fps=30.0, height=360, width=640)
    write_manifest(tmp_path / "other.parquet", [other])
    for more, message in (
        (["--assume", "mfu=0.3", "rl_rows=9", "videos=9"], "--assume sets rl_rows, videos, which --data says"),
        (["--manifest", str(tmp_path / "other.parquet")], "--manifest: no row of '.*rl.jsonl' has all its videos"),
    ):
        with pytest.raises(UserError, match=message):
            plan(capsys, *words[:-1], *more)
    for word in ("mfu=0", "mfu=2", "eval_memory_share=3", "speed=2", "mfu"):
        with pytest.raises(UserError, match=f"--assume has '{word}'"):
            plan(capsys, "--assume", word)
