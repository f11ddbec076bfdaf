"""The demo's table and script, apart from the job itself."""

import json
import subprocess
from pathlib import Path

import pytest
from checkout import ROOT

from data_prep.demo.table import format_table, gather, main
from videokr.errors import UserError

DEMO = ROOT / "local_script" / "demo.sh"


def counts(right: int, wrong: int, unparsed: int, unscored: int) -> dict[str, int]:
    asked = right + wrong + unparsed + unscored
    return {"questions": asked, "right": right, "wrong": wrong, "unparsed": unparsed, "unscored": unscored}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    summary = {"benchmarks": {"videokr_eval": {"overall": counts(66, 30, 10, 14)}}}
    for model in ("base", "sft", "grpo"):
        folder = tmp_path / "eval" / model
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "sft").mkdir()
    (tmp_path / "grpo").mkdir()
    losses = [{"current_steps": 10, "loss": 2.5}, {"current_steps": 20, "loss": 0.5}, {"current_steps": 20}]
    (tmp_path / "sft" / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in losses))
    steps = [{"step": n, "data": {"critic/score/mean": 0.4 if n <= 6 else 0.8}} for n in range(1, 13)]
    (tmp_path / "grpo" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    return tmp_path


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
