"""Accuracy by the type of the gold answer: a number is compared as a number, a span of time by its overlap.

What kind of answer is asked for follows from the gold answer alone, so that no form of an answer can choose how it is
scored. Only a long text is compared by ROUGE; everything else is right or wrong.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Protocol

from videokr.reward.interval import Span, overlap, read_spans
from videokr.reward.polarity import Polarity, contradict, is_negated, read_clauses, read_polarity
from videokr.reward.quantity import Quantity, read_quantities
from videokr.reward.reason import Reason
from videokr.reward.rouge import LONGEST_TEXT, GoldText, mean_f1, read_gold, stems
from videokr.reward.text import (
    clean,
    comparable,
    length_in_words,
    run_together,
    tokens,
    without_explanation,
    without_lead_in,
)

DEFAULT_TOLERANCE = 0.01  # relative
LONGEST_SHORT_TEXT = 5  # words, of a gold answer
LONGEST_ANSWERS = (1_024, 4_096)  # characters, cleaned: where the gold answer is no long text, and where it is one
REMEMBERED_GOLDS, REMEMBERED_WORDS = 4_096, 65_536

_YES, _NO = frozenset(("yes", "true")), frozenset(("no", "false"))
_CLAUSE_OF_ONE_WORD = re.compile(r"(?:[,;./(]\s?|\s(?:and|or|but)\s)(yes|no|true|false)(?=$|[,;./)])", re.I)
_BETWEEN_TWO = re.compile(r"\s?(?:-|to|/|:|x|\u00d7|by)\s?", re.I)
_SUBJECT = re.compile(r"(?:the|this|that|these|those|its|his|her|their)\s[^,.;:]{1,60}?\s(?:is|are|was|were)\s", re.I)
_HEDGE = re.compile(r"(?:approximately|approx\.?|about|around|roughly|nearly|almost|circa|ca\.|~|exactly)\s{0,2}", re.I)
_ASSIGNED = re.compile(r".*(?<![<>!])=\s?(?=[^=]*\d)|pH\s(?:of\s)?(?=\d)", re.S)
_TWO_NAMES = re.compile(r"(\S[^()]{0,199}?)\s?\(([^()]{1,199})\)")
_NOTHING_TO_SPEAK_OF = re.compile(
    r"\b(?:from|to|between|and|until|or|exactly|about|approximately)\b|[\s\[\](),;.:/x\u00d7~-]", re.I
)
_NEXT_WORD = re.compile(r"\s?([A-Za-z]+)")
_HEDGING = frozenset(("or", "either", "maybe", "perhaps", "possibly"))
# Words that say nothing beside a number.
_AROUND_A_NUMBER = frozenset(
    (
        "there is are was were it in total of all about around approximately approx roughly nearly exactly only they "
        "we see i you can be has have had appear time altogether overall value answer equal equals to and or at"
    ).split()
)

Verdict = tuple[float, Reason]
RIGHT: Verdict = (1.0, Reason.RIGHT)
WRONG: Verdict = (0.0, Reason.WRONG)


class AnswerType(StrEnum):
    """What a gold answer asks for."""

    YES_NO = "yes/no"
    SPANS = "time"
    TWO_NUMBERS = "two numbers"  # a range, a ratio, a blood pressure
    NUMBER = "number"  # alone, or of something: "5 apples"
    SHORT_TEXT = "short text"
    LONG_TEXT = "long text"


class Gold(Protocol):
    """A gold answer, read."""

    type: ClassVar[AnswerType]

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        """Accuracy of a cleaned answer in [0, 1], and why."""
        ...


def typed_accuracy(gold: str, answer: str, tolerance: float = DEFAULT_TOLERANCE) -> Verdict:
    """Accuracy of an open answer in [0, 1], and why.

    Args:
        gold: the gold answer, not blank.
        tolerance: relative, for numbers that count nothing.
    """
    if gold == answer:
        return RIGHT
    if len(gold) > LONGEST_TEXT:
        return 0.0, Reason.TOO_LONG
    expected = read_gold_answer(gold)
    longest = LONGEST_ANSWERS[expected.type is AnswerType.LONG_TEXT]
    cleaned = clean(answer) if len(answer) <= longest else answer
    return expected.accuracy(cleaned, tolerance) if len(cleaned) <= longest else (0.0, Reason.TOO_LONG)


@lru_cache(REMEMBERED_GOLDS)
def read_gold_answer(gold: str) -> Gold:
    """What a gold answer asks for; see `AnswerType`."""
    whole = clean(gold)
    text = _bare(whole)
    words = tokens(text)
    if len(words) == 1 and words[0] in _YES | _NO:
        return YesNo(*((_YES, _NO) if words[0] in _YES else (_NO, _YES)))
    spans = read_spans(text)
    if spans and not _rest(text, read_quantities(text)):
        return Spans(tuple(spans))
    stated = _stated(text)
    quantities = read_quantities(stated)
    if quantities and not _rest(stated, quantities):
        if len(quantities) == 2 and _BETWEEN_TWO.fullmatch(stated, quantities[0].end, quantities[1].start):
            return TwoNumbers(_in_one_unit(quantities))
        if all(quantity.agrees(quantities[0], DEFAULT_TOLERANCE) for quantity in quantities):
            return Number(quantities[0])
    if length_in_words(words) > LONGEST_SHORT_TEXT:
        denied, clauses = read_clauses(without_lead_in(whole))
        said = [word for clause in clauses for word in clause]
        return LongText(
            run_together(said), read_gold(_rouge_words(said)), read_polarity(denied, clauses), read_quantities(whole)
        )
    if len(quantities) == 1 and not stated[: quantities[0].start].strip():
        nouns = tokens(stated[quantities[0].end :])
        if all(noun.isalpha() for noun in nouns) and not is_negated(nouns):
            return Number(quantities[0], frozenset(nouns))
    two = _TWO_NAMES.fullmatch(text)
    return ShortText(frozenset(map(comparable, (whole, text, *(two.groups() if two else ())))))


@dataclass(frozen=True, slots=True)
class YesNo:
    """The words that say it, and those that deny it."""

    saying: frozenset[str]
    denying: frozenset[str]
    type: ClassVar[AnswerType] = AnswerType.YES_NO

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = _bare(answer)
        if not self.saying.intersection(tokens(answer)[:1]):
            return WRONG
        beside = {word.lower() for word in _CLAUSE_OF_ONE_WORD.findall(answer)}
        return (0.0, Reason.OPPOSITE) if beside & self.denying else RIGHT


@dataclass(frozen=True, slots=True)
class Spans:
    spans: tuple[Span, ...]
    type: ClassVar[AnswerType] = AnswerType.SPANS

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = _bare(answer)
        spans = read_spans(answer, wants_spans=True)
        if not spans:
            return 0.0, Reason.NOT_A_NUMBER
        fault = _taken_back(answer)
        if fault:
            return 0.0, fault
        value = overlap(list(self.spans), spans)
        return value, Reason.RIGHT if value == 1.0 else Reason.PARTIAL if value else Reason.WRONG_NUMBER


@dataclass(frozen=True, slots=True)
class TwoNumbers:
    pair: tuple[Quantity, ...]
    type: ClassVar[AnswerType] = AnswerType.TWO_NUMBERS

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = _bare(answer)
        said = read_quantities(_stated(answer))
        if not said:
            return 0.0, Reason.NOT_A_NUMBER
        fault = _taken_back(answer)
        if fault or len(said) != len(self.pair):
            return 0.0, fault or Reason.WRONG_NUMBER
        agree = all(one.agrees(gold, tolerance) for one, gold in zip(_in_one_unit(said), self.pair, strict=True))
        return RIGHT if agree else (0.0, Reason.WRONG_NUMBER)


@dataclass(frozen=True, slots=True)
class Number:
    """One number, and what it counts; no nouns where it stands alone."""

    quantity: Quantity
    nouns: frozenset[str] = frozenset()
    type: ClassVar[AnswerType] = AnswerType.NUMBER

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = _bare(answer)
        stated = _stated(answer)
        said = read_quantities(stated)
        if not said:
            return 0.0, Reason.NOT_A_NUMBER
        fault = _taken_back(answer)
        if fault:
            return 0.0, fault
        agreeing = sum(quantity.agrees(self.quantity, tolerance) for quantity in said)
        if not agreeing:
            return 0.0, self._fault(said, tolerance)
        if agreeing < len(said):
            return 0.0, Reason.SEVERAL_NUMBERS
        if self.nouns:
            others = {word for word in tokens(_without(stated, said)) if word.isalpha()} - _AROUND_A_NUMBER
            return RIGHT if others <= self.nouns else WRONG
        if self.quantity.unit and any(_counts_something(stated, quantity) for quantity in said):
            return 0.0, Reason.WRONG_UNIT
        return RIGHT

    def _fault(self, said: tuple[Quantity, ...], tolerance: float) -> Reason:
        """What is wrong with numbers of which none is the gold one."""
        for quantity in said:
            if replace(quantity, value=-quantity.value).agrees(self.quantity, tolerance):
                return Reason.WRONG_SIGN
            if quantity.unit and self.quantity.unit and replace(quantity, unit=None).agrees(self.quantity, tolerance):
                return Reason.WRONG_UNIT
        return Reason.WRONG_NUMBER


@dataclass(frozen=True, slots=True)
class ShortText:
    """What a short answer may be, as `comparable` gives it: `X (Y)` has three names."""

    names: frozenset[str]
    type: ClassVar[AnswerType] = AnswerType.SHORT_TEXT

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        bare = _bare(answer)
        subject = _SUBJECT.match(bare)
        said = {answer, bare, bare[subject.end() :] if subject else bare}
        return WRONG if self.names.isdisjoint(map(comparable, said)) else RIGHT


@dataclass(frozen=True, slots=True)
class LongText:
    """A text that is compared by ROUGE.

    Attributes:
        text: all tokens run together.
    """

    text: str
    words: GoldText
    polarity: Polarity
    quantities: tuple[Quantity, ...]
    type: ClassVar[AnswerType] = AnswerType.LONG_TEXT

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        denied, clauses = read_clauses(without_lead_in(answer))
        said = [word for clause in clauses for word in clause]
        if denied == self.polarity.denied and run_together(said) == self.text:
            return RIGHT
        if contradict(self.polarity, read_polarity(denied, clauses)):
            return 0.0, Reason.OPPOSITE
        value = mean_f1(self.words, _rouge_words(said))
        value *= self._share_of_numbers(answer, tolerance) if value else 1.0
        return value, Reason.PARTIAL if value else Reason.WRONG

    def _share_of_numbers(self, answer: str, tolerance: float) -> float:
        """The share of numbers that agree, in [0, 1]; 1 where the gold text has none."""
        if not self.quantities:
            return 1.0
        said = list(read_quantities(answer))
        count = max(len(self.quantities), len(said))
        matched = 0
        for quantity in self.quantities:
            found = next((place for place, other in enumerate(said) if other.agrees(quantity, tolerance)), None)
            if found is not None:
                matched += 1
                del said[found]
        return matched / count


def _bare(answer: str) -> str:
    """A cleaned answer without lead-in and explanation."""
    return without_explanation(without_lead_in(answer))


def _stated(text: str) -> str:
    """A number without what only leads to it: `x = 5` is `5`, and so is `about 5`."""
    assigned = _ASSIGNED.match(text)
    return _HEDGE.sub("", text[assigned.end() :] if assigned else text)


def _taken_back(answer: str) -> Reason | None:
    """Why a number or a time does not count, though it is there: it is negated, or there is a choice."""
    words = tokens(_without(answer, read_quantities(answer)))
    if is_negated(words):
        return Reason.OPPOSITE
    return Reason.SEVERAL_NUMBERS if not _HEDGING.isdisjoint(words) else None


def _counts_something(text: str, quantity: Quantity) -> bool:
    """Whether a number has a noun in the place of a unit: `14 nights`."""
    noun = _NEXT_WORD.match(text, quantity.end) if quantity.unit is None else None
    return noun is not None and noun[1].lower() not in _AROUND_A_NUMBER


def _without(text: str, quantities: tuple[Quantity, ...]) -> str:
    for quantity in reversed(quantities):
        text = f"{text[: quantity.start]} {text[quantity.end :]}"
    return text


def _rest(text: str, quantities: tuple[Quantity, ...]) -> str:
    """What a text holds beside these quantities that is worth a word."""
    return _NOTHING_TO_SPEAK_OF.sub("", _without(text, quantities))


def _in_one_unit(pair: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    """Quantities with the unit of the last, where they have none."""
    return tuple(replace(quantity, unit=quantity.unit or pair[-1].unit) for quantity in pair)


def _rouge_words(words: Iterable[str]) -> list[str]:
    """Tokens as ROUGE compares them: stemmed in English, characters in scripts without spaces."""
    return [stem for word in words for stem in _stems(word)]


@lru_cache(REMEMBERED_WORDS)
def _stems(word: str) -> tuple[str, ...]:
    return tuple(stems(word)) or (word,)
