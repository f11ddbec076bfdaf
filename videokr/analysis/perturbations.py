"""A gold answer, changed: so that it stays right, or so that it becomes wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from videokr.example import Example, Kind
from videokr.options import LETTERS

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s?([^\W\d_]+(?:/[^\W\d_]+)?|%))?")
# Of a unit, how many of another one of the same dimension are in it.
_CONVERSIONS = """
    m = 100 cm, cm = 10 mm, mm = 0.1 cm, km = 1000 m, meters = 100 centimeters, kg = 1000 g, g = 0.001 kg,
    s = 1000 ms, ms = 0.001 s, min = 60 s, h = 60 min, seconds = 1/60 minutes, minutes = 60 seconds, hours = 60 minutes,
    m/s = 3.6 km/h, km/h = 1000 m/h, V = 1000 mV, A = 1000 mA, W = 0.001 kW, Hz = 0.001 kHz, Pa = 0.001 kPa,
    J = 0.001 kJ, N = 0.001 kN, L = 1000 mL, mL = 0.001 L
"""
_OTHER_UNITS = {
    unit: (other, float(Fraction(factor)))
    for unit, _, factor, other in (conversion.split() for conversion in _CONVERSIONS.split(","))
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
