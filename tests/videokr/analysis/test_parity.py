"""Whether one example means the same in all three hosts, and whether `videokr parity` would see where it does not."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from checkout import ROOT

from videokr.analysis.parity.comparison import ASPECTS, as_json, as_text, compare
from videokr.analysis.parity.hosts import write_skeleton
from videokr.capture.trace import SeenVideo, Trace, read_report, write_report
from videokr.errors import UserError

np = pytest.importorskip("numpy")


@pytest.fixture
def trace(tmp_path):
    frames = np.arange(4 * 28 * 28 * 3, dtype=np.uint8).reshape(4, 28, 28, 3)
    np.save(tmp_path / "a.npy", frames)
    video = SeenVideo((0, 10, 20, 30), (0.25, 1.25), 28, 28, 2, "a.npy")
    positions = ((0, 1, 1, 3, 4), (0, 1, 1, 3, 4), (0, 1, 2, 3, 4))
    return Trace("one", "see <v>*2", (7, 5, 5), (9, 8), (True, True), positions, (video,))


def changed(trace, tmp_path, aspect):
    """The same but for one aspect."""
    (video,) = trace.videos
    frames = np.load(tmp_path / "a.npy")
    frames[2, 5, 5] += 3
    np.save(tmp_path / "b.npy", frames)
    later = tuple(tuple(place + 1 for place in axis) for axis in trace.position_ids)
    changes = {
        "prompt": {"prompt": "see <v>*3"},
        "token ids": {"prompt_ids": (7, 5, 6)},
        "position ids": {"position_ids": (trace.position_ids[0], later[1], trace.position_ids[2])},
        "frame indices": {"videos": (replace(video, indices=(0, 10, 20, 31)),)},
        "timestamps": {"videos": (replace(video, timestamps=(0.25, 1.252)),)},
        "video tokens": {"videos": (replace(video, video_tokens=3),)},
        "target size": {"videos": (replace(video, height=56),)},
        "pixels": {"videos": (replace(video, frames="b.npy"),)},
        "response tokens": {"response_ids": (9, 9)},
        "loss": {"loss": (True, False)},
    }
    return replace(trace, **changes[aspect])


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_difference_is_seen_and_named(aspect, trace, tmp_path):
    (found,) = compare(trace, changed(trace, tmp_path, aspect), "RL", tmp_path)
    assert (found.example, found.host, found.aspect) == ("one", "RL", aspect) and found.detail


def test_nothing_is_found_where_nothing_differs(trace, tmp_path):
    nearly = replace(trace.videos[0], timestamps=(0.2504, 1.25))
    assert not list(compare(trace, replace(trace, videos=(nearly,)), "RL", tmp_path))
    engine = replace(trace, response_ids=(), loss=None, position_ids=tuple(axis[:3] for axis in trace.position_ids))
    assert not list(compare(trace, engine, "vLLM", tmp_path))


def test_an_engine_is_to_have_everything_before_the_last_turn(trace, tmp_path):
    positions = (tuple(range(8)),) * 3
    loss = (True, True, False, True, False)  # a turn of two tokens, one of the tool, one more turn, a line break
    first = replace(trace, response_ids=(9, 8, 1, 7, 2), loss=loss, position_ids=positions)
    engine = replace(first, response_ids=(9, 8, 1), loss=None, position_ids=tuple(axis[:6] for axis in positions))
    assert not list(compare(first, engine, "vLLM", tmp_path))
    earlier = replace(engine, response_ids=(), position_ids=tuple(axis[:3] for axis in positions))
    assert [found.aspect for found in compare(first, earlier, "vLLM", tmp_path)] == ["response tokens", "position ids"]


def test_a_report_shows_every_aspect_and_where_hosts_differ(trace, tmp_path):
    other = changed(trace, tmp_path, "frame indices")
    traces = {"SFT": [trace], "RL": [other], "eval": [trace]}
    differences = list(compare(trace, other, "RL", tmp_path))
    lines = as_text(traces, differences).splitlines()
    assert lines[0] == "one" and [line.split("  ")[1] for line in lines[1:5]] == list(ASPECTS)[:4]
    assert lines[5] == "    RL: from place 3: 0 10 20 30 | 0 10 20 31"
    assert next(line.split() for line in lines if line.startswith("frame indices")) == ["frame", "indices", "1", "0"]
    assert lines[-1] == "1 of 1 examples differ"
    report = json.loads(json.dumps(as_json(traces, differences)))
    assert report["seen"]["RL"][0]["videos"][0]["indices"] == [0, 10, 20, 31]
    assert [(found["host"], found["aspect"]) for found in report["differences"]] == [("RL", "frame indices")]


def test_a_report_reads_back(trace, tmp_path):
    write_report(tmp_path, "sft", [trace])
    assert read_report(tmp_path, "sft") == [trace]


@pytest.mark.parametrize(
    ("text", "vision", "short"),
    [
        (  # as Qwen3-VL-8B has it
            {"num_hidden_layers": 36, "layer_types": ["full_attention"] * 36},
            {"depth": 27, "deepstack_visual_indexes": [8, 16, 24]},
            {"depth": 3, "deepstack_visual_indexes": [0, 1, 2]},
        ),
        (
            {"num_hidden_layers": 28},
            {"depth": 32, "fullatt_block_indexes": [7, 15, 23, 31]},
            {"depth": 4, "fullatt_block_indexes": [0, 1, 2, 3]},
        ),
    ],
)
@pytest.mark.parametrize("nested", [True, False])  # older checkpoints have the text model's settings at the top
def test_a_skeleton_is_short_and_holds_no_weights(text, vision, short, nested, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    kept = {"tokenizer.json", "preprocessor_config.json"}
    for name in ("model-00001-of-00002.safetensors", "model.safetensors.index.json", *kept):
        (model / name).write_text("{}", encoding="utf-8")
    config = {"model_type": "x", "vision_config": vision} | ({"text_config": text} if nested else text)
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_skeleton(model, tmp_path / "skeleton")
    assert {path.name for path in (tmp_path / "skeleton").iterdir()} == kept | {"config.json"}
    made = json.loads((tmp_path / "skeleton" / "config.json").read_text(encoding="utf-8"))
    own = made["text_config"] if nested else made
    assert (own["num_hidden_layers"], own["max_position_embeddings"]) == (4, 32_768)
    assert len(own.get("layer_types", range(4))) == 4 and made["vision_config"] == short


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"vision_config": {"depth": 2}}, "num_hidden_layers"),
        ({"text_config": {"num_hidden_layers": 4}}, "vision_config"),
        ({"text_config": None, "vision_config": {}}, "whole checkpoint"),
        ({"text_config": {"num_hidden_layers": "four"}, "vision_config": {}}, "whole checkpoint"),
        (None, "no processor there"),
    ],
)
def test_a_folder_that_is_no_whole_checkpoint_is_named(config, says, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    for name in ("tokenizer.json", "processor_config.json") if config else ("tokenizer.json",):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=says):
        write_skeleton(tmp_path, tmp_path / "skeleton")
    assert not (tmp_path / "skeleton").exists()


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.eval
@pytest.mark.parametrize("name", ["qwen2_5vl", "qwen3vl"])
def test_a_processor_s_patches_turn_back_into_the_frames(name, tmp_path):
    import torch
    from transformers import AutoProcessor

    from data_prep.demo.tiny_model import build_model
    from videokr.budget import SFT_BUDGET
    from videokr.capture.trace import recorded_videos
    from videokr.family import FAMILIES
    from videokr.video.frame_plan import VideoHeader, plan_frames

    build_model(FAMILIES[name], ["What colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    plan = plan_frames(VideoHeader(40, 10.0, 96, 160), SFT_BUDGET, processor.video_processor.patch_size)
    generator = torch.Generator().manual_seed(0)
    shape = (len(plan.indices), 3, plan.height, plan.width)
    frames = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    with recorded_videos(tmp_path, "x") as calls:
        processor.video_processor(
            videos=[frames],
            video_metadata=[plan.metadata],
            do_sample_frames=False,
            do_resize=False,
            return_tensors="pt",
        )
    ((seen,),) = calls
    assert seen.indices == plan.indices and seen.video_tokens == plan.video_tokens
    assert (np.load(tmp_path / seen.frames) == frames.permute(0, 2, 3, 1).numpy()).all()


def write_model_files(model):
    """As much as is looked at before the hosts are asked."""
    config = {"model_type": "qwen3_vl", "text_config": {"num_hidden_layers": 2}, "vision_config": {}}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in ("tokenizer.json", "processor_config.json"):
        (model / name).write_text("{}", encoding="utf-8")


def parity(*arguments):
    # The installed package's own command would do; the module is that of this checkout.
    return subprocess.run(
        [sys.executable, "-m", "videokr", "parity", "--cpu", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("VIDEOKR")},
    )


# Of one host's own Python each: a fault in what it does with the last record, and where `videokr parity` must see it.
FAULTS = {
    "rl": "import verl_plugin.rows as w, videokr.capture.request as r; "
    "f, g = r.build_response, w.build_placeholder_prompt; "
    "r.build_response = lambda t, a: f(t, a) + ' ' * ('FAULT' in t); "
    "w.build_placeholder_prompt = lambda e: g(e) + ' ' * ('FAULT' in e.rationale)",
    "eval": "import videokr.video.reader as v; f = v.read_original; "
    "v.read_original = lambda p, *a: (lambda t, plan: (t.flip(3) if '{video}' in str(p) else t, plan))(*f(p, *a))",
}
SEEN = {
    "RL, vLLM": {"prompt", "token ids", "position ids"},
    "RL, trainer": {"prompt", "token ids", "position ids", "response tokens", "loss"},
    "eval, vLLM": {"pixels"},
    "eval, HF": {"pixels"},
}


def put_faults(records, environments):
    """Environments of the real ones' Pythons, two of them with a fault in the last record."""
    *others, line = records.read_text(encoding="utf-8").splitlines()
    last = json.loads(line)
    last["think"] = last["think"].replace("A bar", "FAULT: a bar")
    records.write_text("\n".join([*others, json.dumps(last)]) + "\n", encoding="utf-8")
    for stage in ("sft", "rl", "eval"):
        python = environments / stage / "bin" / "python"
        python.parent.mkdir(parents=True)
        fault = FAULTS.get(stage, "pass").replace("{video}", last["videos"][-1])
        run = "import runpy, sys; sys.argv = sys.argv[2:]; runpy.run_module(sys.argv[0], run_name='__main__')"
        real = ROOT / ".venvs" / stage / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{real}" -c "{fault}; {run}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
    return last["id"]


