"""Numbers with their units: `-5 m/s`, `5×10^3`, `20 %`, `2:05`, `2 min 5 s`, `$5`.

Patterns read them; pint, which knows the units, sees one name at a time, and no expression.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from videokr.typed.formula import EXACT, read_formula, value_of

MAX_REMEMBERED = 4_096
MAX_SIZE = 100  # of a unit in base units, as a power of ten: far below what floats hold

_DIGITS = r"(?:(?:\d{1,3}(?:,\d{3}){1,12}(?!\d)|\d{1,40})(?:\.\d{1,40})?|\.\d{1,40})"
_TEN_TO = r"(?:[eE](?P<e>[+-]?\d{1,2})(?!\d)|\s?[\u00d7x*\u00b7]\s?10(?:\^|\*\*)(?P<ten>[+-]?\d{1,2})(?!\d))?"
_MONEY = "$\u20ac\u00a3\u00a5"
_NAME = rf"(?:(?!(?:to|and|until|per)\b)[^\W\d_]{{1,20}}|[%{_MONEY}]|\u00b0[CF]?)"
_POWER = r"(?:\^-?\d(?!\d))?"
_UNIT = rf"(?:per\s|/\s?)?{_NAME}{_POWER}(?:(?:\s?[/\u00b7*]\s?|\s(?:per\s)?){_NAME}{_POWER}){{0,3}}"
QUANTITY = re.compile(
    rf"(?<![\d:])(?P<clock>\d{{1,2}}(?::[0-5]\d){{1,2}}(?:\.\d{{1,6}})?)(?![\d:])"
    rf"|(?<![\w.])(?P<sign>[+-]?)(?P<money>[{_MONEY}])?(?P<digits>{_DIGITS}){_TEN_TO}(?:\s?(?P<unit>{_UNIT}))?"
)
_PART_OF_UNIT = re.compile(rf"\s?(?P<below>/|per\s)?\s?(?P<name>{_NAME})(?:\^(?P<power>-?\d))?")
_BELOW = re.compile(r"(?<=[^\W\d_])/\(([^\W\d_]+[\s\u00b7*][^\W\d_]+)\)")
_POWERS_IN_WORDS = [
    (re.compile(rf"{before}\s(\w+)|(?<=\w)\s{behind}\b"), rf"\1^{power}")
    for before, behind, power in (("square", "squared", 2), ("cubic", "cubed", 3))
]
_SYMBOLS = {"%": "percent", "\u00b0": "degree", "\u00b0C": "degC", "\u00b0F": "degF"}
# Constants, letters of formulas and halves of the day, which pint reads as units: `2 pi` is no 2, `3a` no 3 years.
_NO_UNITS = frozenset(
    "a b c d e k t u R pi \u03c0 alpha \u03b1 sigma \u03c3 zeta hbar gravity am pm PM quarter quarters".split()
)
_DATE_OR_DECADE = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}|\d{3}0s")
_BETWEEN_PARTS = re.compile(r"(?:\sand\s|,|\s)*")


@dataclass(frozen=True, slots=True)
class Unit:
    """A value in it, times the factor, plus the offset, is one in the base units of its dimensions."""

    factor: float = 1.0
    offset: float = 0.0
    dimensions: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """
    Attributes:
        unit: None where none is written.
        is_rounded: written with a decimal point.
    """

    value: Fraction
    unit: Unit | None
    is_rounded: bool


ONE, SECOND = Unit(), Unit(dimensions=(("[time]", 1.0),))


def read_number(text: str) -> Quantity | None:
    """One number with or without a unit, also in parts (`2 min 5 s`) or as a formula (`\\frac{1}{2}`)."""
    if _DATE_OR_DECADE.fullmatch(text):
        return None
    text = _BELOW.sub(r"/\1", text)
    found = read_quantities(text)
    if found and _BETWEEN_PARTS.fullmatch(QUANTITY.sub("", text)) and (len(found) == 1 or are_parts(found)):
        whole = found[0]
        if len(found) == 1 or not whole.unit:
            return whole
        total = sum(float(one.value) * one.unit.factor for one in found if one.unit)
        return replace(whole, value=Fraction(total / whole.unit.factor))
    formula = read_formula(text)
    value = value_of(formula, {}) if formula is not None and not formula.free_symbols else None
    if value is None or value.imag or not math.isfinite(value.real):
        return None
    return Quantity(Fraction(value.real), None, "." in text)


def are_parts(found: Sequence[Quantity]) -> bool:
    """Whether they are one quantity: of one dimension, each less than one of the unit before."""
    units = [one.unit for one in found if one.unit and one.unit.dimensions and not one.unit.offset and one.value >= 0]
    return len(units) == len(found) and all(
        one.dimensions == other.dimensions and float(part.value) * other.factor < one.factor
        for (one, other), part in zip(pairwise(units), found[1:], strict=True)
    )


def read_quantities(text: str) -> list[Quantity]:
    """Every quantity of a short text; none where one of them has a unit that nobody knows."""
    found = []
    for match in QUANTITY.finditer(text):
        if match["clock"]:
            value = Fraction(0)
            for part in match["clock"].split(":"):
                value = value * 60 + Fraction(part)
            found.append(Quantity(value, SECOND, "." in match["clock"]))
            continue
        if match["money"] and match["unit"]:
            return []
        name = match["unit"] or match["money"]
        unit = _read_unit(name) if name else None
        if name and not unit:
            return []
        value = Fraction(match["sign"] + match["digits"].replace(",", ""))
        exponent = int(match["e"] or match["ten"] or 0)
        found.append(Quantity(value * Fraction(10) ** exponent, unit, "." in match["digits"]))
    return found


@lru_cache(MAX_REMEMBERED)
def _read_unit(text: str) -> Unit | None:
    """`km/h`, `meters per second squared`, `kg m^2`; None where one of the names is no unit."""
    for pattern, power in _POWERS_IN_WORDS:
        text = pattern.sub(power, text)
    parts = list(_PART_OF_UNIT.finditer(text))
    factor, offset, sign = 1.0, 0.0, 1
    powers: dict[str, float] = {}
    for part in parts:
        unit = _named_unit(part["name"])
        if unit is None or (unit.offset and len(parts) > 1):
            return None
        sign = -1 if part["below"] else sign  # everything behind the first slash: J/kg·K
        exponent = sign * int(part["power"] or 1)
        size = math.log10(factor) + math.log10(unit.factor) * exponent
        if abs(size) > MAX_SIZE:
            return None
        factor, offset = factor * unit.factor**exponent, unit.offset
        for name, own in unit.dimensions:
            powers[name] = powers.get(name, 0.0) + own * exponent
    return Unit(factor, offset, tuple(sorted((name, power) for name, power in powers.items() if power)))


@lru_cache(MAX_REMEMBERED)
def _named_unit(name: str) -> Unit | None:
    """A unit by its name or symbol, as pint knows it; a currency is one of its own."""
    if name in _MONEY:
        return Unit(dimensions=((name, 1.0),))
    import pint

    registry = _registry()
    name = _SYMBOLS.get(name, name.lower() if len(name) > 4 and not name.isupper() else name)
    if name in _NO_UNITS or not registry.parse_unit_name(name):
        return None
    try:
        zero, one, two = (registry.Quantity(value, name).to_root_units() for value in (0.0, 1.0, 2.0))
    except pint.PintError:  # a prefix before a scale with a zero of its own: kcelsius
        return None
    factor, offset = float(one.magnitude - zero.magnitude), float(zero.magnitude)
    if not math.isclose(two.magnitude - one.magnitude, factor, rel_tol=EXACT):
        return Unit(dimensions=((registry.get_name(name), 1.0),))  # a logarithm, as dB: it converts to nothing
    dimensions = {str(dimension): float(power) for dimension, power in one.dimensionality.items()}
    return Unit(factor, offset, tuple(sorted(dimensions.items())))


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    registry.define("@alias ampere = amps")  # else an attometre per second
    registry.define("beat_per_minute = 1 / minute = bpm")
    return registry
