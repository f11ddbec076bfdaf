"""Open answers held against the gold one by what they mean: the setting `accuracy=typed`.

A text counts where it is equal after normalisation, a number by value and unit (pint), a formula by its values at
drawn points (math-verify reads it), a span of time by overlap. What none of these decides earns nothing
(`Reason.WRONG`), and a judge may be asked.

A model wrote the answer, and it is never evaluated: patterns read numbers and units, pint sees one name at a time, and
of formulas only short ones of known commands reach math-verify, whose tree is computed here in floats. math-verify's
own comparison is not used: it solves equations, for more than 12 s on 20 characters, and its time limits are signals,
which no thread may set. math-verify, sympy and pint are imported when first needed.
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
from itertools import pairwise
from typing import Any

from videokr.reason import Reason

Verdict = tuple[float, Reason]
Span = tuple[float, float]

MAX_TEXT, MAX_SHORT_TEXT = 4_096, 128  # characters: of any text, and of what is read as a number, a span or a formula
MAX_FORMULA = 64  # characters
MAX_DEPTH, MAX_BRACKETS, MAX_POWERS = 3, 8, 4  # of a formula: in these the time of the parser grows fastest
MAX_REMEMBERED = 4_096  # texts
RIGHT: Verdict = (1.0, Reason.RIGHT)
WRONG: Verdict = (0.0, Reason.WRONG)
_EXACT = 1e-9  # relative: what two ways of computing one number differ by


def typed_accuracy(gold: str, answer: str, tolerance: float) -> Verdict:
    """Accuracy of an open answer in [0, 1], and why.

    Args:
        gold: the gold answer, not blank.
        tolerance: relative, of numbers that count nothing.
    """
    if gold.strip() == answer.strip():
        return RIGHT
    if max(len(gold), len(answer)) > MAX_TEXT:
        return 0.0, Reason.TOO_LONG
    wanted, said = _stated(gold), _stated(answer)
    if "because" not in wanted.lower():
        said = _BECAUSE.sub("", said)
    same = _comparable(wanted)
    if same and same == _comparable(said):
        return RIGHT
    if max(len(wanted), len(said)) > MAX_SHORT_TEXT:
        return WRONG
    verdict = _pairs(wanted, said, tolerance) or _numbers(wanted, said, tolerance)
    return verdict or (RIGHT if _same_formula(wanted, said) else WRONG)


# Texts

_SPELLINGS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u00ab\u00bb\u300c\u300d\u300a\u300b", '"')
    | {"\u2044": "/", "\u22c5": "\u00b7", "\u2264": "<=", "\u2265": ">=", "\u00b5": "\u03bc", "\u3002": "."}
    | dict.fromkeys("\u00ad\u200b\ufe0f\ufeff")
)
_SUPERSCRIPT = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b]{1,9}")
_VULGAR_FRACTION = re.compile("(?<=\\d)(?=[\u00bc-\u00be\u2150-\u215e])")
_BRACED = r"((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)"
_LATEX = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"^\s*\$\$?([^$]+)\$\$?\s*$|\$\$?([^\s$](?:[^$]*[^\s$])?)\$\$?(?!\d)", r"\1\2"),
        *[(rf"\\(?:boxed|text|textbf|mathrm|mathbf|operatorname)\s?\{{{_BRACED}\}}", r"\1")] * 2,
        (r"\\[()\[\]]|\\(?:left|right)\b", ""),
        (r"\\[,;:! ]|~", " "),
        (r"\\([%$])", r"\1"),
        (r"\^?\s?\{?\\(?:circ|degree)\b\}?", "\u00b0"),
        (r"\\times\b", "\u00d7"),
        (r"\\cdot\b", "\u00b7"),
        (r"\\mu\b\s?", "\u03bc"),
        (r"\\Omega\b", "\u03a9"),
        (r"\\leq?\b", "<="),
        (r"\\geq?\b", ">="),
        (r"\\[cdt]frac\b", r"\\frac"),
        (r"([\^_])\{([+-]?\d+|\w+)\}", r"\1\2"),
    )
]
_QUOTED = re.compile(r"([\"'*_`]{1,3})(.*)\1[.,;:]?", re.S)
_LEAD_IN = re.compile(
    r"(?:(?:so|thus|therefore|hence),?\s)?(?:the\s)?(?:(?:correct|final)\s)?answer(?:\sis\b:?|:)\s?"
    r"|(?:it\sis|it's)\s|(?:about|approximately|roughly|around)\s|[~\u2248]\s?|(?:at|in)\s(?=\d)",
    re.I,
)
_BECAUSE = re.compile(r",?\sbecause\s.*", re.I | re.S)
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_WORD = re.compile(rf"(?:(?P<minus>minus|negative)\s)?(?:(?P<word>{'|'.join(_WORDS)})\b|(?=\d))", re.I)
_DEGREES = re.compile(r"(?:degrees?|\u00b0)\s?(c|f)(?:elsius|ahrenheit)?\b", re.I)
_CHARGE_OR_INDEX = re.compile(r"\^(\d?[+-])(?![\w(])|(?<=[^\W\d_])_(?=\d)")
_UNSAID = re.compile(r"(?<=[^\W\d_]{3})-(?=[^\W\d_]{3})|[\"?]|(?<=[^\W\d_]{2})!+$|[.,;:](?=\s|$)")
_ARTICLE = re.compile(r"\bthe\s|^an?\s(?!(?:and|or|to|in|is|minor|major|flat|sharp)\b)(?=\w\w)")
_AROUND_A_SIGN = re.compile(r"\s?([^\w\s])\s?")


def _stated(text: str) -> str:
    """One spelling, without LaTeX's wrapping, emphasis and a lead-in: `$\\text{−5}\\,m/s²$` is `-5 m/s^2`."""
    text = _SUPERSCRIPT.sub(lambda found: "^" + unicodedata.normalize("NFKC", found[0]), text)
    text = unicodedata.normalize("NFKC", _VULGAR_FRACTION.sub(" ", text)).translate(_SPELLINGS)
    if not {"$", "\\", "{"}.isdisjoint(text):
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    text = " ".join(text.split())
    for _ in range(3):  # as deep as these nest
        quoted = _QUOTED.fullmatch(text)
        text = quoted[2] if quoted else text
        lead_in = _LEAD_IN.match(text)
        text = (text[lead_in.end() :] if lead_in else text).strip().rstrip(".,;:")
    text = _DEGREES.sub(lambda found: "\u00b0" + found[1].upper(), text)
    number = _WORD.match(text)
    if number and number[0]:
        digits = _WORDS.index(number["word"].lower()) if number["word"] else ""
        text = f"{'-' if number['minus'] else ''}{digits}{text[number.end() :]}"
    return text


