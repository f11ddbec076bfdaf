"""The task: its rows, its scores through the real host, and the prompt that vLLM sees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import GOLDEN

from lmms_eval_tasks.benchmark import annotations_from_env, read_benchmark, root_from_env
from lmms_eval_tasks.catalogue import write_task
from lmms_eval_tasks.not_asked import without_video
from videokr.errors import RecordError, UserError
from videokr.evaluation.probe import Probe
from videokr.evaluation.verdict import Verdict
from videokr.example import GROUP_FIELDS, parse_example, to_record
from videokr.family import FAMILIES
from videokr.prompt import build_prompt
from videokr.published import EVAL_FILE

RECORDS = [
    {"id": 7, "question": "Q", "option": {"A": "x", "B": "y"}, "ground_truth": "b", "video_path": "./a.mp4"},
    {"id": "m", "question": "Q\nA. x\nB. A. y", "answer": "<answer>A</answer>", "videos": [{"path": "a.mp4"}]},
    {"id": "o", "question": "Q?", "problem_type": "free form", "solution": "42", "path": "a.mp4", "subject": "art"},
    {"id": "c", "question": "Q?", "options": ["x", "y"], "answer": "A", "video": "a.mp4", "timestamp": [[3, 5.25]]},
    {"id": "g", "question": "When?", "problem_type": "temporal grounding", "solution": "8-9, 3-5", "path": "a.mp4"},
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_row_is_the_same_example(record):
    example = parse_example(record)
    row = to_record(example)
    assert parse_example(row) == example
    assert build_prompt(parse_example(row)) == build_prompt(example)
    assert set(row) == {"id", "question", "options", "problem_type", "answer", "videos", "clues", *GROUP_FIELDS}


def benchmark(root: Path, *records: object) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "a.mp4").write_bytes(b"not looked into here")
    (root / EVAL_FILE).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return root


def test_videos_are_found_below_the_root(tmp_path):
    root = benchmark(tmp_path, *RECORDS)
    (root / EVAL_FILE).rename(root / "own.jsonl")
    examples, missing = read_benchmark(root, annotations=annotations_from_env({"VIDEOKR_EVAL_FILE": "own.jsonl"}))
    assert not missing and {example.videos for example in examples} == {(str(tmp_path / "a.mp4"),)}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "x", "question": "Q", "video_path": "a.mp4"}, r"line 2: field 'solution': missing"),
        ({"id": "x", "question": "Q", "answer": "1", "video_path": "../b.mp4"}, r"line 2: field 'video_path': no such"),
        ([1], r"line 2: field '\(record\)': not a JSON object"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_field(tmp_path, record, message):
    with pytest.raises(RecordError, match=message) as caught:
        read_benchmark(benchmark(tmp_path, RECORDS[0], record))
    assert EVAL_FILE in str(caught.value)


def test_a_limit_spares_the_other_videos(tmp_path):
    root = benchmark(tmp_path, RECORDS[0], RECORDS[0] | {"video_path": "absent.mp4"})
    examples, missing = read_benchmark(root, limit=1)
    assert len(examples) == 2 and not missing
    assert read_benchmark(root)[1] == {
        f"{root}/absent.mp4": f"'absent.mp4' (tried '{root}/absent.mp4', '{root}/Videos/absent.mp4')"
    }


def test_what_is_not_there_is_named_and_counted(capsys):
    """Seven questions about five videos, four of which are not there."""
    asked = [parse_example(RECORDS[0] | {"video_path": f"{number}.mp4"}) for number in (0, 1, 2, 2, 2, 3, 4)]
    missing = {f"{number}.mp4": f"'{number}.mp4' (tried '/v/{number}.mp4')" for number in (1, 2, 3, 4)}
    with pytest.raises(UserError, match=r"--skip-missing"):
        without_video({"t": asked}, missing, skip=False)
    found = without_video({"t": asked}, missing, skip=True)
    assert found == {("t", place): Verdict.MISSING_VIDEO for place in range(1, 7)}
    said = "4 videos are not there (of 6 of 7 questions): '1.mp4' (tried '/v/1.mp4'), '2.mp4' (tried '/v/2.mp4'), "
    assert f"{said}'3.mp4' (tried '/v/3.mp4') and 1 more" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"of 7 of 7 questions"):  # nothing is left to ask
        without_video({"t": asked}, missing | {"0.mp4": "'0.mp4'"}, skip=True)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match=EVAL_FILE):
        read_benchmark(tmp_path)
    with pytest.raises(UserError, match="VIDEOKR_EVAL_ROOT"):
        root_from_env({"VIDEOKR_EVAL_ROOT": str(tmp_path / "absent")})


RESPONSES = {
    "right": "<think>…</think>\n<answer>B</answer>",
    "wrong": "<think>B</think>\n<answer>A</answer>",
    "untagged": "So it is B, by its colour.\n\nThe answer is B.",
    "unparsed": "It is one of them.",
    "open": "<think>…</think>\n<answer>a thin rod</answer>",
    "not asked": "",
    "open, the gold answer": "<think>…</think>\n<answer>A rod.</answer>",
    "open-unparsed": "<think>a rod",
}


@pytest.mark.eval
def test_scores_through_the_host(tmp_path, monkeypatch):
    """Scripted responses, real lmms-eval: what lands in its results and samples."""
    pytest.importorskip("lmms_eval")
    from lmms_eval.api.model import lmms
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    for name in ("OPENAI_API_KEY", "VIDEOKR_USE_VLM_JUDGE", "API_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf" / "datasets"))
    closed = {"question": "Q", "options": ["x", "y"], "answer": "B", "video_path": "a.mp4", "subject": "art"}
    free = {"question": "Q", "answer": "a rod", "video_path": "a.mp4", "source": "new"}
    records = [(free if name.startswith("open") else closed) | {"id": name} for name in RESPONSES]
    examples, _ = read_benchmark(benchmark(tmp_path / "data", *records))
    write_task(examples, tmp_path / "tasks", not_asked={list(RESPONSES).index("not asked"): Verdict.TOO_LONG})

    asked: list[list[dict]] = []

    class Script(lmms):  # type: ignore[misc]
        is_simple = False

        def generate_until(self, requests):
            for request in requests:
                _, doc_to_messages, generation, doc_id, task, split = request.arguments
                assert generation["max_new_tokens"] == 8192 and generation["temperature"] == 0.1
                asked.append(doc_to_messages(self.task_dict[task][split][doc_id]))
            return [RESPONSES[records[request.arguments[3]]["id"]] for request in requests]

        def generate_until_multi_round(self, requests):
            raise NotImplementedError

        loglikelihood = generate_until_multi_round

    output = simple_evaluate(
        model=Script(),
        tasks=["videokr_eval"],
        task_manager=TaskManager(include_path=str(tmp_path / "tasks")),
        log_samples=True,
    )
    results = output["results"]["videokr_eval"]
    assert results["videokr_eval_acc,none"] == 3 / 8
    assert results["mc_acc,none"] == 2 / 5
    samples = {
        sample["videokr_eval_acc"]["id"]: sample["videokr_eval_acc"] for sample in output["samples"]["videokr_eval"]
    }
    assert {name: sample["verdict"] for name, sample in samples.items()} == {
        "right": "right",
        "wrong": "wrong",
        "untagged": "right",
        "unparsed": "unparsed",
        "open": "unscored",
        "not asked": "too_long",
        "open, the gold answer": "right",
        "open-unparsed": "unparsed",
    }
    assert "score" not in samples["open"] and samples["unparsed"]["answer"] is None
    video, text = asked[0][0]["content"]
    assert video == {"type": "video", "url": str(tmp_path / "data" / "a.mp4")}
    assert text == {"type": "text", "text": build_prompt(parse_example(records[0]))}


# Run in a process of its own: vLLM reads its CPU settings when it is imported.
BOTH = """
import json, sys
import torch
from lmms_eval_tasks.models.videokr_hf import VideoKRHF
from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM, build_prompt
model, videos = sys.argv[1], sys.argv[2:]
shared = {"max_model_len": 4096, "max_pixels": 128 * 128, "dtype": "float32"}
vllm, hf = VideoKRVLLM(model, enforce_eager=True, **shared), VideoKRHF(model, **shared)
text = {"type": "text", "text": "What colour?\\nA. red\\nB. blue"}
asked = [[{"role": "user", "content": [{"type": "video", "url": video}, text]}] for video in videos]
conversations = list(map(vllm.read, asked))
greedy = {"max_new_tokens": 8, "do_sample": False}
params = vllm.sampling(greedy)
params.logprobs = 1
ran = vllm.engine.generate([build_prompt(one) for one in conversations], [params] * len(conversations), use_tqdm=False)
made = hf.model.generate(**hf.inputs(conversations), generation_config=hf.sampling(greedy, 8),  # padded to one length
                         output_logits=True, return_dict_in_generate=True)
