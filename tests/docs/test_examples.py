"""The scripts below examples/, as a reader runs them, and the README's lines of Python."""

import re
import subprocess
import sys
from fractions import Fraction

import pytest
from checkout import ROOT

from videokr.family import FAMILIES


def printed(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_right_answer_without_tags_earns_nothing():
    scores = re.findall(r"^(\d\.\d) = ", printed("examples/score_response.py"), re.M)
    assert scores == ["1.0", "0.0", "0.1"]


@pytest.mark.rl
def test_a_video_is_planned_for_every_stage_and_family(tmp_path):
    from odd_clips import Shape, draw

    draw(Shape("libx264", "mp4", Fraction(10), 100, 320, 180, variable=False, turned=False), tmp_path / "a.mp4")
    lines = printed("examples/plan_video.py", tmp_path / "a.mp4").splitlines()
    first, *plans, read = lines
    assert first == "100 frames of 320x180, 10.00 s" and len(plans) == 3 * len(FAMILIES)
    assert all("20 frames of " in line and "the last at 9.90 s" in line for line in plans)  # two a second
    assert read.startswith("read: (20, 3, ")


def test_own_records_read_back(tmp_path):
    said = printed("examples/own_dataset.py", tmp_path)
    assert "own-1: multiple choice, What forms on the nail? B" in said and "own-2: open-ended" in said


def test_the_readme_s_python_prints_what_it_says(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    said = re.search(r"print\(reward.*# (.*)", code)
    (tmp_path / "readme.py").write_text(code, encoding="utf-8")
    assert said and printed(tmp_path / "readme.py").splitlines()[-1] == said[1]
