"""Accuracy by the type of the gold answer: a number is compared as a number, a span of time by its overlap.

What kind of answer is asked for follows from the gold answer alone, so that no form of an answer can choose how it is
scored. Only a long text is compared by ROUGE; everything else is right or wrong.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, Protocol

from videokr.errors import UserError
from videokr.reward.interval import Span, overlap, read_spans
from videokr.reward.polarity import Polarity, contradict, is_negated, read_clauses, read_polarity
from videokr.reward.quantity import Quantity, read_quantities
from videokr.reward.reason import Reason
from videokr.reward.rouge import GoldText, mean_f1, read_gold, stems
from videokr.reward.text import (
    clean,
    comparable,
    length_in_words,
    run_together,
    tokens,
    without_explanation,
    without_lead_in,
)
from videokr.reward.units import Dimensions

DEFAULT_TOLERANCE = 0.01  # relative
LONGEST_SHORT_TEXT = 5  # words, of a gold answer
LONGEST_ANSWERS = (1_024, 4_096)  # characters, cleaned: where the gold answer is no long text, and where it is one
REMEMBERED_GOLDS, REMEMBERED_WORDS = 4_096, 65_536

_YES, _NO = frozenset(("yes", "true")), frozenset(("no", "false"))
_AT_A_CLAUSES_END = re.compile(r"(?<!not )\b(yes|no|true|false)(?=\s?(?:$|[,;./)?!:-]))", re.I)
_REPEATING = re.compile(
    r"(yes|no)[,.;]?\s(?:it|they|he|she|there|this|that|the\s\w+)\s"
    r"(?:is|are|was|were|does|do|did|has|have|can|will|would|could)(?:\snot|n't)?",
    re.I,
)
# What may stand right behind yes or no, so that it is the whole answer: punctuation, or a sentence that repeats it.
_REPEATED = re.compile(
    r"\w+(?:$|\s?[-,.;:]|\s(?:it|they|he|she|the|this|that|these|those|there|we|you|because|since|as)\b)", re.I
)
_TAKING_BACK = re.compile(r"^\w+,?\s(?:but|however|although|though)\b", re.I)
_FIRST_CLAUSE = re.compile(r"[^,.;:]*")
_BETWEEN_TWO = re.compile(r"\s?(?:-|to|/|:|x|\u00d7|by)\s?", re.I)
_BETWEEN_AND = re.compile(r"\sand\s", re.I)
_LIGHT_WORD = re.compile(r"(?:it|they|he|she|in|at|on|to)\s", re.I)
_PLAIN_NOUNS = re.compile(r"(?:\s[a-z]{3,}){1,3}")
_SUBJECT = re.compile(r"(?:the|this|that|these|those|its|his|her|their)\s[^,.;:]{1,60}?\s(?:is|are|was|were)\s", re.I)
_HEDGE = re.compile(r"(?:approximately|approx\.?|about|around|roughly|nearly|almost|circa|ca\.|~|exactly)\s{0,2}", re.I)
_EQUALS = re.compile(r"(?<![<>!])=")
_LISTED = re.compile(r"[,;]|\b(?:and|or)\b", re.I)
_PH = re.compile(r"pH\s(?:of\s)?(?=\d)")
_TWO_NAMES = re.compile(r"(\S[^()]{0,198}\w)\s\(([^()]{2,199})\)")
_NOTHING_TO_SPEAK_OF = re.compile(r"\b(?:from|between|until|exactly|about|approximately)\b|[\s\[\](),;.~]", re.I)
_BETWEEN_SPANS = re.compile(r"to|and|till|through|[-:/\u2192]", re.I)
# Words beside a number, or none; but no variable, operator or function.
_WORDS_AROUND = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9]+(?:'[a-z]{1,2})?|[aI](?![A-Za-z])|[\s.,;:()\"'\[\]~-]"
    r"|[^\x00-\x7f\u00b1\u00d7\u00f7\u2200-\u22ff\u0370-\u03ff])*"
)
_CHANGING = frozenset(
    (
        "sqrt root log ln sin cos tan exp twice thrice double half quarter squared cubed plus minus times divided over "
        "neg negative factorial except but other anything unlike instead rather before after prior wrong false "
        "incorrect bc bce poh unknown cannot"
    ).split()
)
_AGAIN = re.compile(r"[(,;:~]|\b(?:ie|that is|or|which|equals?|meaning)\b|i\.e", re.I)
_NEXT_WORD = re.compile(r"\s?([A-Za-z]+)")
_HEDGING = frozenset(("or", "either", "maybe", "perhaps", "possibly"))
# Words that say nothing beside a number.
_AROUND_A_NUMBER = frozenset(
    (
        "there is are was were it in total of all about around approximately approx roughly nearly exactly only they "
        "we see i you can be has have had appear time altogether overall value answer equal equals to and or at"
    ).split()
)

_LARGEST_SPREAD = 0.1  # of an answer's ±, relative
_MOST_ORDERED = 12  # numbers of a long text that are held against each other in their order

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
    if len(head) == 1 and head[0] in _YES | _NO:
        return YesNo(*((_YES, _NO) if head[0] in _YES else (_NO, _YES)))
    words = tokens(text)
    spans = read_spans(text)
    if spans and not _BETWEEN_SPANS.sub("", _rest(text, read_quantities(text))):
        return Spans(tuple(spans))
    stated = _stated(text)
    quantities = read_quantities(stated)
    between = _BETWEEN_AND if stated.lower().startswith("between ") else _BETWEEN_TWO
    if len(quantities) == 2 and between.fullmatch(stated, quantities[0].end, quantities[1].start):
        if not _rest(stated[: quantities[0].start] + stated[quantities[1].end :], ()):
            return TwoNumbers(_in_one_unit(quantities))
    elif (
        quantities
        and not _rest(stated, quantities)
        and all(quantity.agrees(quantities[0], DEFAULT_TOLERANCE) for quantity in quantities)
    ):
        return Number(quantities[0])
    if length_in_words(words) > LONGEST_SHORT_TEXT:
        denied, clauses = read_clauses(without_lead_in(whole))
        said = [word for clause in clauses for word in clause]
        return LongText(
            run_together(said), read_gold(_rouge_words(said)), read_polarity(denied, clauses), read_quantities(whole)
        )
    if len(quantities) == 1 and not stated[: quantities[0].start].strip():
        behind = stated[quantities[0].end :]
        nouns = tokens(behind)
        if _PLAIN_NOUNS.fullmatch(behind) and not is_negated(nouns) and _CHANGING.isdisjoint(nouns):
            counts = quantities[0].unit is None and not read_polarity(False, [nouns]).ways
            return Number(quantities[0], frozenset(nouns), nouns_needed=not counts)
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
        if not self.saying.intersection(tokens(answer)[:1]) or not _REPEATED.match(answer):
            return WRONG
        beside = {word.lower() for word in _AT_A_CLAUSES_END.findall(answer)}
        first = _FIRST_CLAUSE.match(answer)
        denied = self.saying is _YES and first is not None and is_negated(tokens(first[0]))
        taken_back = denied or beside & self.denying or _TAKING_BACK.match(answer)
        return (0.0, Reason.OPPOSITE) if taken_back else RIGHT


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
    """One number, and the words behind it; none where it stands alone.

    Attributes:
        nouns_needed: whether an answer has to repeat the words ("5 m/s upward"), not only to say no others ("5 cells").
    """

    quantity: Quantity
    nouns: frozenset[str] = frozenset()
    nouns_needed: bool = False
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
        said_elsewhere = [part for part in _sides(answer) if not part.agrees(self.quantity, tolerance)]
        if said_elsewhere or any(self._is_vague(quantity) for quantity in said):
            return 0.0, Reason.SEVERAL_NUMBERS
        agreeing = sum(quantity.agrees(self.quantity, tolerance) for quantity in said)
        if not agreeing:
            return 0.0, self._fault(said, tolerance)
        if agreeing < len(said) or not _are_apart(stated, said):
            return 0.0, Reason.SEVERAL_NUMBERS
        beside = _without(stated, said)
        others = {word for word in tokens(beside) if word.isalpha()} - _AROUND_A_NUMBER
        if not _WORDS_AROUND.fullmatch(beside) or others & _CHANGING:
            return 0.0, Reason.WRONG_NUMBER
        if self.nouns:
            return RIGHT if others == self.nouns or (others < self.nouns and not self.nouns_needed) else WRONG
        if self.quantity.unit and any(_counts_something(stated, quantity) for quantity in said):
            return 0.0, Reason.WRONG_UNIT
        return RIGHT

    def _is_vague(self, quantity: Quantity) -> bool:
        """Whether it leaves open more than the gold number does: `5 ± 100`."""
        return quantity.spread > max(self.quantity.spread, _LARGEST_SPREAD * abs(quantity.value))

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
        light = _LIGHT_WORD.match(bare)
        said = {answer, bare, *(bare[found.end() :] for found in (subject, light) if found)}
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
        said = read_quantities(answer)
        matched = 0
        for kind in {_kind(quantity) for quantity in self.quantities}:
            wanted, told = ([one for one in some if _kind(one) == kind] for some in (self.quantities, said))
            matched += _in_order(wanted[:_MOST_ORDERED], told[:_MOST_ORDERED], tolerance)
        return min(1.0, matched / max(len(self.quantities), len(said)))


def _kind(quantity: Quantity) -> Dimensions:
    """Numbers of one kind can be mistaken for each other."""
    return quantity.unit.dimensions if quantity.unit else ()


def _in_order(gold: Sequence[Quantity], said: Sequence[Quantity], tolerance: float) -> int:
    """How many numbers agree in the same order: the longest common subsequence."""
    row = [0] * (len(said) + 1)
    for quantity in gold:
        before = row
        row = [0]
        for place, other in enumerate(said):
            met = before[place] + 1 if other.agrees(quantity, tolerance) else 0
            row.append(max(met, before[place + 1], row[place]))
    return row[-1]


def _bare(answer: str) -> str:
    """A cleaned answer without lead-in and explanation."""
    return without_explanation(without_lead_in(answer))


def _stated(text: str) -> str:
    """A number without what only leads to it: `x = 5` is `5`, `2 + 3 = 5` and `about 5` are, `x = 2, y = 3` is not."""
    sides = _EQUALS.split(text)
    alone = len(sides) > 1 and not any(_LISTED.search(side) for side in sides)
    return _HEDGE.sub("", _PH.sub("", sides[-1].strip() if alone else text))


def _sides(answer: str) -> list[Quantity]:
    """What stands alone on the earlier sides of an equation: of `6 = 5` the 6."""
    read = [read_quantities(side) for side in map(str.strip, _EQUALS.split(answer)[:-1])]
    sides = zip(_EQUALS.split(answer), read, strict=False)
    return [quantities[0] for side, quantities in sides if len(quantities) == 1 and not _rest(side, quantities)]


def _taken_back(answer: str) -> Reason | None:
    """Why a number or a time does not count, though it is there: it is negated, or there is a choice."""
    words = tokens(_without(answer, read_quantities(answer)))
    if is_negated(words):
        return Reason.OPPOSITE
    return Reason.SEVERAL_NUMBERS if not _HEDGING.isdisjoint(words) else None


def _are_apart(text: str, said: tuple[Quantity, ...]) -> bool:
    """Whether something stands between numbers that shows them to be one said again: `90 km/h (25 m/s)`."""
    return all(_AGAIN.search(text, first.end, second.start) for first, second in pairwise(said))


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