@pytest.mark.eval  # the last environment that the tests build: the other two are there
@pytest.mark.parametrize(
    ("name", "sampling"),
    [
        ("qwen2_5vl", "index"),  # with faults in the last
        ("qwen3vl", "time"),  # its mixture of experts
    ],
)
def test_one_example_is_the_same_in_all_three_hosts(name, sampling, tmp_path):
    """Twenty-five clips of every shape; the README has the figures of two hundred, and of every budget.

    A fault in one host is seen there and nowhere else, in its example and no other.
    """
    from odd_clips import write_clips

    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    write_clips(tmp_path / "clips", count := 25, progress=False)
    records = tmp_path / "clips" / "records.jsonl"
    build_model(FAMILIES[name], corpus_of(records), tmp_path / "model", moe=name == "qwen3vl")
    sheet = tmp_path / "sheet.png"
    settings = ["--records", records, "--n", str(count), "--max-pixels", "8192", "--sampling", sampling]
    faulty, seen = None, {}
    if name == "qwen2_5vl":
        faulty, seen = put_faults(records, tmp_path / "environments"), SEEN
        settings += ["--environments", tmp_path / "environments"]
    done = parity("--model", tmp_path / "model", *settings, "--sheet", sheet, "--json")
    assert done.returncode == bool(faulty), done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert len(report["examples"]) == count
    assert all(found["example"] == faulty and found["detail"] for found in report["differences"])
    hosts = {found["host"] for found in report["differences"]}
    assert {host: {one["aspect"] for one in report["differences"] if one["host"] == host} for host in hosts} == seen
    shown = [example["prompt"] for each in report["seen"].values() for example in each if example["example"] != faulty]
    assert len(shown) == 5 * (count - bool(faulty)) and all(
        prompt.endswith("<|im_start|>assistant\n") for prompt in shown
    )
    assert sheet.read_bytes().startswith(b"\x89PNG")
    if sampling == "time":  # unlike by index, also of the clip whose frames are not equally long
        steps = np.diff([video["timestamps"] for video in report["seen"]["SFT"][6]["videos"]])
        assert np.ptp(steps) < 0.01


