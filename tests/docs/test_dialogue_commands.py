"""The commands of docs/dialogues.md that stand beside VideoTemp-o3's, as they are typed, on small data in its form.

Its evaluation is in tests/lmms_eval_tasks/test_benchmarks.py, which has the data of the benchmarks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_checkout
from recipes_page import DIALOGUES, commands, counterparts
from sft import ON_CPU
from videotemp import VIDEOS, WITH, WITHOUT, write_files

SMALL = {"video_maxlen": "8", "video_max_pixels": "4096", "cutoff_len": "2048", "max_steps": "1"}


def test_every_counterpart_has_a_test():
    """Two are below, the third's is `test_the_commands_beside_videotemp_o3_s_evaluate_with_the_tool`."""
    launchers = [next(word for word in command.split() if word.endswith(".sh")) for command in counterparts()]
    assert [Path(launcher).name for launcher in launchers] == [
        "train_videokr.sh", "train_videokr_grpo.sh", "eval_videokr.sh",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A checkout in which the commands under Data were run on VideoTemp-o3's files, and a tiny model."""
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    folder = tmp_path_factory.mktemp("dialogues") / "videokr"
    copy_checkout(folder)
    write_files(folder)
    for command in commands("Data", DIALOGUES):
        typed(folder, command + " --val-size 2" * ("prepare rl" in command))
    rows = (folder / "data" / "videokr_dialogues.json").read_text(encoding="utf-8")
    build_model(FAMILIES["qwen2_5vl"], [rows], folder / "model")
    return folder


def typed(site: Path, command: str, **variables: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # on which the page's `videokr` is
    own = os.environ | {"PATH": path, "PYTHONPATH": str(site), "VIDEOKR_PYTHON": sys.executable} | variables
    done = subprocess.run(["bash", "-c", command], cwd=site, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.sft
def test_every_set_is_prepared_and_sft_trains_a_step(site):
    pytest.importorskip("llamafactory")
    rows = json.loads((site / "data" / "videokr_dialogues.json").read_text(encoding="utf-8"))
    turns = [len(row["messages"]) for row in rows]
    assert sorted(turns) == [3] * len(VIDEOS) * len(WITHOUT) + [7] * len(VIDEOS) * len(WITH)
    shown = {
        row["videos"][0]: [Path(part).name for part in row["videos"][1:]] for row in rows if len(row["messages"]) > 3
    }
    assert {Path(video).name: parts for video, parts in shown.items()} == {
        Path(video).name: [f"{Path(video).name}#t={span}" for span in ("1,4.5", "6,8", "2,3.5")] for video in VIDEOS
    }
    (left_out,) = (json.loads(line) for line in (site / "data" / "dialogues.left_out.jsonl").read_text().splitlines())
    assert left_out["reason"] == "a picture, and no video"
    sft, _, _ = counterparts()
    settings = " ".join(f"{key}={value}" for key, value in {**ON_CPU, **SMALL}.items())
    typed(site, f"{sft} {settings} media_dir=videos", MODEL_NAME_OR_PATH="model", FORCE_TORCHRUN="0")
    saved = site / "saves" / "videokr" / "qwen2_5vl_dialogues"
    assert json.loads((saved / "trainer_state.json").read_text(encoding="utf-8"))["global_step"] == 1


@pytest.mark.rl
def test_grpo_trains_a_step(site):
    pytest.importorskip("verl")
    _, grpo, _ = counterparts()
    shipped = (site / "data_prep" / "demo" / "grpo.args").read_text(encoding="utf-8").split()
    settings = [
        *(line for line in shipped if not line.startswith("#")),
        "data.train_batch_size=4",
        "data.max_prompt_length=1024",
        "trainer.total_training_steps=1",
        "trainer.save_freq=-1",
    ]
    given = {"VIDEOKR_CPU": "1", "MAX_RESPONSE_LENGTH": "64", "OUTPUT_DIR": "grpo"}
    typed(site, f"{grpo.replace('MODEL_PATH=...', 'MODEL_PATH=model')} {' '.join(settings)}", **given)
    (step,) = [json.loads(line) for line in (site / "grpo" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert step["step"] == 1 and {"reward/rounds", "reward/iou"} <= set(step["data"])