def _comparable(text: str) -> str:
    """What is equal for two spellings of one text; behind a digit the case counts: 5 nM, 5 nm."""
    text = text if text[:1].isdigit() else text.casefold()
    text = " ".join(_UNSAID.sub(" ", _CHARGE_OR_INDEX.sub(r"\1", text)).split())
    return _AROUND_A_SIGN.sub(r"\1", _ARTICLE.sub("", text))


# Numbers

_DIGITS = r"(?:(?:\d{1,3}(?:,\d{3}){1,12}(?!\d)|\d{1,40})(?:\.\d{1,40})?|\.\d{1,40})"
_TEN_TO = r"(?:[eE](?P<e>[+-]?\d{1,2})(?!\d)|\s?[\u00d7x*\u00b7]\s?10(?:\^|\*\*)(?P<ten>[+-]?\d{1,2})(?!\d))?"
_MONEY = "$\u20ac\u00a3\u00a5"
_NAME = rf"(?:(?!(?:to|and|until|per)\b)[^\W\d_]{{1,20}}|[%{_MONEY}]|\u00b0[CF]?)"
_POWER = r"(?:\^-?\d(?!\d))?"
_UNIT = rf"(?:per\s|/\s?)?{_NAME}{_POWER}(?:(?:\s?[/\u00b7*]\s?|\s(?:per\s)?){_NAME}{_POWER}){{0,3}}"
_QUANTITY = re.compile(
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
_ASSIGNED = re.compile(r"^[^\W\d_]\w{0,2}\s?=(?=[^=]+$)")
_BETWEEN_PARTS = re.compile(r"(?:\sand\s|,|\s)*")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A value in it, times the factor, plus the offset, is one in the base units of its dimensions."""

    factor: float = 1.0
    offset: float = 0.0
    dimensions: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Quantity:
    """
    Attributes:
        unit: None where none is written.
        is_rounded: written with a decimal point.
    """

    value: Fraction
    unit: _Unit | None
    is_rounded: bool


_ONE, _SECOND = _Unit(), _Unit(dimensions=(("[time]", 1.0),))


def _numbers(wanted: str, said: str, tolerance: float) -> Verdict | None:
    """The verdict on two numbers, of which one may be given as `x = 5`; None where one of the texts is none."""
    if ("=" in wanted) != ("=" in said):
        wanted, said = _ASSIGNED.sub("", wanted).strip(), _ASSIGNED.sub("", said).strip()
    gold = _read_number(wanted)
    answer = _read_number(said) if gold else None
    return _compared(gold, answer, tolerance) if gold and answer else None


def _compared(gold: _Quantity, answer: _Quantity, tolerance: float) -> Verdict:
    """Whether two numbers agree: whole ones of one unit exactly; a unit may be left out, and 50% be 0.5."""
    readings = [(answer.unit or gold.unit or _ONE, gold.unit or answer.unit or _ONE)]
    if (answer.unit is None) != (gold.unit is None) and not readings[0][0].dimensions:
        readings = [(answer.unit or _ONE, gold.unit or _ONE), *(readings if abs(gold.value) >= 1 else [])]
    for own, asked in readings:
        if own.dimensions != asked.dimensions:
            continue
        if own == asked and gold.value.denominator == answer.value.denominator == 1:
            near, value = 0.0, float(answer.value if gold.value == answer.value else math.nan)
        elif own == asked:
            near, value = tolerance if gold.is_rounded or answer.is_rounded else _EXACT, float(answer.value)
        else:
            near, value = tolerance, (float(answer.value) * own.factor + own.offset - asked.offset) / asked.factor
        if math.isclose(value, gold.value, rel_tol=max(near, _EXACT), abs_tol=0.0 if gold.value else _EXACT):
            return RIGHT
    same_number = math.isclose(answer.value, gold.value, rel_tol=_EXACT)
    return 0.0, Reason.WRONG_UNIT if same_number else Reason.WRONG_NUMBER


def _read_number(text: str) -> _Quantity | None:
    """One number with or without a unit, also in parts (`2 min 5 s`) or as a formula (`\\frac{1}{2}`)."""
    if _DATE_OR_DECADE.fullmatch(text):
        return None
    text = _BELOW.sub(r"/\1", text)
    found = _read_quantities(text)
    if found and _BETWEEN_PARTS.fullmatch(_QUANTITY.sub("", text)) and (len(found) == 1 or _are_parts(found)):
        whole = found[0]
        if len(found) == 1 or not whole.unit:
            return whole
        total = sum(float(one.value) * one.unit.factor for one in found if one.unit)
        return replace(whole, value=Fraction(total / whole.unit.factor))
    formula = _read_formula(text)
    value = _value(formula, {}) if formula is not None and not formula.free_symbols else None
    if value is None or value.imag or not math.isfinite(value.real):
        return None
    return _Quantity(Fraction(value.real), None, "." in text)


def _are_parts(found: Sequence[_Quantity]) -> bool:
    """Whether they are one quantity: of one dimension, each less than one of the unit before."""
    units = [one.unit for one in found if one.unit and one.unit.dimensions and not one.unit.offset and one.value >= 0]
    return len(units) == len(found) and all(
        one.dimensions == other.dimensions and float(part.value) * other.factor < one.factor
        for (one, other), part in zip(pairwise(units), found[1:], strict=True)
    )


def _read_quantities(text: str) -> list[_Quantity]:
    """Every quantity of a short text; none where one of them has a unit that nobody knows."""
    found = []
    for match in _QUANTITY.finditer(text):
        if match["clock"]:
            value = Fraction(0)
            for part in match["clock"].split(":"):
                value = value * 60 + Fraction(part)
            found.append(_Quantity(value, _SECOND, "." in match["clock"]))
            continue
        if match["money"] and match["unit"]:
            return []
        name = match["unit"] or match["money"]
        unit = _read_unit(name) if name else None
        if name and not unit:
            return []
        value = Fraction(match["sign"] + match["digits"].replace(",", ""))
        exponent = int(match["e"] or match["ten"] or 0)
        found.append(_Quantity(value * Fraction(10) ** exponent, unit, "." in match["digits"]))
    return found


@lru_cache(MAX_REMEMBERED)
def _read_unit(text: str) -> _Unit | None:
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
        factor, offset = factor * unit.factor**exponent, unit.offset
        for name, own in unit.dimensions:
            powers[name] = powers.get(name, 0.0) + own * exponent
    return _Unit(factor, offset, tuple(sorted((name, power) for name, power in powers.items() if power)))


@lru_cache(MAX_REMEMBERED)
def _named_unit(name: str) -> _Unit | None:
    """A unit by its name or symbol, as pint knows it; a currency is one of its own."""
    if name in _MONEY:
        return _Unit(dimensions=((name, 1.0),))
    registry = _registry()
    name = _SYMBOLS.get(name, name.lower() if len(name) > 4 and not name.isupper() else name)
    if name in _NO_UNITS or not registry.parse_unit_name(name):
        return None
    zero, one, two = (registry.Quantity(value, name).to_root_units() for value in (0.0, 1.0, 2.0))
    factor, offset = float(one.magnitude - zero.magnitude), float(zero.magnitude)
    if not math.isclose(two.magnitude - one.magnitude, factor, rel_tol=_EXACT):
        return _Unit(dimensions=((registry.get_name(name), 1.0),))  # a logarithm, as dB: it converts to nothing
    dimensions = {str(dimension): float(power) for dimension, power in one.dimensionality.items()}
    return _Unit(factor, offset, tuple(sorted(dimensions.items())))


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    registry.define("@alias ampere = amp")  # else an attometre per second
    registry.define("beat_per_minute = 1 / minute = bpm")
    return registry


# Pairs: spans of time, and ranges

_AROUND_PAIRS = re.compile(r"(?:from|between|to|until|and)\b|[-,;()\[\]\s\u2192]", re.I)
_WITHIN_A_PAIR = re.compile(r"\s?(?:-|to|until|and|,|;|\u2192)\s?", re.I)


def _pairs(wanted: str, said: str, tolerance: float) -> Verdict | None:
    """The verdict where one of the texts is a pair of numbers, or several; None where none is."""
    gold, answer = _read_pairs(wanted), _read_pairs(said)
    if not gold or not answer:
        return WRONG if gold or answer else None
    if all(one.unit and one.unit.dimensions == _SECOND.dimensions for one in gold) or (
        wanted[0] + wanted[-1] == "[]" and not any(one.unit for one in gold)
    ):
        if any(one.unit and one.unit.dimensions != _SECOND.dimensions for one in answer):
            return 0.0, Reason.WRONG_UNIT
        value = overlap(_as_spans(gold), _as_spans(answer))
        return value, Reason.RIGHT if value == 1.0 else Reason.PARTIAL if value else Reason.WRONG_NUMBER
    if len(gold) != len(answer):
        return 0.0, Reason.WRONG_NUMBER
    if {"[", "]"}.intersection(wanted) != {"[", "]"}.intersection(said):
        return WRONG  # an interval has ends, or not
    verdicts = [_compared(one, other, tolerance) for one, other in zip(gold, answer, strict=True)]
    return next((verdict for verdict in verdicts if verdict != RIGHT), RIGHT)


def overlap(one: Sequence[Span], other: Sequence[Span]) -> float:
    """Intersection over union of two unions of spans, in [0, 1]; a span that ends before it starts covers nothing."""
    common = union = 0.0
    for start, end in pairwise(sorted({edge for span in (*one, *other) for edge in span})):
        covered = [any(low <= start and end <= high for low, high in spans) for spans in (one, other)]
        common += (end - start) * all(covered)
        union += (end - start) * any(covered)
    return common / union if union else 0.0


def _read_pairs(text: str) -> list[_Quantity] | None:
    """The numbers of `10-20 s`, `from 0:10 to 0:15`, `[[1, 2], [3, 4]]`; the unit of either holds for both."""
    matches, found = list(_QUANTITY.finditer(text)), _read_quantities(text)
    if len(found) < 2 or len(found) % 2 or _are_parts(found) or _AROUND_PAIRS.sub("", _QUANTITY.sub("", text)):
        return None
    read = []
    for place in range(0, len(found), 2):
        if not _WITHIN_A_PAIR.fullmatch(text[matches[place].end() : matches[place + 1].start()]):
            return None
        first, second = found[place : place + 2]
        read += [replace(first, unit=first.unit or second.unit), replace(second, unit=second.unit or first.unit)]
    return read


def _as_spans(pairs: Sequence[_Quantity]) -> list[Span]:
    seconds = [float(one.value) * (one.unit or _SECOND).factor for one in pairs]
    return list(zip(seconds[::2], seconds[1::2], strict=True))


# Formulas

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
_COMMAND = re.compile(
    r"\\([a-z]+)|(?<![\\a-zA-Z])[A-Za-z]{4,}|[A-Za-z]\d|\d{16}"
)  # words, H2 and long numbers are none
_KNOWN = frozenset((*_FUNCTIONS.split("|"), "frac", "cdot", *_GREEK.values()))
_OPERATION = re.compile(r"[-+/^=<>\\]|\d\s?[A-Za-z(]")
_DRAWN, _SEED = 5, 20_480  # points
_parsing = threading.Lock()  # the parser's tables are shared


def _same_formula(wanted: str, said: str) -> bool:
    """Whether two formulas with variables have one value, or the sides of two relations, but for a factor."""
    if wanted.count("=") != said.count("="):
        return False  # `3x+4y+14=0` is no `0`
    letters = set(re.sub(r"\\[a-z]+", "", wanted + said))
    if any(letter.isalpha() and letter.swapcase() in letters for letter in letters):
        return False  # the parser folds the case, and `2T - t` is no `T`
    one = _read_formula(wanted)
    other = _read_formula(said) if one is not None else None
    if one is None or other is None or not one.free_symbols or one.free_symbols != other.free_symbols:
        return False
    (kind, *sides), (other_kind, *other_sides) = _sides(one), _sides(other)
    if kind != other_kind:
        return False
    draw = random.Random(_SEED)
    names = sorted(str(symbol) for symbol in one.free_symbols)
    ratios: list[complex] = []
    for _ in range(_DRAWN):
        point = {name: complex(draw.uniform(0.5, 3.0) * draw.choice((1, -1))) for name in names}
        value, other_value = _difference(sides, point), _difference(other_sides, point)
        if not value or not other_value:
            return False
        ratios.append(other_value / value)
    factor = ratios[0] if kind else 1.0
    if kind.startswith("<") and not (abs(factor.imag) < _EXACT and factor.real > 0):
        return False
    return all(cmath.isclose(ratio, factor, rel_tol=_EXACT) for ratio in ratios)


def _sides(formula: Any) -> tuple[Any, ...]:
    """What kind of relation a formula is ("" of none), and its sides, the smaller first."""
    if not formula.is_Relational:
        return "", formula
    kind = formula.rel_op
    return (kind.replace(">", "<"), *(formula.args[::-1] if ">" in kind else formula.args))


def _difference(sides: Sequence[Any], point: Mapping[str, complex]) -> complex | None:
    values = [value for side in sides if (value := _value(side, point)) is not None]
    return None if len(values) < len(sides) else values[0] - (values[1] if len(values) == 2 else 0)


@lru_cache(MAX_REMEMBERED)
def _read_formula(text: str) -> Any:
    """The tree of a plain formula, not evaluated; None of any other text."""
    for pattern, latex in _TO_LATEX:
        text = pattern.sub(latex, text)
    depths = [0]
    for letter in re.sub(r"[^(){}]", "", text):
        depths.append(depths[-1] + (1 if letter in "({" else -1))
    if len(text) > MAX_FORMULA or text.count("^") > MAX_POWERS:
        return None
    if max(depths) > MAX_DEPTH or len(depths) > 2 * MAX_BRACKETS + 1:
        return None
    if not _OPERATION.search(text) or not _FORMULA.fullmatch(text):
        return None
    if any(found[1] not in _KNOWN for found in _COMMAND.finditer(text)):
        return None
    with _parsing:
        parse, settings = _math_verify()
        found = parse(f"${text}$", settings, fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if len(found) == 1 and hasattr(found[0], "free_symbols") else None


@cache
def _math_verify() -> tuple[Any, Any]:
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that there is no time limit
    plain = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none")
    return parse, [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=plain)]


def _value(formula: Any, point: Mapping[str, complex]) -> complex | None:
    """The value of a formula in floats; None where it has none, or holds what is not plain."""
    try:
        return _computed(formula, point)
    except (ArithmeticError, ValueError):
        return None


def _computed(part: Any, point: Mapping[str, complex]) -> complex:
    """
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
