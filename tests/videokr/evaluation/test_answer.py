import json
import time

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from videokr.evaluation.answer import ANY_FORM, TAGGED, read_choice, read_open_answer
from videokr.options import LETTERS
from videokr.response import Kind
from videokr.reward import score_response

GOLD = json.loads((GOLDEN / "answer_form_cases.json").read_text(encoding="utf-8"))
OPTIONS = GOLD["options"]


@pytest.mark.parametrize("case", GOLD["multiple choice"], ids=lambda case: repr(case["text"]))
def test_a_letter_is_read_as_a_human_reads_it(case):
    assert read_choice(case["text"], OPTIONS, ANY_FORM) == case["any form"]
    assert read_choice(case["text"], OPTIONS, TAGGED) == case["tagged"]


@pytest.mark.parametrize("case", GOLD["realistic"], ids=lambda case: repr(case["text"]))
def test_what_models_say_is_read_as_a_human_reads_it(case):
    """In the manner of Qwen3-VL, VideoAuto-R1, Video-R1 and others: answers first or last, options gone through."""
    assert read_choice(case["text"], case["options"]) == case["any form"]


def test_what_is_not_read_names_no_wrong_letter():
    cases = GOLD["unparsed, though a human reads an answer"]
    assert [read_choice(case["text"], case["options"]) for case in cases] == [None] * len(cases)


@pytest.mark.parametrize("case", GOLD["within the tags"], ids=lambda case: repr(case["text"]))
def test_what_stands_within_the_tags_is_read_as_a_human_reads_it(case):
    """By the evaluation and the reward alike."""
    response = f"<think>x</think><answer>{case['text']}</answer>"
    assert read_choice(response, case["options"], TAGGED) == case["letter"]
    reward = score_response(response, case["letter"] or "A", Kind.MULTIPLE_CHOICE, case["options"])
    assert (reward.accuracy, reward.answered) == ((1.0, True) if case["letter"] else (0.0, False))


@pytest.mark.parametrize("case", GOLD["open"], ids=lambda case: repr(case["text"]))
def test_an_open_answer_is_read_as_a_human_reads_it(case):
    assert read_open_answer(case["text"], ANY_FORM) == case["any form"]
    assert read_open_answer(case["text"], TAGGED) == case["tagged"]


PIECES = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<answer>", "</answer>", "A", "B", ". ", "\n", "the answer is ", "\\boxed{C}"]
    )
)


@given(pieces=PIECES)
def test_what_the_tagged_form_reads_any_form_reads_too(pieces):
    text = "".join(pieces)
    tagged = read_choice(text, OPTIONS, TAGGED)
    assert tagged is None or read_choice(text, OPTIONS, ANY_FORM) == tagged


@given(pieces=PIECES, letter=st.sampled_from(LETTERS[:4]))
def test_no_letter_comes_out_of_the_thinking(pieces, letter):
    thought = "".join(piece for piece in pieces if "think" not in piece)
    for opening in ("<think>", ""):  # the prompt may have opened it
        assert read_choice(f"{opening}{thought}</think>\n{letter}", OPTIONS) == letter
        assert read_choice(f"{opening}{thought}</think>\nI cannot tell.", OPTIONS) is None


@pytest.mark.parametrize(
    "unit", ["<think>", "</think>", "<answer>A</answer>", "\\boxed{", "the answer is ", "A. x\n", "{"]
)
def test_long_responses_are_read_in_time(unit):
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    read_choice(text, OPTIONS)
    assert time.process_time() - start < 1.0
