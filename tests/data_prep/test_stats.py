"""`videokr stats`: its numbers are those of the data, what is not known is said, the page shows what it is given."""

import json
import math
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from checkout import ROOT
from chromium import find_chromium, started
from hypothesis import given
from hypothesis import strategies as st

from data_prep.stats.distribution import MAX_BINS, describe, describe_counts
from data_prep.stats.epoch import Known, grpo_epoch, parameters_of, sft_epoch
from data_prep.stats.file_stats import SFT as SFT_STAGE
from data_prep.stats.file_stats import Request, file_stats
from data_prep.stats.tally import LENGTHS, MAX_VALUES, Tally
from videokr.budget import EVAL_BUDGET, MAX_TOKENS, RL_BUDGET, SFT_BUDGET
from videokr.example import parse_example
from videokr.family import FAMILIES
from videokr.video.frame_plan import VideoHeader, plan_frames
from videokr.video.manifest import VideoEntry, read_manifest, write_manifest

np = pytest.importorskip("numpy")
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
CHOICE = {
    "id": "a", "question": "What moves here?", "options": ["A. a cat", "B. a dog", "C. a bird"], "subject": "Biology",
    "think": "<think>It is a small dog.</think>", "solution": "<answer>B</answer>", "video_path": "./Videos/long.mp4",
}  # fmt: skip
OPEN = {"id": "b", "question": "How many?", "think": "I count three.", "solution": "three of them", "path": "short.mp4"}
HEADERS = {
    "long.mp4": VideoHeader(18_000, 30.0, 720, 1280),
    "short.mp4": VideoHeader(50, 25.0, 360, 640),
    "narrow.mp4": VideoHeader(500, 25.0, 4, 4_000),
}


def entry(name: str, **more: object) -> VideoEntry:
    header = HEADERS[name]
    facts = {"frame_count": header.frame_count, "average_fps": header.average_fps}
    facts |= {"height": header.height, "width": header.width}
    return VideoEntry(name, "probe", None, "", 1_000_000, 1, **facts, codec="h264", has_audio=True)._replace(**more)


def command(*flags: object) -> list[str]:
    return [sys.executable, "-m", "videokr", "stats", *map(str, flags)]


def run(*flags: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*flags), capture_output=True, text=True, check=False, **settings)  # type: ignore


def write_lines(path: Path, *records: object) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def stats_of(*flags: object, output: Path) -> list[dict]:
    done = run(*flags, "--output", output)
    assert done.returncode == 0, done.stderr
    return json.loads((output / "stats.json").read_text())["files"]


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "manifest.parquet"
    write_manifest(path, [entry("long.mp4"), entry("short.mp4")])
    return path


