"""Answers that stand in their own question."""

import re
from collections.abc import Iterator

from data_prep.lint.findings import Flag
from data_prep.lint.row import Row
from data_prep.lint.wording import NUMBER_WORDS, excerpt, stands_in, words
from videokr.example import Kind
from videokr.fields import QUESTION_FIELDS
from videokr.options import LETTERS

LEAST_LETTERS = 4  # of an answer: shorter ones stand in a question by chance
# A question with one of these offers its answers itself: "left or right?", "which of copper, iron and zinc".
_OFFERS = re.compile(
    r"\b(?:or|nor|versus|vs|whether|between|among|amongst|either|neither|both|than|compared|following|same|"
    r"respectively|differ|differs|difference)\b|which of|/|:",
    re.IGNORECASE,
)
_TRIVIAL = {
    *NUMBER_WORDS,
    *(
        "none true false left right up down top bottom upper lower first second third last front back inside outside "
        "before after above below increase increases increasing decrease decreases decreasing higher lower larger "
        "smaller both neither same other another some many more less nothing everything always never there here this "
        "that these those they them their with from into onto over under video clip scene frame image person people "
        "speaker narrator lecturer instructor presenter teacher man woman"
    ).split(),
}


def find(row: Row) -> Iterator[Flag]:
    """The gold answer as whole words of the question; for multiple choice, if no other option stands there as well."""
    example = row.example
    if example is None:
        return
    right = example.answer if example.kind is Kind.OPEN_ENDED else example.options[LETTERS.index(example.answer)]
    if len(right) >= len(example.question):
        return
    answer = words(right)
    if not _says_something(answer):
        return
    asked = words(example.question)
    if not stands_in(answer, asked) or _OFFERS.search(example.question):
        return
    if any(stands_in(words(other), asked) for other in example.options if other != right):
        return
    detail = f"{excerpt(right)!r} in {excerpt(example.question)!r}"
    yield Flag("answer-in-question", detail, len(answer), QUESTION_FIELDS[0])


def _says_something(answer: list[str]) -> bool:
    return any(len(word) >= LEAST_LETTERS and word.isalpha() and word not in _TRIVIAL for word in answer)
