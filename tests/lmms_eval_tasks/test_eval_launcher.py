"""local_script/eval_videokr.sh: the published command, the user's mistakes, and a real run of both families."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from checkout import ROOT
from recipes_page import commands
from slurm_job import PAGE as CLUSTER
from slurm_job import job_variables, kill_when, processes

from lmms_eval_tasks.results import has_score, newest_results

LAUNCHER = ROOT / "local_script" / "eval_videokr.sh"
JUDGE_NAMES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_API_KEY", "API_TYPE", "VIDEOKR_USE_VLM_JUDGE")


def launch(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the launcher with these variables and no judge but theirs."""
    kept = {name: value for name, value in os.environ.items() if name not in JUDGE_NAMES}
    settings = {
        "VIDEOKR_PYTHON": sys.executable,
        "VIDEOKR_ENV_FILE": str(folder / "absent.env"),
        "HF_HOME": str(folder / "hf"),
        "OUTPUT_PATH": str(folder / "out"),
    }
    return subprocess.run(
        ["bash", str(LAUNCHER), *words],
        env=kept | settings | variables,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=560,
        check=False,
    )


def write_model_config(folder: Path, model_type: str = "qwen3_vl") -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    (folder / "model.safetensors").touch()
    return folder


def write_clip(path: Path, red: int) -> None:
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for index in range(8):
            picture = np.zeros((96, 96, 3), np.uint8)
            picture[20:40, 8 * index : 8 * index + 20] = (red, 80, 80)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def record(index: int, **more: object) -> dict[str, object]:
    choice = {"options": ["red", "blue"], "answer": "A", "subject": "physics"}
    free = {"problem_type": "open-ended", "answer": "red", "subject": "art"}
    base = {"id": f"q{index}", "question": "Which colour?", "video_path": f"videos/{index}.mp4", "source": "new"}
    return base | (free if index % 3 == 2 else choice) | more


def write_benchmark(root: Path, records: list[dict[str, object]], videos: int) -> Path:
    for index in range(videos):
        write_clip(root / "videos" / f"{index}.mp4", red=10 * index)
    root.mkdir(exist_ok=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (root / "VideoKR_eval.jsonl").write_text(lines, encoding="utf-8")
    return root


def test_dry_run_prints_the_published_settings(tmp_path):
    model = write_model_config(tmp_path / "My Model+")
    ran = launch(tmp_path, DRY_RUN="1", VIDEOKR_MODEL=str(model), LIMIT="10", OUTPUT_PATH="")
    assert ran.returncode == 0, ran.stderr
    command = ran.stdout.replace("\\", "")
    assert (
        f"--model videokr_vllm --model_args model={model},fps=2,max_frame_num=128,max_pixels=200704,"
        "sampling=index,max_model_len=32768,tensor_parallel_size=1,gpu_memory_utilization=0.85,responses=" in command
    )
    output = "outputs/videokr/My_Model__vllm"
    assert f"--include_path {output}/tasks --tasks videokr_eval --batch_size 4 --log_samples " in command
    assert f"--log_samples_suffix videokr_My_Model__vllm --output_path {output} " in command
    assert "--limit 10" in command
    assert "VLLM_CPU" not in command and "enforce_eager" not in command
    assert list(tmp_path.iterdir()) == [model]


def test_dry_run_of_replicas_starts_one_process_each(tmp_path):
    ran = launch(tmp_path, DRY_RUN="1", VIDEOKR_MODEL="o/m", DATA_PARALLEL_SIZE="4", TENSOR_PARALLEL_SIZE="2")
    assert "-m videokr.torchrun --nproc_per_node 4 --standalone -m lmms_eval" in ran.stdout
    assert "tensor_parallel_size=2" in ran.stdout


def test_subtitles_are_told_which_frames_are_shown(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "shown: $FPS $MAX_FRAME_NUM $SAMPLING"\n', encoding="utf-8")
    python.chmod(0o755)
    ran = launch(tmp_path, VIDEOKR_PYTHON=str(python), VIDEOKR_MODEL="o/m", MAX_FRAME_NUM="64")
    assert "shown: 2 64 index" in ran.stdout


def test_transformers_answers_where_asked_for(tmp_path):
    given = {"DRY_RUN": "1", "VIDEOKR_MODEL": "o/m", "BACKEND": "hf"}
    ran = launch(tmp_path, **given, OUTPUT_PATH="")
    assert "--model videokr_hf " in ran.stdout and "outputs/videokr/m_hf" in ran.stdout
    assert "tensor_parallel" not in ran.stdout and "gpu_memory" not in ran.stdout
    for wrong, says in (({"BACKEND": "sglang"}, "vllm or hf"), ({"TENSOR_PARALLEL_SIZE": "2"}, "one GPU a process")):
        ran = launch(tmp_path, **{**given, **wrong})
        assert ran.returncode == 2 and says in ran.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("BATCH_SIZE", "0"), ("DATA_PARALLEL_SIZE", "1.5"), ("MAX_PIXELS", "-1"), ("FPS", "0"), ("MAX_FRAME_NUM", "x")],
)
def test_a_number_that_is_none_is_refused_at_once(tmp_path, name, value):
    ran = launch(tmp_path, VIDEOKR_MODEL="o/m", **{name: value})
    assert ran.returncode == 2 and ran.stderr.startswith(f"error: {name} is '{value}': ")


