"""Formulas of plain LaTeX or text: read by math-verify's parser, computed here in floats.

A model may have written one, so it is never evaluated: only short ones of known commands are parsed, and of the tree
only sums, products, powers and elementary functions are computed. math-verify's own comparison is not used: it solves
equations, for more than 12 s on 20 characters, and its time limits are signals, which no thread may set.
"""

import cmath
import logging
import random
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from math import prod
from typing import Any

MAX_FORMULA = 64  # characters
MAX_DEPTH, MAX_BRACKETS, MAX_POWERS = 3, 8, 4  # of a formula: in these the time of the parser grows fastest
MAX_REMEMBERED = 4_096
EXACT = 1e-9  # relative: what two ways of computing one number differ by

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
    if kind.startswith("<") and not (abs(factor.imag) < EXACT and factor.real > 0):
        return False
    return all(cmath.isclose(ratio, factor, rel_tol=EXACT) for ratio in ratios)


def _sides(formula: Any) -> tuple[Any, ...]:
    """What kind of relation a formula is ("" of none), and its sides, the smaller first."""
    if not formula.is_Relational:
        return "", formula
    kind = formula.rel_op
    return (kind.replace(">", "<"), *(formula.args[::-1] if ">" in kind else formula.args))


def _difference(sides: Sequence[Any], point: Mapping[str, complex]) -> complex | None:
    values = [value for side in sides if (value := value_of(side, point)) is not None]
    return None if len(values) < len(sides) else values[0] - (values[1] if len(values) == 2 else 0)


@lru_cache(MAX_REMEMBERED)
def read_formula(text: str) -> Any:
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


def value_of(formula: Any, point: Mapping[str, complex]) -> complex | None:
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
            return prod(arguments)
        case "Pow", [base, power]:
            return base**power
        case "log", [value, base]:
            return cmath.log(value) / cmath.log(base)
        case (("exp" | "log" | "sin" | "cos" | "tan"), [value]):
            return complex(getattr(cmath, name)(value))
    raise ValueError(f"{name} is not plain")
