"""The demo's table and script, apart from the job itself."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from checkout import ROOT

from data_prep.demo.table import format_table, gather, main
from videokr.errors import UserError
from videokr.evaluation.looks import Looks

DEMO = ROOT / "local_script" / "demo.sh"


def counts(right: int, wrong: int, unparsed: int, unscored: int) -> dict[str, int]:
    asked = right + wrong + unparsed + unscored
    return {"questions": asked, "right": right, "wrong": wrong, "unparsed": unparsed, "unscored": unscored}


def evaluated(run: Path, model: str, **told: object) -> None:
    folder = run / "eval" / model
    folder.mkdir(parents=True)
    scores = {"overall": counts(66, 30, 10, 14), **told}
    (folder / "summary.json").write_text(json.dumps({"benchmarks": {"videokr_eval": scores}}))


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run that is trained, and not evaluated."""
    (tmp_path / "sft").mkdir()
    (tmp_path / "grpo").mkdir()
    losses = [{"current_steps": 10, "loss": 2.5}, {"current_steps": 20, "loss": 0.5}, {"current_steps": 20}]
    (tmp_path / "sft" / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in losses))
    steps = [{"step": n, "data": {"critic/score/mean": 0.4 if n <= 6 else 0.8}} for n in range(1, 13)]
    (tmp_path / "grpo" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    return tmp_path


@pytest.fixture
def run(trained: Path) -> Path:
    for model in ("base", "sft", "grpo"):
        evaluated(trained, model)
    return trained


def test_table_of_dialogues_shows_how_often_each_model_looked_again(trained: Path) -> None:
    evaluated(trained, "sft_at_once")
    evaluated(trained, "sft", looks=Looks(120, 0, 0, 0, 0.0).to_dict())
    evaluated(trained, "grpo", looks=Looks(120, 90, 200, 10, 0.625).to_dict())
    columns, *rows = (re.split(r" {2,}", line.strip()) for line in format_table(gather(trained)).splitlines()[:4])
    assert columns[-3:] == ["looked again", "calls read", "IoU of the last look"]
    assert [row[0] for row in rows] == ["SFT, without the tool", "SFT", "SFT + GRPO"]
    assert all(row[1:5] == ["55.0% of 120", "66", "30", "10"] for row in rows)
    assert [row[6:] for row in rows] == [["none"], ["0.0%", "none", "0.0%"], ["75.0%", "95.0%", "62.5%"]]


def test_table_shows_every_model_and_both_curves(run: Path) -> None:
    table = format_table(gather(run))
    assert table.count("55.0% of 120") == 3
    assert "2.500 at step 10, 0.500 at step 20" in table
    assert "0.400 over the first 5 of 12 steps, 0.800 over the last" in table


def test_a_stage_that_did_not_end_is_named(run: Path) -> None:
    (run / "grpo" / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match=r"metrics\.jsonl"):
        gather(run)


@pytest.mark.sft  # the environment with matplotlib that the demo draws in
def test_numbers_and_curves_are_written(run: Path) -> None:
    assert main([str(run)]) == 0
    assert json.loads((run / "results.json").read_text())["grpo_reward_last_steps"] == pytest.approx(0.8)
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_demo_refuses_an_unknown_family() -> None:
    done = subprocess.run(["bash", str(DEMO), "llava"], capture_output=True, text=True)
    assert done.returncode == 2 and "'llava'" in done.stderr
