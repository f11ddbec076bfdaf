"""Numbers with units (`-5 m/s`, `5×10^3`, `20 %`, `2:05`, `2 min 5 s`, `$5`), and formulas of plain LaTeX or text.

Patterns read a number; pint, which knows the units, sees one name at a time, and no expression. A formula is read by
math-verify's parser and computed here in floats. A model may have written it, so it is never evaluated: only short ones
of known commands are parsed, and of the tree only sums, products, powers and elementary functions are computed.
math-verify's own comparison is not used: it solves equations, for more than 12 s on 20 characters, and its time limits
are signals, which no thread may set.
"""

import cmath
import logging
import math
import random
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from typing import Any

MAX_REMEMBERED = 4_096
EXACT = 1e-9  # relative: what two ways of computing one number differ by

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
# What converts to nothing else: pint knows no currencies, and would take 2 dB for a factor.
_CURRENCIES = {sign: f"currency_{number}" for number, sign in enumerate(_MONEY)}
_LEVELS = "decibel decibelwatt decibelmilliwatt decibelmicrowatt decade octave neper".split()
_LOGARITHMS = {name: f"own_{name}" for name in _LEVELS}
_SYMBOLS = {"%": "percent", "\u00b0": "degree", "\u00b0C": "degC", "\u00b0F": "degF", **_CURRENCIES}
MAX_FACTOR = 1e100  # of a unit in base units: far below what floats hold
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
    """A number with its unit, which is None where none is written."""

    value: Fraction
    unit: Unit | None
    is_rounded: bool  # written with a decimal point


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
    """`km/h`, `meters per second squared`, `kg m^2`, as pint knows them; None where one of the names is no unit."""
    import pint

    registry = _registry()
    for pattern, power in _POWERS_IN_WORDS:
        text = pattern.sub(power, text)
    unit, sign = registry.Unit(""), 1
    try:
        for part in _PART_OF_UNIT.finditer(text):
            name = part["name"]
            name = _SYMBOLS.get(name, name.lower() if len(name) > 4 and not name.isupper() else name)
            if name in _NO_UNITS or not registry.parse_unit_name(name):
                return None
            name = registry.get_name(name)
            sign = -1 if part["below"] else sign  # everything behind the first slash: J/kg·K
            unit *= registry.Unit(_LOGARITHMS.get(name, name)) ** (sign * int(part["power"] or 1))
        zero, one = (registry.Quantity(value, unit).to_root_units() for value in (0.0, 1.0))
    except (pint.PintError, ArithmeticError):  # kcelsius, degC/m: a scale with a zero of its own; beyond the floats
        return None
    factor, offset = float(one.magnitude - zero.magnitude), float(zero.magnitude)
    dimensions = sorted((str(dimension), float(power)) for dimension, power in one.dimensionality.items())
    return Unit(factor, offset, tuple(dimensions)) if 1 / MAX_FACTOR <= factor <= MAX_FACTOR else None


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    registry.define("@alias ampere = amps")  # else an attometre per second
    registry.define("beat_per_minute = 1 / minute = bpm")
    for name in (*_CURRENCIES.values(), *_LOGARITHMS.values()):
        registry.define(f"{name} = [{name}]")
    return registry


MAX_FORMULA = 64  # characters
MAX_DEPTH, MAX_BRACKETS, MAX_POWERS = 3, 8, 4  # of a formula: in these the time of the parser grows fastest
_FUNCTIONS = "sqrt|sin|cos|tan|ln|log|exp"
_GREEK = {
    letter: unicodedata.name(letter).split()[-1].lower().replace("lamda", "lambda")
    for letter in map(chr, (*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA)))
}
_TO_LATEX = [
    (re.compile(pattern), latex)
    for pattern, latex in (
        (r"(?<![\d.])(\d+)\s(\d+/\d+)(?![\d/])", r"(\1+\2)"),
        (rf"(?<![\\A-Za-z])({_FUNCTIONS}|pi)(?![A-Za-z])", r"\\\1 "),
        (r"\u221a\s?(\w|\([^()]*\))", r"\\sqrt{\1}"),
        (r"\\sqrt \(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\*\*", "^"),
        (r"[\u00d7\u00b7*]", r"\\cdot "),
        (r"\^([+-]?\d+)", r"^{\1}"),
        *((letter, rf"\\{name} ") for letter, name in _GREEK.items()),
    )
]
_FORMULA = re.compile(r"(?:[A-Za-z\d\s+\-/^=<>().{}]|_\w|\\[a-z]+)+")
# Commands, which are held against those known, and what no formula has: words, H2, long numbers.
_COMMAND = re.compile(r"\\([a-z]+)|(?<![\\a-zA-Z])[A-Za-z]{4,}|[A-Za-z]\d|\d{16}")
_KNOWN = frozenset((*_FUNCTIONS.split("|"), "frac", "cdot", *_GREEK.values()))
_OPERATION = re.compile(r"[-+/^=<>\\]|\d\s?[A-Za-z(]")
_DRAWN, _SEED = 5, 20_480  # points
_parsing = threading.Lock()  # the parser's tables are shared


