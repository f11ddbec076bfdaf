"""What dialogues earn: numbers worked out by hand from the published rules."""

import pytest

from videokr.dialogue import build_call_turn
from videokr.dialogue_reward import WEIGHTS, score_dialogue
from videokr.response import Kind

RIGHT, WRONG = "<think>so</think><answer>B</answer>", "<think>so</think><answer>A</answer>"
CLUES = [(10.0, 20.0)]


def call(*spans):
    return build_call_turn("look", spans)


@pytest.mark.parametrize(
    ("turns", "clues", "accuracy", "iou", "form", "calls"),
    [
        ([RIGHT], CLUES, 1, 0, 1, 0),
        ([call((10, 20)), RIGHT], CLUES, 1, 1, 1, 0),
        ([call((15, 25)), RIGHT], CLUES, 1, 5 / 15, 1, 0),
        ([call((10, 20)), call((20, 30)), RIGHT], CLUES, 1, -0.1, 1, -0.1),  # the last look counts
        ([call((19.5, 29.5)), RIGHT], CLUES, 1, 0.5 / 19.5 - 0.1, 1, 0),
        ([call((0, 5)), call((10, 15), (15, 20)), RIGHT], CLUES, 1, 1, 1, -0.2),
        ([call((10, 20)), WRONG], CLUES, 0, 0, 1, 0),
        ([call((10, 20)), RIGHT], [], 1, 0, 1, 0),
        ([call((10, 20)) + " then", RIGHT], CLUES, 1, 1, 0, 0),
        ([call((10, 20)), "B"], CLUES, 0, 0, 0, 0),
        ([call((1, 2), (3, 4), (5, 6))] * 3 + [RIGHT], CLUES, 1, -0.1, 1, -0.5),
        (["<think>x</think><tool_call>{</tool_call>", RIGHT], CLUES, 1, -0.1, 0, 0),
        ([call((10, 20))], CLUES, 0, 0, 1, 0),  # broke off before an answer
    ],
)
def test_golden(turns, clues, accuracy, iou, form, calls):
    made = score_dialogue(turns, "B", Kind.MULTIPLE_CHOICE, ["x", "y"], clues)
    assert (made.accuracy, made.format, made.calls) == (accuracy, form, pytest.approx(calls))
    assert made.iou == pytest.approx(iou)
    assert made.score(WEIGHTS) == pytest.approx(accuracy + iou + form + calls)
    assert made.score({"accuracy": 0.5}) == 0.5 * accuracy