def test_a_probe_is_an_argument_and_a_folder_of_its_own(tmp_path):
    ran = launch(tmp_path, "--probe", "single", DRY_RUN="1", VIDEOKR_MODEL="o/m", PROBE_SEED="2", OUTPUT_PATH="")
    assert (
        "probe=single" in ran.stdout and "probe_seed=2" in ran.stdout and "outputs/videokr/m_vllm_single" in ran.stdout
    )
    for words, says in (
        (("--probe", "deaf"), "blind, single, four, shuffled or swapped"),
        (("blind",), "no argument"),
        (("--probe", "blind", "--tool", "crop"), "leave one out"),
    ):
        ran = launch(tmp_path, *words, DRY_RUN="1", VIDEOKR_MODEL="o/m")
        assert ran.returncode == 2 and says in ran.stderr


def test_a_sweep_is_one_run_for_each_number_of_frames(tmp_path):
    ran = launch(tmp_path, DRY_RUN="1", VIDEOKR_MODEL="o/m", FRAMES="16,64", OUTPUT_PATH="o")
    assert ran.returncode == 0, ran.stderr
    assert [f"max_frame_num={number}" in ran.stdout for number in (16, 64, 128)] == [True, True, False]
    assert "--output_path o/frames_16" in ran.stdout and "--output_path o/frames_64" in ran.stdout
    for wrong in ("16", "16,x", "0,16"):
        ran = launch(tmp_path, DRY_RUN="1", VIDEOKR_MODEL="o/m", FRAMES=wrong)
        assert ran.returncode == 2 and f"FRAMES is '{wrong}'" in ran.stderr


def test_repeats_are_one_run_for_each_seed(tmp_path):
    given = {"DRY_RUN": "1", "VIDEOKR_MODEL": "o/m", "OUTPUT_PATH": "o"}
    ran = launch(tmp_path, **given, RUNS="2")
    first, second = ran.stdout.splitlines()
    assert "--output_path o/run_0" in first and "seed=" not in first  # the responses of a run as it always was
    assert "--output_path o/run_1" in second and "seed=1" in second
    for wrong, says in ({"RUNS": "2", "FRAMES": "16,32"}, "one at a time"), ({"SEED": "-1"}, "SEED is '-1'"):
        ran = launch(tmp_path, **given, **wrong)
        assert ran.returncode == 2 and says in ran.stderr


def test_the_env_file_sets_what_is_unset_and_runs_nothing(tmp_path):
    env_file = tmp_path / "own.env"
    env_file.write_text(
        "# a comment\nexport RUN_NAME='from file'\nFPS=9\nTASKS=\"$(touch ran)\"\nGEN_KWARGS=`touch ran`\n",
        encoding="utf-8",
    )
    ran = launch(tmp_path, DRY_RUN="1", VIDEOKR_MODEL="o/m", FPS="1", VIDEOKR_ENV_FILE=str(env_file), OUTPUT_PATH="")
    assert ran.returncode == 0, ran.stderr
    command = ran.stdout.replace("\\", "")
    assert "fps=1," in command and "from file_vllm" in command
    assert not (tmp_path / "ran").exists()