def write_model(folder: Path, family: str = "qwen3_vl", tensors: dict[str, list[int]] | None = None) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    header = {
        name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in (tensors or {}).items()
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return folder


# Numbers


def test_numbers_are_those_of_the_data(tmp_path, manifest):
    data = write_lines(tmp_path / "data.jsonl", CHOICE, OPEN, CHOICE | {"id": "c", "solution": "A"}, {"id": "d"})
    (stats,) = stats_of("--data", data, "--manifest", manifest, output=tmp_path / "out")
    assert (stats["name"], stats["stage"], stats["rows"], stats["counted"]) == ("data.jsonl", "sft", 3, 3)
    assert stats["unreadable"] == {"question: missing": 1} and stats["first_unreadable"] == {"question: missing": 4}
    assert stats["kinds"] == {"multiple choice": 2, "open-ended": 1}
    assert stats["groups"] == {"subject": {"Biology": 2}}
    assert stats["videos"] == 2 and stats["rows_a_video"]["mean"] == 1.5 and stats["rows_a_video"]["most"] == 2
    assert {name: stats["lengths"][name]["total"] for name in LENGTHS} == {
        "question_words": 8, "rationale_words": 13, "open_answer_words": 3,
    }  # fmt: skip
    footage = stats["footage"]
    assert (footage["fine"], footage["rejected"], footage["not_in_manifest"]) == (2, {}, 0)
    assert footage["seconds"]["total"] == 600.0 + 2.0


@pytest.mark.parametrize(("stage", "budget"), [("sft", SFT_BUDGET), ("rl", RL_BUDGET), ("eval", EVAL_BUDGET)])
def test_frames_and_tokens_are_those_of_the_plan(tmp_path, manifest, stage, budget):
    data = write_lines(tmp_path / "data.jsonl", CHOICE, OPEN, CHOICE | {"video_path": ["long.mp4", "short.mp4"]})
    (stats,) = stats_of("--data", data, "--stage", stage, "--manifest", manifest, output=tmp_path / "out")
    rows = [["long.mp4"], ["short.mp4"], ["long.mp4", "short.mp4"]]
    for family in FAMILIES.values():
        plans = [[plan_frames(HEADERS[name], budget, family.patch_size) for name in row] for row in rows]
        own = stats["shown"]["tokens"][family.name]
        assert own["total"] == sum(plan.video_tokens for row in plans for plan in row)
        assert own["most"] == max(sum(plan.video_tokens for plan in row) for row in plans)
        assert stats["shown"]["frames"]["total"] == sum(len(plan.indices) for row in plans for plan in row)
    assert stats["shown"]["seconds"] == 1_204.0


def test_what_no_row_can_use_is_not_in_an_epoch(tmp_path):
    write_manifest(
        tmp_path / "m.parquet",
        [entry("long.mp4"), entry("short.mp4", reason="cut off"), entry("narrow.mp4"),
         VideoEntry("fast.mp4", "fast", size_bytes=5)],
    )  # fmt: skip
    videos = ["long.mp4", "short.mp4", "narrow.mp4", "fast.mp4", "nowhere.mp4", ["long.mp4", "short.mp4"]]
    records = [CHOICE | {"id": str(n), "video_path": video} for n, video in enumerate(videos)]
    no_rationale = {key: value for key, value in CHOICE.items() if key != "think"}
    data = write_lines(tmp_path / "data.jsonl", *records, no_rationale)
    (stats,) = stats_of("--data", data, "--manifest", tmp_path / "m.parquet", output=tmp_path / "out")
    assert (stats["rows"], stats["serving"], stats["counted"]) == (7, 6, 3)  # long, narrow and fast
    assert stats["footage"]["rejected"] == {"cut off": 1} and stats["footage"]["not_in_manifest"] == 1
    assert stats["footage"]["header_unknown"] == 1 and stats["footage"]["fine"] == 3
    assert (stats["shown"]["rows"], stats["shown"]["rows_unknown"]) == (1, 2)
    assert stats["sft"]["rows"] == 3 and stats["sft"]["decoding"]["reads"] == 3


def test_the_unknown_is_null_and_said(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", CHOICE)
    done = run("--data", data, "--output", tmp_path / "out")
    (stats,) = json.loads((tmp_path / "out" / "stats.json").read_text())["files"]
    assert stats["footage"] is stats["shown"] is stats["token_lengths"] is None
    assert stats["sft"]["tokens"] is stats["sft"]["disk"] is stats["sft"]["decoding"]["seconds"] is None
    page = (tmp_path / "out" / "stats.html").read_text()
    for flag in ("--manifest", "--model"):
        assert flag in done.stdout and flag in page
    write_manifest(tmp_path / "m.parquet", [VideoEntry("long.mp4", "fast", size_bytes=7)])
    done = run("--data", data, "--manifest", tmp_path / "m.parquet")
    assert "--level probe" in done.stdout and "seconds" not in done.stdout


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_a_distribution_holds_what_it_was_given(values):
    found = describe(np.array(values, dtype=np.int64))
    assert found == describe_counts(Counter(values)) and found.total == sum(values)
    ordered = sorted(values)
    for share, value in found.percentiles.items():
        assert value == ordered[max(1, math.ceil(len(values) * int(share) / 100)) - 1]
    assert sum(found.counts) == len(values) and len(found.counts) <= MAX_BINS
    for low, high, number in zip(found.edges[:-1], found.edges[1:], found.counts[:-1], strict=False):
        assert number == sum(low <= value < high for value in values)


@given(st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=100))
def test_a_distribution_of_floats_draws_each_once(values):
    found = describe(np.array(values))
    assert found.total == math.fsum(values) and found.least == min(values) and found.most == max(values)
    assert sum(found.counts) == len(values)


def test_the_sample_does_not_depend_on_the_order_of_the_rows():
    examples = [parse_example(OPEN | {"id": str(number)}) for number in range(20)]
    drawn = []
    for order in (examples, examples[::-1]):
        tally = Tally(needs_rationale=True, sample=3)
        for example in order:
            tally.add(example)
        drawn.append({example.id for _, _, example in tally.sampled})
    assert drawn[0] == drawn[1] and len(drawn[0]) == 3


def test_the_same_data_gives_the_same_bytes(tmp_path, manifest):
    records = [
        CHOICE | {"id": str(n), "subject": f"S{n % 7}", "question": "word " * (n % 90 + 1)} for n in range(4_000)
    ]
    write_lines(tmp_path / "a" / "data.json", *records)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "data.json").write_text(json.dumps(records))
    made = []
    for folder in ("a", "b"):
        output, data = tmp_path / f"out_{folder}", tmp_path / folder / "data.json"
        assert run("--data", data, "--manifest", manifest, "--output", output).returncode == 0
        made.append([(output / name).read_bytes() for name in ("stats.json", "stats.html")])
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0][0] + made[0][1]


