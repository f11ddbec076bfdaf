import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from videokr.example import Kind
from videokr.response import build_response
from videokr.reward import LONGEST_ANSWER, mean_rouge_f1, score_response

OPTIONS = ("Oxygen", "Hydrogen", "Carbon")
WORDS = ["the", "a", "running", "runs", "ran", "cell", "cells", "5", "m/s", "Hydrogen", "水", "naïve"]
words = st.lists(st.sampled_from(WORDS)).map(" ".join)


@pytest.mark.parametrize(
    ("response", "score", "answered"),
    [
        ("<think>r</think><answer>B</answer>", 1.0, True),
        ("<think>r</think>\n<answer>(b)</answer>\n", 1.0, True),
        ("<think>r</think><answer>B. Hydrogen</answer>", 1.0, True),
        ("<answer>B</answer>", 0.9, True),
        ("<think>A? <answer>A</answer></think><answer>B</answer>", 0.9, True),
        ("<think>r</think><answer>A</answer>", 0.1, True),
        ("<think>r</think><answer>B, C</answer>", 0.1, False),
        ("<think>r</think><answer>D</answer>", 0.1, False),
        ("<think>B</think><answer></answer>", 0.0, False),
        ("B", 0.0, False),
        ("", 0.0, False),
    ],
)
def test_multiple_choice(response, score, answered):
    reward = score_response(response, "B", Kind.MULTIPLE_CHOICE, OPTIONS)
    assert reward.score == pytest.approx(score, abs=1e-12)
    assert reward.answered is answered


@pytest.mark.parametrize(
    ("answer", "gold", "accuracy"),
    [
        ("hydrogen gas rises", "Hydrogen gas rises", 1.0),
        ("cells divide", "the cell divides", (0.8 + 2 / 3 + 0.8) / 3),  # stems agree
        ("oxygen", "hydrogen", 0.0),
        ("hydrogen", "hydrogen", 2 / 3),  # a single word has no pair of words: the published value
    ],
)
def test_open_ended_is_the_mean_of_three_f1(answer, gold, accuracy):
    reward = score_response(build_response("r", answer), gold, Kind.OPEN_ENDED)
    assert reward.accuracy == pytest.approx(accuracy, abs=1e-12)
    assert reward.format == 1.0
    assert reward.score == pytest.approx(0.1 + 0.9 * accuracy, abs=1e-12)


@given(gold=words, answer=words)
def test_rouge_is_the_packages_own_to_the_last_bit(gold, answer):
    scores = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(gold, answer)
    expected = (scores["rouge1"].fmeasure + scores["rouge2"].fmeasure + scores["rougeL"].fmeasure) / 3
    assert mean_rouge_f1(gold, answer) == expected


@given(response=st.text(), gold=st.text(min_size=1).filter(str.strip))
def test_rewards_stay_between_0_and_1(response, gold):
    for text in (response, build_response(response, gold), build_response("r", response)):
        reward = score_response(text, gold, Kind.OPEN_ENDED)
        assert 0.0 <= reward.score <= 1.0
        assert 0.0 <= score_response(text, "B", Kind.MULTIPLE_CHOICE, OPTIONS).score <= 1.0


@given(answer=st.text(alphabet="abcdef gh", min_size=1).filter(str.strip))
def test_case_and_white_space_change_nothing(answer):
    gold = "abc def"
    score = score_response(build_response("r", answer), gold, Kind.OPEN_ENDED).score
    changed = build_response(" r\n", f"\n{answer.upper()}  ")
    assert score_response(changed, gold, Kind.OPEN_ENDED).score == score


@pytest.mark.parametrize("gold", ["", " ", "E", "A, B", "Hydrogen"])
def test_a_gold_that_names_no_option_is_an_error(gold):
    with pytest.raises(ValueError, match="gold answer"):
        score_response("<answer>A</answer>", gold, Kind.MULTIPLE_CHOICE, OPTIONS)


def test_an_empty_open_gold_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        score_response("<answer></answer>", " ", Kind.OPEN_ENDED)


def test_a_long_answer_costs_little():
    gold = "the reaction gives off hydrogen " * 8
    mean_rouge_f1(gold, gold)  # the scorer is imported at its first use
    for answer in ("hydrogen " * 110_000, "x" * 1_000_000, gold * (LONGEST_ANSWER // len(gold))):
        response = build_response("r", answer)
        start = time.process_time()
        score_response(response, gold, Kind.OPEN_ENDED)
        assert time.process_time() - start < 0.25  # 0.05 on an idle core
    assert score_response(build_response("r", gold + "x" * LONGEST_ANSWER), gold, Kind.OPEN_ENDED).accuracy == 0.0