@pytest.mark.eval
@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no model given", "set VIDEOKR_MODEL"),
        ("model not there", "absent"),
        ("unknown family", "model_type 'llama' is not covered"),
        ("no annotation file", "VideoKR_eval.jsonl' is not there"),
        ("no root", "VIDEOKR_EVAL_ROOT"),
        ("no answer", "line 2: field 'solution': missing"),
        ("video not there", "1 videos are not there (of 1 of 2 questions): 'videos/1.mp4' (tried '"),
        ("nothing left", "2 videos are not there (of 2 of 2 questions): 'videos/0.mp4' (tried '"),
        ("short context", "2 of 2 prompts leave no room for an answer in MAX_MODEL_LEN=64: 'q0' of videokr_eval has "),
        ("video is no video", "1.mp4' cannot be decoded"),
        ("judge not configured", "OPENAI_API_KEY is not set"),
        ("judge not there", "127.0.0.1:9"),
        ("endless", "LIMIT is 'inf'"),
        ("nothing asked", "LIMIT is '0'"),
        ("long context", "MAX_MODEL_LEN is 32768, but model"),
        ("no setting", "GEN_KWARGS has 'greedy'"),
        ("no tokens", "GEN_KWARGS has 'max_new_tokens=0'"),
        ("no such setting", "GEN_KWARGS has 'temprature', which is no setting"),
        ("no such wording", "SYSTEM_PROMPT='video-r2' is no published wording"),
        ("another's prompt", "SYSTEM_PROMPT is for tasks of VideoKR, and TASKS has 'mvbench'"),
    ],
)
def test_a_mistake_ends_in_one_line_and_status_2(tmp_path, case, message):
    pytest.importorskip("lmms_eval")
    records, videos = [record(0), record(1)], 2
    if case == "no answer":
        del records[1]["answer"]
    if case in ("video not there", "nothing left"):
        videos = 1 if case == "video not there" else 0
    root = write_benchmark(tmp_path / "data", records, videos)
    if case == "video is no video":
        (root / "videos" / "1.mp4").write_bytes(b"<html>not found</html>")
    if case == "no annotation file":
        (root / "VideoKR_eval.jsonl").unlink()
    model = write_model_config(tmp_path / "model", "llama" if case == "unknown family" else "qwen3_vl")
    if case == "long context":
        config = {"model_type": "qwen3_vl", "text_config": {"max_position_embeddings": 4096}}
        (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if case == "short context":
        from data_prep.demo.tiny_model import build_model
        from videokr.family import FAMILIES

        build_model(FAMILIES["qwen3vl"], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, model)
    variables = {"VIDEOKR_MODEL": str(model), "VIDEOKR_EVAL_ROOT": str(root)} | {
        "no model given": {"VIDEOKR_MODEL": ""},
        "model not there": {"VIDEOKR_MODEL": str(tmp_path / "absent")},
        "no root": {"VIDEOKR_EVAL_ROOT": str(tmp_path / "absent")},
        "endless": {"LIMIT": "inf"},
        "nothing asked": {"LIMIT": "0"},
        "short context": {"MAX_MODEL_LEN": "64"},
        "no setting": {"GEN_KWARGS": "temperature=0,greedy"},
        "no tokens": {"GEN_KWARGS": "max_new_tokens=0"},
        "no such setting": {"GEN_KWARGS": "temprature=0.7"},
        "no such wording": {"SYSTEM_PROMPT": "video-r2"},
        "another run": {"GEN_KWARGS": "temperature=0"},
        "another's prompt": {"TASKS": "videokr_eval,mvbench", "SYSTEM_PROMPT": "onethinker"},
        "judge not configured": {"VIDEOKR_USE_VLM_JUDGE": "1"},
        "judge not there": {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
    }.get(case, {})
    ran = launch(tmp_path, *(["--skip-missing"] if case == "nothing left" else []), **variables)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    errors = ran.stderr.strip().splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: ") and message in errors[0], ran.stderr
    assert not (tmp_path / "out").exists()  # nothing half-written


def test_results_of_a_run_that_was_asked_otherwise_are_not_replaced(tmp_path):
    from dataclasses import replace

    from lmms_eval_tasks.preflight import refuse_other_run
    from videokr.budget import EVAL_BUDGET
    from videokr.errors import UserError
    from videokr.evaluation.card import RunCard

    card = RunCard("m", None, None, "vllm", "0" * 64, EVAL_BUDGET, 1_024, "", None, "any-form", None, 0, {})
    refuse_other_run(tmp_path, card)
    card.write(tmp_path)
    refuse_other_run(tmp_path, replace(card, extractor="tagged", judge={"model": "m"}, data={"videokr_eval": {}}))
    for change in ({"generation": "temperature=0"}, {"wording": "onethinker"}, {"sampling_seed": 1}):
        with pytest.raises(UserError, match=f"asked otherwise .{next(iter(change))}.*RUN_NAME or an OUTPUT_PATH"):
            refuse_other_run(tmp_path, replace(card, **change))


class GarbageJudge(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        trial = b"1 + 1?" in self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "1" if trial else "As a judge, 1!"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = json.dumps({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.mark.eval
def test_a_tiny_model_is_evaluated_on_a_local_file(tmp_path):
    """Real lmms-eval with two replicas of vLLM on the CPU; the judge passes its trial and then answers garbage.

    Of two long questions one fills the context to the last token, and the other has one token less: it is answered.
    """
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.prompt_length import PromptLength
    from videokr.example import parse_example
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3_5"], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    longest = record(4, question="z" * 1500)
    records = [*map(record, range(4)), longest, record(4, id="q5", question="z" * 1499), record(6), record(7)]
    root = write_benchmark(tmp_path / "data", records, videos=5)
    tokens = PromptLength(str(tmp_path / "model")).tokens(
        parse_example(longest | {"video_path": str(root / "videos" / "4.mp4")})
    )
    judge = ThreadingHTTPServer(("127.0.0.1", 0), GarbageJudge)
    threading.Thread(target=judge.serve_forever, daemon=True).start()
    try:
        ran = launch(
            tmp_path,
            "--skip-missing",
            VIDEOKR_CPU="1",
            VIDEOKR_MODEL=str(tmp_path / "model"),
            VIDEOKR_EVAL_ROOT=str(root),
            DATA_PARALLEL_SIZE="2",
            BATCH_SIZE="2",
            MAX_MODEL_LEN=str(tokens),
            GEN_KWARGS="max_new_tokens=16",
            LIMIT="7",
            ANSWER_FORM="tagged",  # else anything that the model says in one line is an answer, and judged
            OPENAI_API_KEY="sk-of-the-test",
            OPENAI_BASE_URL=f"http://127.0.0.1:{judge.server_address[1]}/v1",
        )
    finally:
        judge.shutdown()
        judge.server_close()
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    assert "sk-of-the-test" not in ran.stdout + ran.stderr
    assert "judge: gpt-4o" in ran.stdout and "unparsed" in ran.stdout and "subject: physics" in ran.stdout
    (path,) = (tmp_path / "out").rglob("*_results.json")
    assert "sk-of-the-test" not in path.read_text(encoding="utf-8")
    scores = json.loads(path.read_text(encoding="utf-8"))["results"]["videokr_eval"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    overall = summary["benchmarks"]["videokr_eval"]["overall"]
    assert (
        overall["questions"] == 7 == 2 + sum(overall[name] for name in ("right", "wrong", "unparsed", "judge_failed"))
    )
    assert (overall["too_long"], overall["missing_video"]) == (1, 1)
    assert scores["videokr_eval_acc,none"] == overall["right"] / 7
    assert f"1 of 7 prompts leave no room for an answer in MAX_MODEL_LEN={tokens}: 'q4' of videokr_eval" in ran.stderr
    assert "1 videos are not there (of 1 of 7 questions): 'videos/6.mp4' (tried '" in ran.stderr
    assert "too long  missing video" in ran.stdout and "1 questions have no video" in ran.stdout
    card = json.loads((tmp_path / "out" / "run_card.json").read_text(encoding="utf-8"))["data"]["videokr_eval"]
    assert (card["questions"], card["too_long"], card["missing_video"]) == (7, 1, 1)
    (samples,) = (tmp_path / "out").rglob("*_samples_videokr_eval.jsonl")
    logged = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    by_id = {sample["videokr_eval_acc"]["id"]: sample for sample in logged}
    assert sorted(by_id) == [f"q{index}" for index in range(7)]
    assert [by_id[name]["videokr_eval_acc"]["verdict"] for name in ("q4", "q6")] == ["too_long", "missing_video"]
    assert by_id["q5"]["token_counts"][0] | {"output_tokens": 1} == by_id["q5"]["token_counts"][0]
    assert by_id["q5"]["token_counts"][0]["input_tokens"] == tokens - 1
    assert all(sample["token_counts"][0]["output_tokens"] <= 16 for sample in logged)


@pytest.mark.eval
def test_an_evaluation_on_two_nodes_goes_on_after_a_death_with_the_verdicts_of_one_node(tmp_path):
    """By the SLURM template; the second node's replica is killed while it answers."""
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from videokr.evaluation.run import read_run
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3vl"], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    root = write_benchmark(tmp_path / "data", [record(index) for index in range(24)], videos=24)
    settings = {
        "VIDEOKR_CPU": "1", "VIDEOKR_MODEL": str(tmp_path / "model"), "VIDEOKR_EVAL_ROOT": str(root), "BACKEND": "hf",
        "BATCH_SIZE": "1", "MAX_MODEL_LEN": "2048", "GEN_KWARGS": "max_new_tokens=64",
    }  # fmt: skip
    (command,) = commands("Evaluation", CLUSTER)
    job = job_variables(tmp_path)
    path = {"VIDEOKR_PYTHON": sys.executable, "VIDEOKR_ENV_FILE": "absent.env", "OUTPUT_PATH": str(tmp_path / "out")}

    def submitted() -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command.replace("=merged", f"={settings['VIDEOKR_MODEL']}")],
            env=os.environ | path | settings | job, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def kept() -> list[int]:
        return [log.read_bytes().count(b"key") for log in sorted((tmp_path / "out" / "responses").glob("*.jsonl"))]

    killed = submitted()
    told = kill_when(
        killed,
        lambda: len(kept()) == 2 and min(kept()) >= 2,
        lambda: processes(job, SLURMD_NODENAME="node-b", RANK="1"),
    )
    assert killed.returncode == 1, told[-3000:]
    assert told.splitlines()[-1].startswith("error: node 'node-b' ended the run, with status 137"), told[-3000:]
    before = sum(kept())
    assert 4 <= before < 24
    assert not (tmp_path / "out" / "run_card.json").exists()  # no run before it has ended
    again = submitted()
    told = again.communicate()[0]
    assert again.returncode == 0, told[-3000:]
    assert f"{before} of 24 responses are there from before" in told
    ran = launch(tmp_path, **settings, OUTPUT_PATH=str(tmp_path / "alone"))
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    whole, alone = (read_run(tmp_path / name).answers["videokr_eval"] for name in ("out", "alone"))
    by_id = {one.example.id: one for one in whole}
    assert [one.example.id for one in alone] == [f"q{index}" for index in range(24)]
    assert [by_id[one.example.id] for one in alone] == list(alone) and len(whole) == 24


@pytest.mark.eval
def test_blind_repeats_draw_by_their_seed_and_any_system_prompt_arrives(tmp_path, monkeypatch):
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.prompt_length import PromptLength
    from videokr.evaluation.run import read_run
    from videokr.family import FAMILIES

    model = tmp_path / "model"
    build_model(FAMILIES["qwen3vl"], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, model)
    root = write_benchmark(tmp_path / "data", [record(0), record(1)], videos=2)
    strange = "model=x, \"seed=7\"\n'$(exit 1)' \\boxed{}"
    ran = launch(
        tmp_path, "--probe", "blind", VIDEOKR_CPU="1", VIDEOKR_MODEL=str(model), VIDEOKR_EVAL_ROOT=str(root), RUNS="2",
        SYSTEM_PROMPT=strange, BACKEND="hf", MAX_MODEL_LEN="2048", GEN_KWARGS="max_new_tokens=16,temperature=1,top_p=1",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    assert "2 runs, seeds 0, 1" in ran.stdout
    monkeypatch.setenv("SYSTEM_PROMPT", strange)
    spread = json.loads((tmp_path / "out" / "runs.json").read_text(encoding="utf-8"))["benchmarks"]["videokr_eval"]
    assert spread["questions"] == 2 and spread["same"] == 0
    for seed in (0, 1):
        run = read_run(tmp_path / "out" / f"run_{seed}")
        assert run.card.system_prompt == strange and run.card.sampling_seed == seed and run.card.probe == "blind"
        assert run.card.videos == {"fast": True, "proxies": False}
        for one in run.answers["videokr_eval"]:
            assert 0 < one.prompt_tokens < PromptLength(str(model)).tokens(one.example)


@pytest.mark.eval
def test_a_host_that_failed_and_exits_0_is_a_failure(tmp_path):
    pytest.importorskip("lmms_eval")
    model = write_model_config(tmp_path / "model")
    ran = launch(tmp_path, VIDEOKR_CPU="1", VIDEOKR_MODEL=str(model), TASKS="no_such_task")
    assert ran.returncode == 1, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert ran.stderr.strip().splitlines()[-1].startswith("error: lmms-eval wrote no results under")


@pytest.mark.eval
def test_canary_lmms_eval_issue_1534_stock_vllm_fails_for_qwen2_5vl_and_exits_0(tmp_path):
    """When the first half fails, videokr_vllm need not hand on a video's metadata; the second, the launcher's check."""
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.benchmark import read_benchmark
    from lmms_eval_tasks.catalogue import write_task
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen2_5vl"], ["Which colour? A. red B. blue <answer>A</answer>"] * 20, tmp_path / "model")
    root = write_benchmark(tmp_path / "data", [record(0)], videos=1)
    write_task(read_benchmark(root)[0], tmp_path / "tasks")
    arguments = {
        "--model": "vllm_generate",
        "--model_args": f"model={tmp_path / 'model'},max_model_len=2048,enforce_eager=True,trust_remote_code=False",
        "--include_path": str(tmp_path / "tasks"),
        "--tasks": "videokr_eval",
        "--output_path": str(tmp_path / "out"),
    }
    on_cpu = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "lmms_eval", *(word for pair in arguments.items() for word in pair)],
        env=os.environ | on_cpu | {"HF_HOME": str(tmp_path / "hf"), "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "metadata" in ran.stdout + ran.stderr and ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert not list((tmp_path / "out").rglob("*_results.json"))


def test_only_new_results_with_a_score_count(tmp_path):
    old, marker, new = tmp_path / "a" / "1_results.json", tmp_path / "started", tmp_path / "a" / "2_results.json"
    old.parent.mkdir()
    for seconds, path in enumerate((old, marker, new)):
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (1000 + seconds, 1000 + seconds))
    assert newest_results(tmp_path, marker) == new
    new.unlink()
    assert newest_results(tmp_path, marker) is None
    assert has_score("t", {"t": {"acc,none": 0.0}})
    assert not has_score("t", {"t": {"acc_stderr,none": 0.0, "alias": "t"}})
    assert not has_score("t", {"u": {"acc,none": 1.0}})
    assert has_score("videomme", {"videomme_short": {"score,none": 0.5}})


@pytest.mark.eval
def test_a_model_of_the_hub_is_named_by_its_commit(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = "from lmms_eval_tasks.results import hub_revision; print(hub_revision('o/m'))"
    snapshot = tmp_path / "hub" / "models--o--m" / "snapshots" / "c0ffee"
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}

    def revision() -> str:
        return subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True).strip()

    assert revision() == "None"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "hub" / "models--o--m" / "refs").mkdir()
    (tmp_path / "hub" / "models--o--m" / "refs" / "main").write_text("c0ffee")
    assert revision() == "c0ffee"