def test_a_grouping_without_end_is_not_listed(tmp_path):
    data = write_lines(tmp_path / "d.jsonl", *(CHOICE | {"source": f"s{n}"} for n in range(MAX_VALUES + 1)))
    (stats,) = stats_of("--data", data, output=tmp_path / "out")
    assert stats["groups"]["source"] is None
    assert "too many different values" in (tmp_path / "out" / "stats.html").read_text()


# One epoch

SFT = {
    "per_device_train_batch_size": 1, "gradient_accumulation_steps": 4, "save_steps": 500, "save_total_limit": 2,
    "save_only_model": False, "freeze_vision_tower": True, "freeze_multi_modal_projector": True,
    "freeze_language_model": False,
}  # fmt: skip
GRPO = {
    "data": {"train_batch_size": 32, "max_response_length": 2_048},
    "actor_rollout_ref": {
        "actor": {"ppo_mini_batch_size": 8, "fsdp_config": {"model_dtype": "bf16"}}, "rollout": {"n": 8},
    },
    "trainer": {"n_gpus_per_node": 8, "nnodes": 1, "save_freq": 20, "max_actor_ckpt_to_keep": 3},
}  # fmt: skip


def test_the_published_epochs(tmp_path):
    """201,156 rows at 32 a step; 114,381 prompts at 32 a step, 8 rollouts of 2,048 tokens each."""
    model = parameters_of(write_model(tmp_path / "model", tensors={
        "model.language_model.embed_tokens.weight": [1_000, 100], "lm_head.weight": [1_000, 100],
        "model.visual.blocks.0.weight": [50, 100], "model.visual.merger.weight": [10, 100],
        "model.visual.deepstack_merger_list.0.weight": [10, 100], "visual.patch_embed": [3, 1_000],
    }))  # fmt: skip
    assert model == {"language model": 200_000, "vision tower": 8_000, "projector": 2_000}
    sft = sft_epoch(Known(201_156, 201_156, parameters=model), "f", SFT, devices=8)
    assert (sft.batch_rows, sft.steps) == (32, 6_287)
    checkpoint = 2 * 210_000 + 12 * 200_000 + 2 * 10_000
    assert (sft.disk.checkpoint_bytes, sft.disk.saves, sft.disk.kept) == (checkpoint, 13, 2)
    assert (sft.disk.end_bytes, sft.disk.most_bytes) == (2 * checkpoint + 2 * 210_000, 3 * checkpoint)
    grpo = grpo_epoch(Known(114_381, 114_381, parameters=model), "f", GRPO)
    assert (grpo.steps, grpo.updates, grpo.rollouts) == (3_574, 14_296, 3_574 * 32 * 8)
    assert grpo.generated_most == 3_574 * 32 * 8 * 2_048
    assert grpo.decoding.reads == 3_574 * 32  # once a prompt: test_training_is_the_same_without_the_fast_path
    assert (grpo.disk.checkpoint_bytes, grpo.disk.saves, grpo.disk.kept) == (6 * 210_000, 179, 3)
    assert grpo.disk.end_bytes == grpo.disk.most_bytes == 3 * 6 * 210_000


