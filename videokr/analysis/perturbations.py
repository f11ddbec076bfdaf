"""A gold answer, changed: so that it stays right, or so that it becomes wrong."""

import re
from collections.abc import Iterator
from fractions import Fraction

from videokr.example import Example
from videokr.options import LETTERS
from videokr.response import Kind
from videokr.spans import read_spans, write_spans

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


def perturbations(example: Example, other_answer: str) -> Iterator[tuple[str, str, bool]]:
    """Every change that can be made of an example's gold answer: its name, the changed answer, whether that is right.

    Right is what a fair reader would still call so. The other answer is the gold one of another example of the kind.
    """
    if example.kind is Kind.MULTIPLE_CHOICE:
        yield from _of_choice(example)
    elif example.kind is Kind.GROUNDING:
        yield from _of_spans(example.answer)
    else:
        yield from _of_open_answer(example.answer, other_answer)


def is_number(gold: str) -> bool:
    """Whether an answer is a number in digits, with or without a unit."""
    return _NUMBER.fullmatch(gold) is not None


def _of_choice(example: Example) -> Iterator[tuple[str, str, bool]]:
    gold = example.answer
    letters = LETTERS[: len(example.options)]
    text, another = example.options[letters.index(gold)], letters.replace(gold, "")[0]
    yield "lower case", gold.lower(), True
    yield "white space around", f"\n {gold}\t\n", True
    yield "brackets", f"({gold})", True
    yield "letter and text", f"{gold}. {text}", True
    yield "lead-in", f"The answer is {gold}.", True
    yield "text for letter", text, True
    yield "another letter", another, False
    yield "two letters", f"{gold} or {another}", False
    yield "all letters", ", ".join(letters), False
    yield "negation", f"not {gold}", False


def _of_spans(gold: str) -> Iterator[tuple[str, str, bool]]:
    spans = read_spans(gold)
    length = max(end for _, end in spans)
    yield "in words", " and ".join(f"from {start} to {end} seconds" for start, end in spans), True
    yield "brackets", str([list(span) for span in spans]), True
    yield "another time", write_spans((start + length, end + length) for start, end in spans), False
    yield "whole video", write_spans([(0.0, 10 * length)]), False


def _of_open_answer(gold: str, other_answer: str) -> Iterator[tuple[str, str, bool]]:
    if not gold[:1].isdigit():  # the case of a unit counts
        yield "upper case", gold.upper(), True
    yield "white space around", f"\n  {gold} \t", True
    yield "full stop", f"{gold.rstrip('.')}.", True
    yield "lead-in", f"The answer is {gold}", True
    yield "trailing text", f"{gold}, because the video shows it", True
    if number := _NUMBER.fullmatch(gold):
        yield from _of_number(float(number[1]), number[2] or "")
    yield "negation", f"not {gold}", False
    yield "two answers", f"{gold} or {other_answer}", False


def _of_number(value: float, unit: str) -> Iterator[tuple[str, str, bool]]:
    yield "another number", f"{value * 1.5 + 1:.12g} {unit}".strip(), False
    yield "exponent", f"{value:.11e} {unit}".strip(), True
    if value:
        yield "sign", f"{-value:.12g} {unit}".strip(), False
    if unit in _OTHER_UNITS:
        other, factor = _OTHER_UNITS[unit]
        yield "unit, converted", f"{value * factor:.12g} {other}", True
        if value:
            yield "unit, not converted", f"{value:.12g} {other}", False
