import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from videokr.rouge import MAX_TEXT_CHARACTERS, mean_rouge_f1, stems

SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
WORDS = [
    "the",
    "a",
    "running",
    "runs",
    "ran",
    "cell",
    "cells",
    "5",
    "m/s",
    "Hydrogen",
    "水",
    "naïve",
    "İx",
    "dying",
    "sky",
]
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
    st.text(alphabet="abc AB.-'ſK\u0130", max_size=80),  # noqa: RUF001
    st.text(max_size=80),
)


def published(gold: str, answer: str) -> float:
    scores = SCORER.score(gold, answer)
    return (scores["rouge1"].fmeasure + scores["rouge2"].fmeasure + scores["rougeL"].fmeasure) / 3


@given(gold=texts, answer=texts)
def test_it_is_the_packages_own_to_the_last_bit(gold, answer):
    assert mean_rouge_f1(gold, answer) == published(gold, answer)


@given(st.text())
def test_words_are_the_packages_own(text):
    assert stems(text) == SCORER._tokenizer.tokenize(text)


@pytest.mark.parametrize(
    ("gold", "answer", "value"),
    [
        ("Hydrogen gas rises", "hydrogen gas rises", 1.0),
        ("the cell divides", "cells divide", (0.8 + 2 / 3 + 0.8) / 3),  # stems agree
        ("hydrogen", "oxygen", 0.0),
        ("hydrogen", "hydrogen", 2 / 3),  # a single word has no pair of words: the published value
        ("氢", "氢", 0.0),  # nor has another script any word
    ],
)
def test_published_values(gold, answer, value):
    assert mean_rouge_f1(gold, answer) == pytest.approx(value, abs=1e-12)


def test_beyond_its_limit_it_is_zero():
    assert mean_rouge_f1("gas", "gas " * (MAX_TEXT_CHARACTERS // 4)) > 0
    assert mean_rouge_f1("gas", "gas " * (MAX_TEXT_CHARACTERS // 4) + "x") == 0.0
    assert mean_rouge_f1("gas " * MAX_TEXT_CHARACTERS, "gas") == 0.0
