import json
import time

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from videokr.generation_prompt import continuation, opening_of
from videokr.response import build_response, holds_tag, read_answer, read_response, strip_tag

CASES = json.loads((GOLDEN / "answer_cases.json").read_text(encoding="utf-8"))

untagged = st.text().filter(lambda text: text.strip() and not holds_tag(text))
tagged = st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "<ANSWER>", "x", " ", "\n"])).map(
    "".join
)


@pytest.mark.parametrize("case", CASES, ids=[repr(case["text"]) for case in CASES])
def test_golden(case):
    assert read_answer(case["text"]) == case["answer"]
    assert read_response(case["text"]).is_well_formed is case["well_formed"]


@given(rationale=untagged, answer=untagged)
def test_a_built_response_reads_back(rationale, answer):
    response = build_response(rationale, answer)
    assert read_answer(response) == answer.strip()
    assert read_response(response).is_well_formed


@pytest.mark.parametrize(
    ("prompt", "opening"),
    [
        ("<|im_start|>assistant\n<think>\n", "<think>\n"),
        ("user\nIn <think> and </think> tags.\nassistant\n<think>\n", "<think>\n"),  # as verl dumps it
        ("<|im_start|>assistant\n<think>", "<think>"),
        ("<|im_start|>assistant\n", ""),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("Write between <think> and </think>.<|im_end|>\n<|im_start|>assistant\n", ""),
    ],
)
def test_what_a_prompt_holds_of_the_response(prompt, opening):
    assert opening_of(prompt) == opening


@pytest.mark.parametrize(
    ("response", "said"),
    [  # as the chat template of Qwen3-VL-8B-Thinking writes an assistant's turn behind `<think>\n`
        ("<think>It is red.</think>\n<answer>A</answer>", "It is red.\n</think>\n\n<answer>A</answer>"),
        ("<think>\nTwo\n\nlines\n</think><answer>A</answer>", "Two\n\nlines\n</think>\n\n<answer>A</answer>"),
        ("A red ball.", "\n</think>\n\nA red ball."),
    ],
)
def test_a_response_goes_on_from_its_prompt(response, said):
    assert continuation(response, "<think>\n") == said
    assert continuation(response, "") == response


@given(rationale=untagged, answer=untagged)
def test_a_response_that_goes_on_reads_back(rationale, answer):
    opening = "<think>\n"
    response = opening + continuation(build_response(rationale, answer), opening)
    assert read_answer(response) == answer.strip()
    assert read_response(response).is_well_formed


@given(text=st.one_of(st.text(), tagged))
def test_no_text_breaks_the_reader(text):
    answer = read_answer(text)
    assert answer is None or (answer == answer.strip() != "" and answer in text)
    if read_response(text).is_well_formed:
        assert answer


@given(text=tagged)
def test_white_space_around_changes_nothing(text):
    assert read_answer(f"\n {text} \t") == read_answer(text)
    assert read_response(f"\n {text} \t").is_well_formed == read_response(text).is_well_formed


@pytest.mark.parametrize(
    "unit",
    [
        "<think>",
        "<answer>",
        "</answer>",
        "<answer>x",
        "<answer></answer>",
        "<think><answer>x</answer>",
        "<",
        "\n",
        "x ",
    ],
)
@pytest.mark.parametrize("end", ["", "</think>", "</answer>"])
def test_a_megabyte_is_read_in_linear_time(unit, end):
    text = unit * (1_000_000 // len(unit)) + end
    fastest = min(_seconds(text) for _ in range(3))
    assert fastest < 0.1  # 0.02 to 0.05 on an idle core; quadratic time would be minutes


def _seconds(text: str) -> float:
    start = time.process_time()
    read_answer(text)
    read_response(text)
    return time.process_time() - start


def test_strip_tag():
    assert strip_tag(" <think>\nwhy\n</think> ", "think") == "why"
    assert strip_tag("why", "think") == "why"
    assert strip_tag("<think>why", "think") == "<think>why"
