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
class Perturbation:
    """A changed gold answer.

    Attributes:
        change: what was done to the gold answer.
        answer: what came out.
        is_right: whether a fair reader would still call it right.
    """

    change: str
    answer: str
    is_right: bool


def perturbations(example: Example, other_answer: str) -> Iterator[Perturbation]:
    """Every change that can be made of an example's gold answer.

    Args:
        other_answer: another example's gold answer of the same kind.
    """
    if example.kind is Kind.MULTIPLE_CHOICE:
        yield from _of_choice(example)
    else:
        yield from _of_open_answer(example.answer, other_answer)


def is_number(gold: str) -> bool:
    """Whether an answer is a number in digits, with or without a unit."""
    return _NUMBER.fullmatch(gold) is not None


def _of_choice(example: Example) -> Iterator[Perturbation]:
    gold = example.answer
    letters = LETTERS[: len(example.options)]
    text, another = example.options[letters.index(gold)], letters.replace(gold, "")[0]
    yield Perturbation("lower case", gold.lower(), True)
    yield Perturbation("white space around", f"\n {gold}\t\n", True)
    yield Perturbation("brackets", f"({gold})", True)
    yield Perturbation("letter and text", f"{gold}. {text}", True)
    yield Perturbation("lead-in", f"The answer is {gold}.", True)
    yield Perturbation("text for letter", text, False)  # evaluation does not count it, either
    yield Perturbation("another letter", another, False)
    yield Perturbation("two letters", f"{gold} or {another}", False)
    yield Perturbation("all letters", ", ".join(letters), False)
    yield Perturbation("negation", f"not {gold}", False)


def _of_open_answer(gold: str, other_answer: str) -> Iterator[Perturbation]:
    if not gold[:1].isdigit():  # the case of a unit counts
        yield Perturbation("upper case", gold.upper(), True)
    yield Perturbation("white space around", f"\n  {gold} \t", True)
    yield Perturbation("full stop", f"{gold.rstrip('.')}.", True)
    yield Perturbation("lead-in", f"The answer is {gold}", True)
    yield Perturbation("trailing text", f"{gold}, because the video shows it", True)
    if number := _NUMBER.fullmatch(gold):
        yield from _of_number(float(number[1]), number[2] or "")
    yield Perturbation("negation", f"not {gold}", False)
    yield Perturbation("two answers", f"{gold} or {other_answer}", False)


def _of_number(value: float, unit: str) -> Iterator[Perturbation]:
    yield Perturbation("another number", f"{value * 1.5 + 1:.12g} {unit}".strip(), False)
    yield Perturbation("exponent", f"{value:.11e} {unit}".strip(), True)
    if value:
        yield Perturbation("sign", f"{-value:.12g} {unit}".strip(), False)
    if unit in _OTHER_UNITS:
        other, factor = _OTHER_UNITS[unit]
        yield Perturbation("unit, converted", f"{value * factor:.12g} {other}", True)
        if value:
            yield Perturbation("unit, not converted", f"{value:.12g} {other}", False)