@given(st.integers(0, 500), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_steps_are_those_that_transformers_counts(rows, each, accumulation, gpus):
    settings = SFT | {"per_device_train_batch_size": each, "gradient_accumulation_steps": accumulation}
    batches = len(range(0, rows, each * gpus))
    steps = batches // accumulation + int(batches % accumulation > 0)  # Trainer.set_initial_training_values
    assert sft_epoch(Known(rows, rows, gpus=gpus), "f", settings, devices=8).steps == steps


def test_the_shipped_settings_are_read(tmp_path):
    import yaml

    read = yaml.safe_load((ROOT / "verl_plugin/config/videokr_grpo.yaml").read_text())
    data = write_lines(tmp_path / "rl.jsonl", *(CHOICE | {"id": n, "think": ""} for n in range(100)))
    (stats,) = stats_of("--data", data, output=tmp_path / "out")
    assert stats["stage"] == "rl" and stats["sft"] is None
    assert stats["grpo"]["steps"] == 100 // read["data"]["train_batch_size"]
    assert stats["grpo"]["generated_most"] == stats["grpo"]["rollouts"] * read["data"]["max_response_length"]
    assert stats["grpo"]["gpus"] == read["trainer"]["n_gpus_per_node"]


def test_a_video_is_decoded_for_each_of_its_rows(tmp_path, manifest):
    data = write_lines(tmp_path / "data.jsonl", *[CHOICE] * 6)
    (stats,) = stats_of("--data", data, "--manifest", manifest, "--gpus", "2", output=tmp_path / "out")
    assert stats["sft"]["decoding"] == {"reads": 6, "seconds": 3_600.0, "frames": 6 * 128}
    assert (stats["sft"]["gpus"], stats["sft"]["batch_rows"], stats["sft"]["steps"]) == (2, 8, 1)


@pytest.mark.rl
def test_what_a_checkpoint_of_verl_holds():
    """Weights and AdamW's two moments in one type: what `epoch` counts with."""
    import torch
    import verl
    import yaml

    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.AdamW([weight])
    optimizer.step()
    moments = [value for value in optimizer.state[weight].values() if value.shape == weight.shape]
    assert [moment.dtype for moment in moments] == [torch.bfloat16] * 2
    config = Path(verl.__file__).parent / "trainer" / "config"
    actor = yaml.safe_load((config / "actor" / "actor.yaml").read_text())
    assert actor["checkpoint"]["save_contents"] == ["model", "optimizer", "extra"]


# Tokens


@pytest.fixture
def counting_model(tmp_path):
    from data_prep.demo.tiny_model import chat_template, train_tokenizer

    model = write_model(tmp_path / "model")
    train_tokenizer([CHOICE["question"], OPEN["think"]], chat_template(FAMILIES["qwen3vl"])).save_pretrained(model)
    return model


@pytest.mark.sft
def test_tokens_are_those_of_the_rows(tmp_path, manifest, counting_model):
    from data_prep.prepare.length import LengthLimit
    from videokr.family import END_OF_TURN
    from videokr.response import build_response

    records = [CHOICE, OPEN, CHOICE | {"id": "c", "video_path": ["long.mp4"] * 4}]
    examples = [parse_example(record) for record in records]
    limit = LengthLimit(counting_model, MAX_TOKENS, SFT_BUDGET, with_response=True)
    totals = [
        limit.tokens(example, [HEADERS[video.removeprefix("Videos/")] for video in example.videos])
        for example in examples
    ]
    data = write_lines(tmp_path / "data.jsonl", *records)
    flags = ["--data", data, "--manifest", manifest, "--model", counting_model]
    (stats,) = stats_of(*flags, output=tmp_path / "out")
    lengths = stats["token_lengths"]
    assert (lengths["sampled"], lengths["of"], lengths["lengths"]["total"]) == (3, 3, sum(totals))
    assert lengths["longer"] == [1 / 3] * 3 and max(totals) > MAX_TOKENS
    tokens = stats["sft"]["tokens"]
    assert list(stats["shown"]["tokens"]) == ["qwen3vl"] and tokens["text"]["error"] == 0
    assert tokens["video"] + tokens["text"]["value"] == pytest.approx(sum(totals))
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(counting_model)
    responses = [build_response(example.rationale, example.answer) + END_OF_TURN for example in examples]
    assert tokens["trained"]["value"] == sum(len(tokenizer(text)["input_ids"]) for text in responses)


@pytest.mark.sft
def test_a_sample_is_drawn_once_for_all_and_says_its_error(tmp_path, manifest, counting_model):
    data = write_lines(
        tmp_path / "data.jsonl", *(OPEN | {"id": str(n), "think": "word " * (n % 50 + 1)} for n in range(300))
    )
    flags = ["--data", data, "--manifest", manifest, "--model", counting_model]
    (whole,) = stats_of(*flags, "--token-sample", 300, output=tmp_path / "whole")
    stats, again = (stats_of(*flags, "--token-sample", 40, output=tmp_path / "s")[0] for _ in range(2))
    truth, text = whole["sft"]["tokens"]["text"]["value"], stats["sft"]["tokens"]["text"]
    assert stats == again and (stats["token_lengths"]["sampled"], stats["token_lengths"]["of"]) == (40, 300)
    assert 0 < text["error"] < truth / 10 and abs(text["value"] - truth) < 2 * text["error"]
    share, low, high = stats["token_lengths"]["longer"]
    assert share == low == 0 and 0 < high < 0.15


# Faults


BROKEN = [
    (b"{oops\n", "(record): not JSON"),
    (b"[1]\n", "(record): not a JSON object"),
    (b"null\n", "(record): not a JSON object"),
    (b'{"id": 1, "video": "a.mp4"}\n', "question: missing"),
    (b'{"question": "\xff"}\n', "(record): not UTF-8 text"),
    (b"[" * 100_000 + b"\n", "(record): not JSON"),
    (json.dumps(CHOICE | {"options": {"A": "x", "C": "y"}}).encode(), "options: option letters are not A, B, C, "),
    (json.dumps(CHOICE | {"options": "A. x\nB. y"}).encode() + b"\r\n", None),
    (json.dumps(CHOICE | {"options": {"A": "x", "B": "y"}}).encode(), None),
    (json.dumps(CHOICE | {"question": "x" * 10_000_000}).encode(), None),
    (b"\r\n\r\n", ""),
]


def test_a_broken_record_is_counted_and_the_rest_with_it(tmp_path):
    first = b"\xef\xbb\xbf" + json.dumps(CHOICE).encode() + b"\r\n"
    files = [tmp_path / f"{number}.jsonl" for number in range(len(BROKEN))]
    for file, (line, _) in zip(files, BROKEN, strict=True):
        file.write_bytes(first + line)
    for stats, (line, reason) in zip(stats_of("--data", *files, output=tmp_path / "out"), BROKEN, strict=True):
        assert stats["rows"] == (2 if reason is None else 1), line[:80]
        assert [name for name in stats["unreadable"] if name.startswith(reason or " ")] == list(stats["unreadable"])
        assert list(stats["first_unreadable"].values()) == ([2] if reason else [])


def test_a_file_of_nothing_that_can_be_read(tmp_path):
    """Is no epoch for nothing: the first of its records says why, also beside a file that is fine."""
    good = write_lines(tmp_path / "good.jsonl", CHOICE)
    (tmp_path / "data.jsonl").write_bytes(b"\n{oops\n[1]\n{oops\n")
    (tmp_path / "data.json").write_text(json.dumps([{"id": 1}, {"id": 2}]))
    for name, says in {
        "data.jsonl": "no record of 3 can be read; the first: {path}, line 2: field '(record)': not JSON",
        "data.json": "no record of 2 can be read; the first: {path}, item 1: field 'question': missing",
    }.items():
        path = tmp_path / name
        done = run("--data", good, path, "--output", tmp_path / "out")
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout
        assert done.stderr.startswith(f"error: {path}: {says.format(path=path)}")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["stats.json", "stats.html"])
