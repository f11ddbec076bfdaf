"""Faults of a question: options that say the same, an answer that stands in the question, an answer that is too long.

Also the forms in which two questions or two options are the same.
"""

import re
import unicodedata
from collections.abc import Iterator

from data_prep.lint.finding import Flag, excerpt
from videokr.example import OPTION_FIELDS, QUESTION_FIELDS, Example
from videokr.options import LETTERS
from videokr.response import Kind

# Published answers are "the final answer alone", and the reward is the overlap of words with it.
MAX_ANSWER_WORDS = 50
MIN_LETTERS = 4  # of an answer: shorter ones stand in a question by chance
MIN_LENGTH_RATIO = 2.0  # of the right option to the next: rows to show where the longest is right too often
# A label as long as this holds no symbols in which case has a meaning: `mV` and `MV`, `Aa` and `aa`.
_MIN_PROSE_LENGTH = 12
_WORD = re.compile(r"[^\W_]+(?:[.,'\u2019][^\W_]+)*")
# A question with one of these offers its answers itself: "left or right?", "which of copper, iron and zinc".
_OFFERS = re.compile(
    r"\b(?:or|nor|versus|vs|whether|between|among|amongst|either|neither|both|than|compared|following|same|"
    r"respectively|differ|differs|difference)\b|which of|/|:",
    re.IGNORECASE,
)
_TRIVIAL = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve "
    "none true false left right up down top bottom upper lower first second third last front back inside outside "
    "before after above below increase increases increasing decrease decreases decreasing higher lower larger "
    "smaller both neither same other another some many more less nothing everything always never there here this "
    "that these those they them their with from into onto over under video clip scene frame image person people "
    "speaker narrator lecturer instructor presenter teacher man woman".split()
)


def same_question(text: str) -> str:
    """The form in which two questions are the same: white space, case and the mark at the end do not count."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).rstrip(" ?.!:")


def same_option(text: str) -> str:
    """The form in which two options are the same: only the first letter's case is free, and only in prose."""
    text = " ".join(unicodedata.normalize("NFC", text).split()).rstrip(" .")
    return text[:1].lower() + text[1:] if len(text) >= _MIN_PROSE_LENGTH else text


def find_options(example: Example) -> Iterator[Flag]:
    """Options of one question that say the same; of an open-ended question, an answer that is too long."""
    if example.kind is Kind.OPEN_ENDED:
        count = len(_words(example.answer)) if len(example.answer) > MAX_ANSWER_WORDS else 0
        if count > MAX_ANSWER_WORDS:
            yield Flag("long-answer", f"{count} words: {excerpt(example.answer)!r}", count)
        return
    seen: dict[str, int] = {}
    for number, option in enumerate(example.options):
        first = seen.setdefault(same_option(option), number)
        if first != number:
            pair = f"{LETTERS[first]} and {LETTERS[number]}"
            is_right = example.answer in pair
            detail = f"{pair}{', one of them the answer' if is_right else ''}: {excerpt(option)!r}"
            yield Flag("repeated-option", detail, float(is_right), OPTION_FIELDS[0])
            return


def find_leak(example: Example) -> Iterator[Flag]:
    """The gold answer as whole words of the question; for multiple choice, if no other option stands there as well."""
    right = _right_answer(example)
    if len(right) >= len(example.question):
        return
    answer = _words(right)
    if not any(len(word) >= MIN_LETTERS and word.isalpha() and word not in _TRIVIAL for word in answer):
        return
    asked = _words(example.question)
    if not _stands_in(answer, asked) or _OFFERS.search(example.question):
        return
    if any(_stands_in(_words(other), asked) for other in example.options if other != right):
        return
    detail = f"{excerpt(right)!r} in {excerpt(example.question)!r}"
    yield Flag("answer-in-question", detail, len(answer), QUESTION_FIELDS[0])


def find_longest(example: Example) -> Iterator[Flag]:
    """The right option far longer than any other: no fault, but what a bias is made of."""
    if example.kind is not Kind.MULTIPLE_CHOICE:
        return
    lengths = [len(option) for option in example.options]
    own = lengths.pop(LETTERS.index(example.answer))
    if own >= MIN_LENGTH_RATIO * max(lengths):
        right = excerpt(_right_answer(example))
        detail = f"{example.answer} has {own} characters, the next {max(lengths)}: {right!r}"
        yield Flag("longest", detail, own / max(lengths), OPTION_FIELDS[0])


def _right_answer(example: Example) -> str:
    return example.options[LETTERS.index(example.answer)] if example.kind is Kind.MULTIPLE_CHOICE else example.answer


def _words(text: str) -> list[str]:
    """Its words and numbers in lower case."""
    return _WORD.findall(text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold())


def _stands_in(inner: list[str], outer: list[str]) -> bool:
    """Whether words stand in others, all together and in order."""
    return f" {' '.join(inner)} " in f" {' '.join(outer)} "
