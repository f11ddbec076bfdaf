"""Gold answers that are numbers: one, a pair, or times; and what may stand around a number in an answer."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

from videokr.reward.answer_type import RIGHT, WRONG, AnswerType, Verdict
from videokr.reward.interval import Span, overlap, read_spans
from videokr.reward.polarity import is_negated
from videokr.reward.quantity import Quantity, read_quantities
from videokr.reward.reason import Reason
from videokr.reward.text import bare, tokens
from videokr.reward.units import Dimensions

_HEDGE = re.compile(
    r"(?:\A(?:at|in)\s(?=\d))|(?:approximately|approx\.?|about|around|roughly|nearly|almost|circa|ca\.|~|exactly)\s{0,2}",
    re.I,
)
_EQUALS = re.compile(r"(?<![<>!])=")
_LISTED = re.compile(r"[,;]|\b(?:and|or)\b", re.I)
_PH = re.compile(r"pH\s(?:of\s)?(?=\d)")
_NOTHING_TO_SPEAK_OF = re.compile(r"\b(?:from|between|until|exactly|about|approximately)\b|[\s\[\](),;.~]", re.I)
# Words beside a number, or none; but no variable, operator or function.
_WORDS_AROUND = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9]+(?:'[a-z]{1,2})?|[aI](?![A-Za-z])|[\s.,;:()\"'\[\]~-]"
    r"|[^\x00-\x7f\u00b1\u00d7\u00f7\u2200-\u22ff\u0370-\u03ff])*"
)
_CHANGING = frozenset(
    (
        "sqrt root log ln sin cos tan exp twice thrice double half quarter squared cubed plus minus times divided over "
        "neg negative factorial except but other anything unlike instead rather before after prior wrong false "
        "incorrect bc bce poh unknown cannot outside excluding doubt opposite ruled ain't"
    ).split()
)
# What, around a span, says another one; but "he jumps at 3-5 s, before the dog barks".
_OF_CONTEXT = frozenset("before after prior over rather".split())
_ELSEWHERE = re.compile(r"\b(?:before|after|over)\s(?=\d)|[\u2260]", re.I)
_DATE = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}")
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


@dataclass(frozen=True, slots=True)
class Spans:
    spans: tuple[Span, ...]
    type: ClassVar[AnswerType] = AnswerType.SPANS

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = bare(answer)
        spans = read_spans(answer, wants_spans=True)
        if not spans:
            return 0.0, Reason.NOT_A_NUMBER
        fault = _taken_back(answer)
        if fault:
            return 0.0, fault
        if _says_another(answer):
            return 0.0, Reason.WRONG_NUMBER
        value = overlap(list(self.spans), spans)
        return value, Reason.RIGHT if value == 1.0 else Reason.PARTIAL if value else Reason.WRONG_NUMBER


@dataclass(frozen=True, slots=True)
class TwoNumbers:
    pair: tuple[Quantity, ...]
    type: ClassVar[AnswerType] = AnswerType.TWO_NUMBERS

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = bare(answer)
        said = read_quantities(stated(answer))
        if not said:
            return 0.0, Reason.NOT_A_NUMBER
        fault = _taken_back(answer)
        if fault or len(said) != len(self.pair) or _says_another(answer):
            return 0.0, fault or Reason.WRONG_NUMBER
        if not any(one.unit for one in self.pair) and len({one.unit for one in in_one_unit(said)}) > 1:
            return 0.0, Reason.WRONG_UNIT
        agree = all(one.agrees(gold, tolerance) for one, gold in zip(in_one_unit(said), self.pair, strict=True))
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
        answer = bare(answer)
        text = stated(answer)
        said = read_quantities(text)
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
        if agreeing < len(said) or not _are_apart(text, said):
            return 0.0, Reason.SEVERAL_NUMBERS
        beside = _without(text, said)
        others = {word for word in tokens(beside) if word.isalpha()} - _AROUND_A_NUMBER
        if not _WORDS_AROUND.fullmatch(beside) or changes_number(others):
            return 0.0, Reason.WRONG_NUMBER
        if self.nouns:
            if self.quantity.unit is None and any(quantity.unit for quantity in said):
                return 0.0, Reason.WRONG_UNIT
            return RIGHT if others == self.nouns or (others < self.nouns and not self.nouns_needed) else WRONG
        if self.quantity.unit and any(_counts_something(text, quantity) for quantity in said):
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


def share_in_order(gold: Sequence[Quantity], said: Sequence[Quantity], tolerance: float) -> float:
    """The share of numbers that agree, in [0, 1], those of one unit in their order; 1 where the gold text has none."""
    if not gold:
        return 1.0
    matched = 0
    for kind in {_kind(quantity) for quantity in gold}:
        wanted, told = ([one for one in some if _kind(one) == kind] for some in (gold, said))
        matched += _in_order(wanted[:_MOST_ORDERED], told[:_MOST_ORDERED], tolerance)
    return min(1.0, matched / max(len(gold), len(said)))


def stated(text: str) -> str:
    """A number without what only leads to it: `x = 5` is `5`, `2 + 3 = 5` and `about 5` are, `x = 2, y = 3` is not."""
    sides = _EQUALS.split(text)
    alone = len(sides) > 1 and not any(_LISTED.search(side) for side in sides)
    return _HEDGE.sub("", _PH.sub("", sides[-1].strip() if alone else text))


def rest_beside(text: str, quantities: tuple[Quantity, ...]) -> str:
    """What a text holds beside these quantities that is worth a word."""
    return _NOTHING_TO_SPEAK_OF.sub("", _without(text, quantities))


def changes_number(words: Iterable[str]) -> bool:
    """Whether one of these words, beside a number, makes another one of it, or none: "twice", "before"."""
    return not _CHANGING.isdisjoint(words)


def in_one_unit(pair: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    """Quantities with the unit of the last, where they have none."""
    return tuple(replace(quantity, unit=quantity.unit or pair[-1].unit) for quantity in pair)


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


def _sides(answer: str) -> list[Quantity]:
    """What stands alone on the earlier sides of an equation: of `6 = 5` the 6."""
    read = [read_quantities(side) for side in map(str.strip, _EQUALS.split(answer)[:-1])]
    sides = zip(_EQUALS.split(answer), read, strict=False)
    return [quantities[0] for side, quantities in sides if len(quantities) == 1 and not rest_beside(side, quantities)]


def is_date(text: str) -> bool:
    """Whether a text is a day in digits, which is no fraction and has no tolerance: `12/25/2020`, `2020-12-25`."""
    return _DATE.fullmatch(text) is not None


def _says_another(answer: str) -> bool:
    """Whether words around a span, or a pair of numbers, make another one of it: "outside 5-10 cm"."""
    words = set(tokens(_without(answer, read_quantities(answer)))) - _OF_CONTEXT
    return changes_number(words) or _ELSEWHERE.search(answer) is not None


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