def test_what_is_read_is_not_written_to(tmp_path, name):
    data = write_lines(tmp_path / name, CHOICE)
    before = data.read_bytes()
    done = run("--data", data, "--output", tmp_path)
    assert done.returncode == 2 and "would overwrite what is read" in done.stderr
    assert data.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--data", "nowhere.jsonl"], "not there"),
        (["--data", "empty.jsonl"], "no records"),
        (["--data", "good.jsonl", "--manifest", "nowhere.parquet"], "videokr check"),
        (["--data", "good.jsonl", "--manifest", "good.jsonl"], "no manifest"),
        (["--data", "good.jsonl", "--manifest", "other.parquet"], "no manifest of this release"),
        (["--data", "good.jsonl", "--model", "nowhere"], "config.json"),
        (["--data", "good.jsonl", "--model", "model"], "tokenizer_config.json"),
        (["--data", "good.jsonl", "--output", "good.jsonl"], "no folder"),
        (["--data", "good.jsonl", "--token-sample", "0"], "--token-sample is 0"),
        (["--data", "good.jsonl", "--gpus", "-1"], "--gpus is -1"),
        (["--data", "good.jsonl", "--stage", "sft", "rl"], "--stage has 2 values for 1 files"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, flags, says):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_lines(tmp_path / "good.jsonl", CHOICE)
    (tmp_path / "empty.jsonl").touch()
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "other.parquet")
    write_model(tmp_path / "model")
    done = run(*flags, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\xff" * 20, (5).to_bytes(8, "little") + b"{}", b"\2" + bytes(7) + b"[]"]
)
def test_a_checkpoint_that_is_cut_off_is_named(tmp_path, data):
    from videokr.errors import UserError

    (tmp_path / "model.safetensors").write_bytes(data)
    if data.endswith(b"{}"):  # a header shorter than it says
        (tmp_path / "model.safetensors").write_bytes(data[:-1])
    with pytest.raises(UserError, match=r"model\.safetensors"):
        parameters_of(tmp_path)


