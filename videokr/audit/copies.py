"""A gold answer, changed: so that it stays right, or so that it becomes wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from videokr.example import Example, Kind
from videokr.options import LETTERS
from videokr.reward.answer_type import AnswerType
from videokr.reward.antonyms import AXES
from videokr.reward.number_answer import Number
from videokr.reward.polarity import is_negated
from videokr.reward.text import clean, tokens
from videokr.reward.typed import read_gold_answer

_AUXILIARY = re.compile(r"\b(is|are|was|were|does|do|did|can|will|has|have|had|may|must|should|would|could)\b", re.I)
_WORD = re.compile(r"[A-Za-z]+|[\u4e00-\u9fff]")
# A unit, another one of the same dimension, and how many of the other are in one.
_OTHER_UNITS = {
    "m": ("cm", 100),
    "cm": ("mm", 10),
    "mm": ("cm", 0.1),
    "km": ("m", 1000),
    "kg": ("g", 1000),
    "g": ("kg", 0.001),
    "s": ("ms", 1000),
    "ms": ("s", 0.001),
    "min": ("s", 60),
    "h": ("min", 60),
    "m/s": ("km/h", 3.6),
    "km/h": ("m/h", 1000),
    "V": ("mV", 1000),
    "A": ("mA", 1000),
    "W": ("kW", 0.001),
    "Hz": ("kHz", 0.001),
    "Pa": ("kPa", 0.001),
    "J": ("kJ", 0.001),
    "N": ("kN", 0.001),
    "L": ("mL", 1000),
    "mL": ("L", 0.001),
    "seconds": ("minutes", 1 / 60),
    "minutes": ("seconds", 60),
    "hours": ("minutes", 60),
    "meters": ("centimeters", 100),
}


@dataclass(frozen=True, slots=True)
class Copy:
    """
    Attributes:
        change: what was done to the gold answer.
        answer: what came out.
        is_right: whether a fair reader would still call it right.
    """

    change: str
    answer: str
    is_right: bool


def changed_copies(example: Example, other_answer: str) -> Iterator[Copy]:
    """Copies of an example's gold answer; only changes that can be made of it.

    Args:
        other_answer: another example's gold answer of the same kind.
    """
    if example.kind is Kind.MULTIPLE_CHOICE:
        yield from _choices(example)
    else:
        yield from _open_answers(example.answer, other_answer)


def _choices(example: Example) -> Iterator[Copy]:
    letter = example.answer
    text = example.options[LETTERS.index(letter)]
    others = [other for other in LETTERS[: len(example.options)] if other != letter]
    yield Copy("lower case", letter.lower(), True)
    yield Copy("white space around", f"\n {letter}\t\n", True)
    yield Copy("brackets", f"({letter})", True)
    yield Copy("letter and text", f"{letter}. {text}", True)
    yield Copy("lead-in", f"The answer is {letter}.", True)
    yield Copy("text for letter", text, False)  # evaluation does not count it, either
    yield Copy("another letter", others[0], False)
    yield Copy("two letters", f"{letter} or {others[0]}", False)
    yield Copy("all letters", ", ".join(LETTERS[: len(example.options)]), False)
    yield Copy("negation", f"not {letter}", False)


def _open_answers(gold: str, other_answer: str) -> Iterator[Copy]:
    kind = read_gold_answer(gold)
    if kind.type in (AnswerType.YES_NO, AnswerType.SHORT_TEXT, AnswerType.LONG_TEXT):  # a unit has a case of its own
        yield Copy("upper case", gold.upper(), True)
    yield Copy("white space around", f"\n  {gold} \t", True)
    yield Copy("full stop", f"{gold.rstrip('.')}.", True)
    yield Copy("lead-in", f"The answer is {gold}", True)
    if kind.type is not AnswerType.LONG_TEXT:
        yield Copy("trailing text", f"{gold}, because the video shows it", True)
    if isinstance(kind, Number) and not kind.nouns and not kind.quantity.comparator and not kind.quantity.spread:
        yield from _numbers(kind, gold)
    if kind.type is AnswerType.YES_NO or is_negated(tokens(clean(gold))):
        return
    auxiliary = _AUXILIARY.search(gold) if kind.type is AnswerType.LONG_TEXT else None
    denied = f"{gold[: auxiliary.end()]} not{gold[auxiliary.end() :]}" if auxiliary else f"not {gold}"
    yield Copy("negation", denied, False)
    opposite = _opposite(gold)
    if opposite:
        yield Copy("antonym", opposite, False)
    if kind.type is not AnswerType.LONG_TEXT:
        yield Copy("two answers", f"{gold} or {other_answer}", False)


def _numbers(gold: Number, text: str) -> Iterator[Copy]:
    quantity = gold.quantity
    name = quantity.unit.name if quantity.unit else ""
    if name in ("am", "pm") or ":" in text:  # a clock's time has forms of its own
        return
    written = f"{quantity.value:.12g} {name}".strip()
    yield Copy("another number", f"{quantity.value * 1.5 + 1:.12g} {name}".strip(), False)
    yield Copy("exponent", f"{quantity.value:.11e} {name}".strip(), True)
    if quantity.value:
        yield Copy("sign", f"{-quantity.value:.12g} {name}".strip(), False)
    if name in _OTHER_UNITS:
        other, factor = _OTHER_UNITS[name]
        yield Copy("unit, converted", f"{quantity.value * factor:.12g} {other}", True)
        if quantity.value:
            yield Copy("unit, not converted", written.removesuffix(name) + other, False)


def _opposite(text: str) -> str | None:
    """The text with one word turned into its antonym; None where it has none that is known."""
    opposites = _opposites()
    for match in _WORD.finditer(text):
        turned = opposites.get(match[0].lower())
        if turned:
            return f"{text[: match.start()]}{turned}{text[match.end() :]}"
    return None


def _opposites() -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in AXES.strip().splitlines():
        one, other = (side.split() for side in line.split("|"))
        for here, there in ((one, other), (other, one)):
            for place, word in enumerate(here):
                pairs.setdefault(word, there[min(place, len(there) - 1)])
                pairs.setdefault(f"{word}s", f"{there[min(place, len(there) - 1)]}s")
    return pairs