scores = torch.stack(made.logits, dim=1).log_softmax(dim=-1)
answers = hf.answer(conversations, [greedy] * len(conversations))
rows = []
for place, (conversation, output) in enumerate(zip(conversations, ran, strict=True)):
    given, said = hf.inputs([conversation]), output.outputs[0]
    theirs = made.sequences[place, -8:].tolist()
    alike = next((i for i in range(8) if theirs[i] != said.token_ids[i]), 7) + 1  # a tie may part them; not the first
    apart = [abs(said.logprobs[i][token].logprob - float(scores[place, i, token]))
             for i, token in enumerate(said.token_ids[:alike])]
    rows.append({"vllm": list(output.prompt_token_ids), "hf": given["input_ids"][0].tolist(),
                 "shape": list(conversation.videos[0][0].shape), "grid": given["video_grid_thw"].tolist(),
                 "decoded": hf.processor.tokenizer.decode(output.prompt_token_ids),
                 "greedy": theirs == scores[place].argmax(dim=-1).tolist(),
                 "seconds": [float(one) for one in given.get("second_per_grid_ts", ())], "apart": max(apart),
                 "answered": answers[place].text == hf.processor.tokenizer.decode(theirs, skip_special_tokens=True)})
print("ROWS " + json.dumps(rows))
"""

CPU = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "CUDA_VISIBLE_DEVICES": "",
}


def write_clip(path: Path, frames: int, fps: int, size: tuple[int, int]) -> Path:
    """A small H.264 clip with a square that moves; size is (width, height) in pixels."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[8:24, 2 * index % size[0] : 2 * index % size[0] + 16] = (255, 40, 40)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.eval
