"""Scores beside accuracy: spans, and looks with the crop tool; numbers worked out by hand."""

import json
from dataclasses import replace

import pytest

from videokr.dialogue import SYSTEM, build_call_turn, build_observation
from videokr.evaluation.answered import Answered
from videokr.evaluation.card import RunCard
from videokr.evaluation.run import SUMMARY_FILE, Run, format_run, write_summary
from videokr.evaluation.verdict import score
from videokr.example import parse_example

BASE = {"id": "1", "question": "When does it fall?", "video_path": "a.mp4"}
SPANS = parse_example(BASE | {"problem_type": "grounding", "answer": "10-20"})
CHOICE = parse_example(BASE | {"options": ["x", "y"], "answer": "B", "clue": [[10, 20]]})
ANSWER = "<think>so</think><answer>B</answer>"


def answered(example, response):
    scored = score(example, response, None)
    return Answered("videokr_eval", example, response, scored.verdict, scored.answer, None, None, None)


@pytest.fixture
def run(tmp_path, run_card):
    def make(answers, **changes):
        return Run(tmp_path, "run", replace(run_card, **changes), {"videokr_eval": tuple(answers)})

    return make


@pytest.fixture
def run_card():
    from videokr.budget import EVAL_BUDGET

    return RunCard("m", None, None, "vllm", "0" * 64, EVAL_BUDGET, 1_024, "", None, "any-form", None, 0, {})


def test_spans_are_scored_by_their_overlap_and_a_miss_counts_as_nothing(run, tmp_path):
    said = ["10-20", "15-25", "from 13 to 20 seconds", "30-40", "never", "10.0 - 13.0"]  # 1, 1/3, 0.7, 0, -, 0.3
    made = run([answered(SPANS, f"<answer>{text}</answer>") for text in said])
    assert "Spans: mIoU 38.9%, R@0.3 66.7%, R@0.5 33.3%, R@0.7 33.3%, average 43.1%, of 6 questions" in format_run(made)
    write_summary(made)
    told = json.loads((tmp_path / SUMMARY_FILE).read_text())["benchmarks"]["videokr_eval"]["grounding"]
    assert told["mean_iou"] == pytest.approx((1 + 1 / 3 + 0.7 + 0.3) / 6) and told["recall_at_0.7"] == 2 / 6


def test_what_a_dialogue_is_told_is_no_answer():
    """An observation names seconds, which an option may, too."""
    asked = parse_example(BASE | {"options": ["2.0 seconds", "3.0 seconds"], "answer": "B"})
    told = build_observation([(1.0, 2.0)])
    assert answered(asked, f"{build_call_turn('x', [(1, 2)])}\n{told}\nIt is over.").verdict == "unparsed"
    assert answered(asked, f"{build_call_turn('x', [(1, 2)])}\n{told}\nIt lasts 3.0 seconds.").verdict == "right"


def test_looks_are_counted_where_the_tool_was_there(run):
    near = "\n".join([build_call_turn("x", [(10, 20)]), build_observation([(10.0, 20.0)]), ANSWER])
    twice = "\n".join(
        [
            *(build_call_turn("x", [(0, 5), (5, 9)]), build_observation([(0.0, 5.0), (5.0, 9.0)])),
            *(build_call_turn("x", [(15, 25)]), build_observation([(15.0, 25.0)]), ANSWER),
        ]
    )
    broken = "\n".join(["<think>x</think><tool_call>{</tool_call>", build_observation([]), ANSWER])
    answers = [answered(CHOICE, text) for text in (near, twice, broken, ANSWER)]
    assert [one.verdict for one in answers] == ["right"] * 4
    shown = format_run(run(answers, system_prompt=SYSTEM))
    assert "Looked again: 75.0%; calls 5, read 80.0%; mean IoU of the last look 33.3%" in shown  # 1, 1/3, 0, 0
    assert "Looked again" not in format_run(run(answers))
