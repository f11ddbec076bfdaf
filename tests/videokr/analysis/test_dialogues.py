"""The page of dialogues: what a model was shown of its video, frame by frame."""

import base64
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from checkout import ROOT
from PIL import Image

from data_prep.demo.clips import encode
from data_prep.demo.scenes import FPS
from videokr.dialogue import SYSTEM, CallFault, build_call_turn, build_observation
from videokr.example import parse_example
from videokr.prompt import build_prompt
from videokr.response import build_response

SECONDS = 24
CARD = {
    "stage": "rl",
    "prompt_sha256": "",
    "budget": {"fps": 2.0, "min_frames": 4, "max_frames": 4, "min_pixels": 1024, "max_pixels": 4096},
}


def grey(second):
    """Of all frames of a second: no two seconds have the same."""
    return 10 * second


def record(name):
    return {
        "id": name,
        "question": f"Which {name}?",
        "options": ["A. up", "B. down"],
        "solution": "A",
        "video_path": "a.mp4",
    }


def rollout(name, output, score, uid):
    asked = f"system\n{SYSTEM}\nuser\n{build_prompt(parse_example(record(name)))}\nassistant\n"
    return {"input": asked, "output": output, "gts": "<answer>A</answer>", "score": score, "uid": uid}


@pytest.fixture
def run(tmp_path):
    """Two prompts of one step; of the first three rollouts, of the second one, which two rows ask."""
    frames = grey(np.repeat(np.arange(SECONDS), FPS))[:, None, None, None] + np.zeros((1, 64, 64, 3))
    encode(frames.astype(np.uint8), tmp_path / "a.mp4")
    rows = [record("way"), record("side"), record("side") | {"id": "other"}]
    (tmp_path / "rl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "videokr_training.json").write_text(json.dumps(CARD))
    spans, sure = [(5.0, 8.0), (90.0, 91.0)], build_response("Seen.", "A")
    told = f"\nuser\n{build_observation([spans[0], CallFault.BEYOND])}\nassistant\n"
    looked = build_call_turn("Look <b>here</b>.", spans) + told + sure
    outputs = [("way", looked, 2.5, "p_0_0"), ("way", sure, 2.0, "p_1_0"), ("way", looked, 2.5, "p_2_0")]
    dumped = [rollout(*one) for one in (*outputs, ("side", looked, 2.5, "q_0_0"))]
    (tmp_path / "rollout_data").mkdir()
    for step in (1, 12):
        lines = "".join(json.dumps(row | {"step": step}) + "\n" for row in dumped)
        (tmp_path / "rollout_data" / f"{step}.jsonl").write_text(lines)
    return tmp_path


def explain(run, *flags):
    command = [sys.executable, "-m", "videokr", "explain-rollouts", run / "rollout_data", "--no-figure", *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def levels(page):
    """The grey in the middle of each frame of each strip, in the page's order."""
    pictures = re.findall(
        r"\.s\d+ \.strip\{aspect-ratio:(\d+)/\d+;background-image:url\(data:[\w/]+;base64,([^)]+)", page
    )
    for width, data in pictures:
        strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        frames = (int(width) + 2) // 66  # of 64 pixels, and 2 between them
        yield [int(strip[32, 66 * place + 32]) for place in range(frames)]


def test_a_dialogue_shows_the_frames_that_the_model_saw(run):
    done = explain(run, "--data", run / "rl.jsonl")
    assert done.returncode == 0, done.stderr
    assert "dialogues of step 12: 1; left out, as no row of --data asks so, or several: 1" in done.stdout
    page = (run / "rollout_data" / "dialogues.html").read_text()
    first, part = levels(page)
    # Four frames each: numbers 0, 16, 31 and 47 of 48, two a second; and four moments from 5 to 8 seconds.
    assert first == pytest.approx([grey(second) for second in (0, 8, 15, 23)], abs=4)
    assert part == pytest.approx([grey(second) for second in (5, 6, 7, 8)], abs=4)
    shown = page.index("First look: 4 frames"), page.index("From 5.0 to 8.0 seconds: "), page.index(CallFault.BEYOND)
    assert sorted(shown) == list(shown) and "12.jsonl:1" in page and "12.jsonl:3" not in page
    assert "Look &lt;b&gt;here&lt;/b&gt;." in page and str(run) not in page


def test_records_of_something_else_are_refused(run):
    rows = (run / "rl.jsonl").read_text().replace("Which", "Whose").replace("way", "path").replace("side", "path")
    (run / "other.jsonl").write_text(rows)
    done = explain(run, "--data", run / "other.jsonl")
    assert done.returncode == 2 and "asks none of the questions of step 12" in done.stderr
    assert not (run / "rollout_data" / "dialogues.html").exists()


def test_a_run_without_its_card_is_named(run):
    done = explain(run, "--data", run / "rl.jsonl", "--run", run)
    assert done.returncode == 2 and "videokr_training.json" in done.stderr and "--run" in done.stderr