def test_a_checkpoint_without_safetensors_has_no_size(tmp_path):
    assert parameters_of(tmp_path) is None


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", CHOICE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stats.json").write_text("before")

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    done = run("--data", data, "--output", tmp_path / "out", preexec_fn=little_room)
    assert done.returncode == 2 and "make room" in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"stats.json": "before"}


def test_killed_it_leaves_nothing_and_the_next_run_is_as_if_it_had_not_been(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", *(CHOICE | {"id": str(n)} for n in range(20_000)))
    process = subprocess.Popen(
        command("--data", data, "--output", tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    time.sleep(0.4)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not (tmp_path / "out").exists()
    first = stats_of("--data", data, output=tmp_path / "out")
    assert first == stats_of("--data", data, output=tmp_path / "straight") and first[0]["rows"] == 20_000


def test_several_files_of_one_name_and_stages_apart(tmp_path):
    paths = [write_lines(tmp_path / folder / "data.jsonl", CHOICE) for folder in "ab"]
    found = stats_of("--data", *paths, "--stage", "sft", "eval", output=tmp_path / "out")
    assert [stats["name"] for stats in found] == ["data.jsonl (1)", "data.jsonl (2)"]
    assert found[0]["sft"] and not found[1]["sft"] and not found[1]["grpo"]


def test_memory_is_that_of_small_columns(tmp_path, manifest):
    """What is kept of a row is a few numbers, however long the row is."""
    import tracemalloc

    long = "x" * 10_000
    data = write_lines(tmp_path / "data.jsonl", *(CHOICE | {"id": str(n), "think": long} for n in range(2_000)))
    request = Request(read_manifest(manifest), None, None, None, sample=10, gpus=None)
    file_stats(data, "warm", SFT_STAGE, request)
    tracemalloc.start()
    file_stats(data, "data", SFT_STAGE, request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data.stat().st_size > 20_000_000 and peak < 8_000_000


# The page

in_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")


@in_chromium
def test_the_page_in_a_browser(tmp_path, manifest):
    sft = write_lines(
        tmp_path / 'a<b>"&amp;.jsonl',
        *(CHOICE | {"id": str(n), "subject": HOSTILE, "question": "why " * (n % 40 + 1)} for n in range(60)),
        {"id": HOSTILE},
    )
    rl = write_lines(tmp_path / "rl.jsonl", *(OPEN | {"id": str(n), "think": None} for n in range(40)))
    write_model(tmp_path / "model", "qwen2_5_vl")
    stats_of("--data", sft, rl, "--manifest", manifest, output=tmp_path / "out")
    page = tmp_path / "out" / "stats.html"
    with started(tmp_path / "profile") as tab:
        for width in (1280, 380):
            tab.open(page.as_uri(), width=width, dark=width == 380)
            assert tab.complaints == []
            assert [name for name in tab.requests if not name.startswith("data:")] == [page.as_uri()]
            assert tab.value("window.hacked") is None
            assert tab.value("document.documentElement.scrollWidth") <= width
        text = tab.value("document.body.innerText")
        assert 'a<b>"&amp;.jsonl' in text and HOSTILE in text and "One epoch" in text
        broken = "[...document.querySelectorAll('img')].filter(picture => !picture.naturalWidth).length"
        assert tab.value("document.querySelectorAll('img').length") == 8 and tab.value(broken) == 0