@pytest.mark.eval
def test_one_dialogue_is_the_same_in_all_three_hosts(tmp_path):
    """Six dialogues of Qwen3.5, each turn after its own thinking; benchmarks/README.md has fifty of both others."""
    from dialogues import TOLD_IN_XML
    from odd_clips import write_clips
    from transformers import AutoTokenizer

    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    write_clips(tmp_path / "clips", 6, progress=False)
    records = tmp_path / "clips" / "dialogues.jsonl"
    build_model(FAMILIES["qwen3_5"], corpus_of(records), tmp_path / "model")
    settings = ("--records", records, "--n", "6", "--max-pixels", "8192", "--json")
    done = parity("--agentic", "--model", tmp_path / "model", *settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["differences"] == [] and report["hosts"] == ["RL, vLLM", "RL, trainer", "eval, vLLM"]
    given = [json.loads(line)["rounds"] for line in records.read_text(encoding="utf-8").splitlines()]
    looks = [sum(len(one["clue"]) for one in rounds) for rounds in given]
    assert [len(trace["videos"]) for trace in report["seen"]["eval, vLLM"]] == [1 + number for number in looks]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    for trace, number in zip(report["seen"]["SFT"], looks, strict=True):
        assert trace["prompt"].startswith(f"<|im_start|>system\n{TOLD_IN_XML}<|im_end|>\n")
        assert trace["prompt"].endswith("<|im_start|>assistant\n<think>\n")
        said = tokenizer.decode(trace["response_ids"])
        assert said.count("<tool_call>\n<function=get_video_clip_frame>\n<parameter=start_time>\n") == number
        assert "{" not in said


@pytest.fixture
def stood_in(tmp_path):
    """Arguments of `videokr parity` for which every host's Python is this shell script."""

    def write(script):
        model = tmp_path / "model"
        model.mkdir()
        write_model_files(model)
        record = {"id": "a", "question": "What?", "answer": "red", "video": "a.mp4", "think": "It is red."}
        (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
        for stage in ("sft", "rl", "eval"):
            python = tmp_path / "environments" / stage / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            python.chmod(0o755)
        settings = ("--records", tmp_path / "records.jsonl", "--environments", tmp_path / "environments")
        return ("--model", model, *settings)

    return write


@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        ("echo 'error: video a.mp4 is not there' >&2; exit 2", 2, "error: video a.mp4 is not there\n"),
        ("echo 'Segmentation fault'; exit 139", 3, "failed with status 139; its log ends:\nSegmentation fault\n"),
    ],
)
def test_a_host_that_fails_ends_the_others(script, status, says, stood_in, tmp_path):
    """The first has failed; the others would run for a minute."""
    done = parity(*stood_in(f'case "$*" in *llamafactory*) {script};; *) exec sleep 60;; esac'))
    assert done.returncode == status and done.stderr.endswith(says), done.stderr