def same_formula(wanted: str, said: str) -> bool:
    """Whether two formulas with variables have one value, or the sides of two relations, but for a factor."""
    if wanted.count("=") != said.count("="):
        return False  # `3x+4y+14=0` is no `0`
    letters = set(re.sub(r"\\[a-z]+", "", wanted + said))
    if any(letter.isalpha() and letter.swapcase() in letters for letter in letters):
        return False  # the parser folds the case, and `2T - t` is no `T`
    one = read_formula(wanted)
    other = read_formula(said) if one is not None else None
    if one is None or other is None or not one.free_symbols or one.free_symbols != other.free_symbols:
        return False
    kind = _relation(one).replace(">", "<")
    if kind != _relation(other).replace(">", "<"):
        return False
    draw = random.Random(_SEED)
    names = sorted(str(symbol) for symbol in one.free_symbols)
    ratios: list[complex] = []
    for _ in range(_DRAWN):
        point = {name: complex(draw.uniform(0.5, 3.0) * draw.choice((1, -1))) for name in names}
        value, other_value = _difference(one, point), _difference(other, point)
        if not value or not other_value:
            return False
        ratios.append(other_value / value)
    factor = ratios[0] if kind else 1.0
    if kind.startswith("<") and not (abs(factor.imag) < EXACT and factor.real > 0):
        return False
    return all(cmath.isclose(ratio, factor, rel_tol=EXACT) for ratio in ratios)


def _relation(formula: Any) -> str:
    return str(formula.rel_op) if formula.is_Relational else ""


def _difference(formula: Any, point: Mapping[str, complex]) -> complex | None:
    """The value of a formula; of a relation, how much larger its first side is, of `>` its second."""
    if not _relation(formula):
        return value_of(formula, point)
    first, second = (value_of(side, point) for side in formula.args)
    if first is None or second is None:
        return None
    return second - first if ">" in _relation(formula) else first - second


@lru_cache(MAX_REMEMBERED)
def read_formula(text: str) -> Any:
    """The tree of a plain formula, not evaluated; None of any other text."""
    for pattern, latex in _TO_LATEX:
        text = pattern.sub(latex, text)
    if len(text) > MAX_FORMULA or text.count("^") > MAX_POWERS:
        return None
    depths = list(accumulate(1 if letter in "({" else -1 for letter in text if letter in "(){}"))
    if max(depths, default=0) > MAX_DEPTH or len(depths) > 2 * MAX_BRACKETS:
        return None
    if not _OPERATION.search(text) or not _FORMULA.fullmatch(text):
        return None
    if any(found[1] not in _KNOWN for found in _COMMAND.finditer(text)):
        return None
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    plain = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none")
    settings = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=plain)]
    with _parsing:
        logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that there is no time limit
        found = parse(f"${text}$", settings, fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if len(found) == 1 and hasattr(found[0], "free_symbols") else None


def value_of(formula: Any, point: Mapping[str, complex]) -> complex | None:
    """The value of a formula in floats; None where it has none, or holds what is not plain."""
    try:
        return _computed(formula, point)
    except (ArithmeticError, ValueError):
        return None


def _computed(part: Any, point: Mapping[str, complex]) -> complex:
    """The value of a formula at one point.

    Raises:
        ValueError: something else than sums, products, powers and elementary functions of numbers and symbols.
        ArithmeticError: no value, or one beyond the floats.
    """
    if part.is_Number or part.is_NumberSymbol:
        return complex(float(part))
    if part.is_Symbol:
        return point[part.name]
    name, arguments = type(part).__name__, [_computed(argument, point) for argument in part.args]
    match name, arguments:
        case "ImaginaryUnit", []:
            return 1j
        case "Add", _:
            return sum(arguments)
        case "Mul", _:
            return math.prod(arguments)
        case "Pow", [base, power]:
            return base**power
        case "log", [value, base]:
            return cmath.log(value) / cmath.log(base)
        case (("exp" | "log" | "sin" | "cos" | "tan"), [value]):
            return complex(getattr(cmath, name)(value))
    raise ValueError(f"{name} is not plain")
