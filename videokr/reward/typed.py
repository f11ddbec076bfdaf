"""Accuracy by the type of the gold answer: a number is compared as a number, a span of time by its overlap.

What kind of answer is asked for follows from the gold answer alone, so that no form of an answer can choose how it is
scored. Only a long text is compared by ROUGE; everything else is right or wrong.
"""

import re
from functools import lru_cache

from videokr.errors import UserError
from videokr.reward.answer_type import RIGHT, AnswerType, Gold, Verdict
from videokr.reward.interval import read_spans
from videokr.reward.number_answer import (
    Number,
    Spans,
    TwoNumbers,
    changes_number,
    in_one_unit,
    is_date,
    rest_beside,
    stated,
)
from videokr.reward.polarity import is_negated, read_polarity
from videokr.reward.quantity import read_quantities
from videokr.reward.reason import Reason
from videokr.reward.text import clean, comparable, length_in_words, tokens, without_explanation, without_lead_in
from videokr.reward.text_answer import NO, YES, LongText, ShortText, YesNo

DEFAULT_TOLERANCE = 0.01  # relative
LONGEST_SHORT_TEXT = 5  # words, of a gold answer
LONGEST_ANSWERS = (1_024, 4_096)  # characters, cleaned: where the gold answer is no long text, and where it is one
REMEMBERED_GOLDS = 4_096

_REPEATING = re.compile(
    r"(yes|no)[,.;]?\s(?:it|they|he|she|there|this|that|the\s\w+)\s"
    r"(?:is|are|was|were|does|do|did|has|have|can|will|would|could)(?:\snot|n't)?",
    re.I,
)
_BETWEEN_TWO = re.compile(r"\s?(?:-|to|/|:|x|\u00d7|by)\s?", re.I)
_BETWEEN_AND = re.compile(r"\sand\s", re.I)
_PLAIN_NOUNS = re.compile(r"(?:\s[a-z]{3,}){1,3}")
_TWO_NAMES = re.compile(r"(\S[^()]{0,198}\w)\s\(([^()]{2,199})\)")
_BETWEEN_SPANS = re.compile(r"to|and|till|through|[-:/\u2192]", re.I)


def typed_accuracy(gold: str, answer: str, tolerance: float = DEFAULT_TOLERANCE) -> Verdict:
    """Accuracy of an open answer in [0, 1], and why.

    Args:
        gold: the gold answer, not blank.
        tolerance: relative, for numbers that count nothing.
    """
    if max(len(gold), len(answer)) > max(LONGEST_ANSWERS):
        return 0.0, Reason.TOO_LONG
    if gold == answer:
        return RIGHT
    expected = read_gold_answer(gold)
    longest = LONGEST_ANSWERS[expected.type is AnswerType.LONG_TEXT]
    cleaned = clean(answer) if len(answer) <= longest else answer
    return expected.accuracy(cleaned, tolerance) if len(cleaned) <= longest else (0.0, Reason.TOO_LONG)


def check_tolerance(tolerance: object, name: str) -> None:
    """
    Raises:
        UserError: it is no share of a number, from 0 to below 1; named as `name`.
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise UserError(f"{name}={tolerance}: give a share of the gold number, from 0 to below 1")


@lru_cache(REMEMBERED_GOLDS)
def read_gold_answer(gold: str) -> Gold:
    """What a gold answer asks for; see `AnswerType`."""
    whole = clean(gold)
    text = without_lead_in(whole)
    head = tokens(_REPEATING.sub(r"\1", without_explanation(text)))
    if len(head) == 1 and head[0] in YES | NO:
        return YesNo(*((YES, NO) if head[0] in YES else (NO, YES)))
    words = tokens(text)
    if is_date(text):
        return ShortText(frozenset((comparable(text),)))
    spans = read_spans(text)
    if spans and not _BETWEEN_SPANS.sub("", rest_beside(text, read_quantities(text))):
        return Spans(tuple(spans))
    number = stated(text)
    quantities = read_quantities(number)
    between = _BETWEEN_AND if number.lower().startswith("between ") else _BETWEEN_TWO
    if len(quantities) == 2 and between.fullmatch(number, quantities[0].end, quantities[1].start):
        if not rest_beside(number[: quantities[0].start] + number[quantities[1].end :], ()):
            return TwoNumbers(in_one_unit(quantities))
    elif (
        quantities
        and not rest_beside(number, quantities)
        and all(quantity.agrees(quantities[0], DEFAULT_TOLERANCE) for quantity in quantities)
    ):
        return Number(quantities[0])
    if length_in_words(words) > LONGEST_SHORT_TEXT:
        return LongText.read(whole)
    if len(quantities) == 1 and not number[: quantities[0].start].strip():
        behind = number[quantities[0].end :]
        nouns = tokens(behind)
        if _PLAIN_NOUNS.fullmatch(behind) and not is_negated(nouns) and not changes_number(nouns):
            counts = quantities[0].unit is None and not read_polarity(False, [nouns]).ways
            return Number(quantities[0], frozenset(nouns), nouns_needed=not counts)
    two = _TWO_NAMES.fullmatch(text)
    return ShortText(frozenset(map(comparable, (whole, text, *(two.groups() if two else ())))))