def test_nothing_is_left_when_it_is_ended(stood_in, tmp_path):
    arguments = stood_in(f'echo $$ >>"{tmp_path}/started"; exec sleep 60')
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "videokr", "parity", *map(str, arguments)]
    asked = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    started = tmp_path / "started"
    while asked.poll() is None and not (started.is_file() and started.read_text().count("\n") == 3):
        time.sleep(0.05)
    time.sleep(1)  # the third may have said so before its parent knows that it was started
    asked.terminate()
    asked.communicate()
    assert asked.returncode == 143
    assert not [number for number in started.read_text().split() if Path(f"/proc/{number}").exists()]
    assert not list(tmp_path.glob("videokr-parity-*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--model", "/none", "--records", "r.jsonl"), "no config.json there"),
        (("--model", "MODEL", "--records", "/none.jsonl"), "'/none.jsonl' is not there"),
        (("--model", "MODEL", "--records", "RECORDS", "--n", "0"), "--n is 0"),
        (("--model", "MODEL", "--records", "RECORDS"), "has no rationale"),
        (("--model", "MODEL", "--records", "GOOD", "--sheet", "/none/a.png"), "--sheet '/none/a.png'"),
        (("--model", "MODEL", "--records", "GOOD", "--environments", "/none"), "setup_env.sh sft"),
    ],
)
def test_mistakes_are_named(arguments, says, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    write_model_files(model)
    record = {"id": "a", "question": "What?", "answer": "red", "video": "a.mp4"}
    (tmp_path / "records.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (tmp_path / "good.jsonl").write_text(json.dumps(record | {"think": "It is red."}) + "\n", encoding="utf-8")
    put = {"MODEL": model, "RECORDS": tmp_path / "records.jsonl", "GOOD": tmp_path / "good.jsonl"}
    done = parity(*(put.get(word, word) for word in arguments))
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and says in done.stderr
