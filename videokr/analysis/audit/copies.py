"""A gold answer, changed: so that it stays right, or so that it becomes wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from videokr.example import Example, Kind
from videokr.options import LETTERS

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s?([^\W\d_]+(?:/[^\W\d_]+)?|%))?")
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


def is_number(gold: str) -> bool:
    """Whether an answer is a number in digits, with or without a unit."""
    return _NUMBER.fullmatch(gold) is not None


def _open_answers(gold: str, other_answer: str) -> Iterator[Copy]:
    number = _NUMBER.fullmatch(gold)
    if not gold[:1].isdigit():  # the case of a unit counts
        yield Copy("upper case", gold.upper(), True)
    yield Copy("white space around", f"\n  {gold} \t", True)
    yield Copy("full stop", f"{gold.rstrip('.')}.", True)
    yield Copy("lead-in", f"The answer is {gold}", True)
    yield Copy("trailing text", f"{gold}, because the video shows it", True)
    if number:
        yield from _numbers(float(number[1]), number[2] or "")
    yield Copy("negation", f"not {gold}", False)
    yield Copy("two answers", f"{gold} or {other_answer}", False)


def _numbers(value: float, name: str) -> Iterator[Copy]:
    written = f"{value:.12g} {name}".strip()
    yield Copy("another number", f"{value * 1.5 + 1:.12g} {name}".strip(), False)
    yield Copy("exponent", f"{value:.11e} {name}".strip(), True)
    if value:
        yield Copy("sign", f"{-value:.12g} {name}".strip(), False)
    if name in _OTHER_UNITS:
        other, factor = _OTHER_UNITS[name]
        yield Copy("unit, converted", f"{value * factor:.12g} {other}", True)
        if value:
            yield Copy("unit, not converted", written.removesuffix(name) + other, False)