@pytest.mark.parametrize(("family", "factor"), [("qwen2_5vl", 28), ("qwen3vl", 32)])
def test_vllm_and_transformers_see_and_say_the_same(tmp_path, family, factor):
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model

    model = tmp_path / "model"
    build_model(FAMILIES[family], ["What colour? A. red B. blue <answer>A</answer>"] * 20, model)
    own = json.loads((model / "generation_config.json").read_text(encoding="utf-8"))  # is not to bend greedy answers
    own |= {"repetition_penalty": 3.0, "do_sample": True, "top_k": 2}
    (model / "generation_config.json").write_text(json.dumps(own), encoding="utf-8")
    clips = [
        write_clip(tmp_path / "short.mp4", frames=8, fps=2, size=(64, 64)),
        write_clip(tmp_path / "wide.mp4", frames=90, fps=15, size=(320, 180)),
        write_clip(tmp_path / "tiny.mp4", frames=5, fps=8, size=(64, 48)),
    ]
    ran = subprocess.run(
        [sys.executable, "-c", BOTH, str(model), *map(str, clips)],
        env=os.environ | CPU,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    line = next((line for line in ran.stdout.splitlines() if line.startswith("ROWS ")), None)
    assert line, ran.stderr[-3000:]
    rows = json.loads(line.removeprefix("ROWS "))
    assert [row["shape"][0] for row in rows] == [8, 12, 4]  # 4 s and 6 s at 2 fps; never below 4 frames
    for row in rows:
        assert row["vllm"] == row["hf"]
        assert row["apart"] < 1e-3 and row["answered"] and row["greedy"]
        frames, _, height, width = row["shape"]
        assert height % factor == width % factor == 0 and height * width <= 128 * 128
        assert row["grid"] == [[frames // 2, height * 2 // factor, width * 2 // factor]]
    golden = json.loads((GOLDEN / "video_prompts.json").read_text(encoding="utf-8"))[family]
    assert rows[0]["decoded"] == golden.format(question="What colour?\nA. red\nB. blue")
    if family == "qwen2_5vl":  # seconds a temporal patch, which its positions are made of
        assert [row["seconds"][0] for row in rows] == pytest.approx([1.0, 1.0, 2 / (4 / 5 * 8)])


@pytest.mark.eval
@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3_5"])
def test_a_prompt_has_as_many_tokens_as_the_processor_makes_of_it(tmp_path, family):
    """Counted from headers, with every probe, against transformers' own processor of the decoded frames."""
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.prompt_length import PromptLength
    from lmms_eval_tasks.models.videokr_hf import VideoKRHF
    from lmms_eval_tasks.task import doc_to_messages

    class WithoutWeights(VideoKRHF):
        def load(self, *args, **engine_args):
            """Nothing."""

    build_model(FAMILIES[family], ["What colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    clips = [
        write_clip(tmp_path / "long.mp4", frames=360, fps=15, size=(320, 180)),
        write_clip(tmp_path / "tiny.mp4", frames=5, fps=8, size=(64, 48)),
    ]
    for probe in ("", *Probe):
        settings = {"probe": probe, "probe_seed": 3, "max_pixels": 128 * 128}
        model, counter = (made(str(tmp_path / "model"), **settings) for made in (WithoutWeights, PromptLength))
        for clip in clips:
            asked = {"id": "1", "question": "What?", "options": ["x", "y"], "answer": "A", "video_path": str(clip)}
            given = model.inputs([model.read(doc_to_messages(asked))])["input_ids"]
            assert counter.tokens(parse_example(asked)) == given.shape[1], (probe, clip)


@pytest.mark.eval
@pytest.mark.parametrize("thinking", [False, True])
def test_a_response_begins_with_its_thinking_whoever_opened_it(tmp_path, capfd, monkeypatch, thinking):
    """What the host is given to score and to keep; the model's own words are scripted, all else is the host's."""
    pytest.importorskip("lmms_eval")
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.video_model import VideoModel
    from videokr.budget import SFT_BUDGET
    from videokr.evaluation.responses import Generation
    from videokr.training_card import make_training_card, write_training_card

    said = {"a": "Up.\n</think>\n\n<answer>B</answer>", "b": "Is it <answer>B</answer>? I see", "c": "B"}

    class Scripted(VideoModel):
        def load(self, *args, **engine_args):
            self.asked = []

        def answers(self, ahead, settings):
            for place, (conversation,) in enumerate(ahead.batches(1)):
                self.asked.append(conversation.text)
                name = next(name for name in said if f"Question {name}?" in conversation.text)
                yield place, Generation(("" if thinking else "<think>\n") + said[name], 1, 1)

    model = tmp_path / "model"
    build_model(FAMILIES["qwen3vl"], ["What colour? A. red B. blue <answer>A</answer>"] * 20, model, thinking=thinking)
    write_training_card(
        model, make_training_card("sft", SFT_BUDGET, {}, "owner/name", [], {}, "<|im_start|>assistant\n<think>\n")
    )
    row = {"options": ["x", "y"], "answer": "B", "video_path": "a.mp4"}
    root = benchmark(tmp_path / "data", *(row | {"id": name, "question": f"Question {name}?"} for name in said))
    write_clip(root / "a.mp4", frames=8, fps=2, size=(64, 64))
    write_task(read_benchmark(root)[0], tmp_path / "tasks")
    system = "Be brief, \"a=b\"\n'now'" if thinking else ""
    monkeypatch.setenv("SYSTEM_PROMPT", system)
    asked = Scripted(str(model), max_pixels=64 * 64)
    told = capfd.readouterr()
    assert ("the prompt opens the thinking" in told.out) == thinking
    assert ("was trained with generation prompt" in told.err) == (not thinking)
    manager = TaskManager(include_path=str(tmp_path / "tasks"))
    results = simple_evaluate(model=asked, tasks=["videokr_eval"], task_manager=manager, log_samples=True)
    assert all(text.endswith("assistant\n<think>\n" if thinking else "assistant\n") for text in asked.asked)
    start = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    assert all(text.startswith(f"{start}<|im_start|>user\n") for text in asked.asked)
    samples = {sample["videokr_eval_acc"]["id"]: sample for sample in results["samples"]["videokr_eval"]}
    verdicts = {name: sample["videokr_eval_acc"]["verdict"] for name, sample in samples.items()}
    assert verdicts == {"a": "right", "b": "unparsed", "c": "unparsed"}
    assert {name: sample["filtered_resps"] for name, sample in samples.items()} == {
        name: ["<think>\n" + text] for name, text in said.items()
    }


# vLLM reads its CPU settings when it is imported.
CAST = """
import sys, torch
from transformers import AutoTokenizer, BatchFeature
from vllm.config import ModelConfig
from vllm.multimodal.processing.context import InputProcessingContext
model = sys.argv[1]
context = InputProcessingContext(ModelConfig(model=model, dtype="bfloat16"), AutoTokenizer.from_pretrained(model))
given = BatchFeature({"second_per_grid_ts": torch.tensor([71 / 70])})
print("SECONDS", float(context.call_hf_processor(lambda **_: given, {})["second_per_grid_ts"]))
"""


@pytest.mark.eval
def test_canary_vllm_pull_18862_casts_the_seconds_to_the_model_s_type(tmp_path):
    """When this fails, FramePlan.seconds_per_patch need not be rounded to bfloat16 for all."""
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model

    build_model(FAMILIES["qwen2_5vl"], ["What colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    ran = subprocess.run(
        [sys.executable, "-c", CAST, str(tmp_path / "model")],
        env=os.environ | CPU,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert f"SECONDS {65 / 64}" in ran.stdout, ran.stderr[-3000:]


@pytest.mark.eval
def test_canary_lmms_eval_asks_for_an_older_antlr_than_the_rules_for_open_answers():
    """When this fails, `antlr4-python3-runtime` can leave constraints/eval.in and the overrides of setup_env.sh.

    No issue of lmms-eval's was found: its latex2sympy2 pins 4.7.2, and math-verify takes 4.9.3 and newer alone.
    """
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    wanted = [Requirement(one) for one in requires("latex2sympy2") or ()]
    assert [str(one.specifier) for one in wanted if one.name == "antlr4-python3-runtime"] == ["==4.7.2"]
