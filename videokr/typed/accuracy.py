"""Open answers held against the gold one by what they mean: the setting `accuracy=typed`.

A text counts where it is equal after normalisation, a number by value and unit, a formula by its values at drawn
points, a span of time by overlap. What none of these decides earns nothing (`Reason.WRONG`), and a judge may be asked.
A model wrote the answer: nothing of it is evaluated, and its length is bounded. sympy and pint are imported when first
needed.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from videokr.reward import Reason
from videokr.spans import Span, iou
from videokr.typed.quantity import (
    EXACT,
    ONE,
    QUANTITY,
    SECOND,
    Quantity,
    are_parts,
    read_number,
    read_quantities,
    same_formula,
)

Verdict = tuple[float, Reason]

MAX_TEXT, MAX_SHORT_TEXT = 4_096, 128  # characters: of any text, and of what is read as a number, a span or a formula
RIGHT: Verdict = (1.0, Reason.RIGHT)
WRONG: Verdict = (0.0, Reason.WRONG)

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
        (r"(\^)\{([+-]?\d+|\w)\}|(_)\{(\w+)\}", r"\1\2\3\4"),
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
_ASSIGNED = re.compile(r"^[^\W\d_]\w{0,2}\s?=(?=[^=]+$)")
_AROUND_PAIRS = re.compile(r"(?:from|between|to|until|and)\b|[-,;()\[\]\s\u2192]", re.I)
_WITHIN_A_PAIR = re.compile(r"\s?(?:-|to|until|and|,|;|\u2192)\s?", re.I)


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
    return verdict or (RIGHT if same_formula(wanted, said) else WRONG)


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


def _numbers(wanted: str, said: str, tolerance: float) -> Verdict | None:
    """The verdict on two numbers, of which one may be given as `x = 5`; None where one of the texts is none."""
    if ("=" in wanted) != ("=" in said):
        wanted, said = _ASSIGNED.sub("", wanted).strip(), _ASSIGNED.sub("", said).strip()
    gold = read_number(wanted)
    answer = read_number(said) if gold else None
    return _compared(gold, answer, tolerance) if gold and answer else None


def _compared(gold: Quantity, answer: Quantity, tolerance: float) -> Verdict:
    """Whether two numbers agree: whole ones of one unit exactly; a unit may be left out, and 50% be 0.5."""
    readings = [(answer.unit or gold.unit or ONE, gold.unit or answer.unit or ONE)]
    if (answer.unit is None) != (gold.unit is None) and not readings[0][0].dimensions:
        readings = [(answer.unit or ONE, gold.unit or ONE), *(readings if abs(gold.value) >= 1 else [])]
    for own, asked in readings:
        if own.dimensions != asked.dimensions:
            continue
        if own == asked and gold.value.denominator == answer.value.denominator == 1:
            near, value = 0.0, float(answer.value if gold.value == answer.value else math.nan)
        elif own == asked:
            near, value = tolerance if gold.is_rounded or answer.is_rounded else EXACT, float(answer.value)
        else:
            near, value = tolerance, (float(answer.value) * own.factor + own.offset - asked.offset) / asked.factor
        if math.isclose(value, gold.value, rel_tol=max(near, EXACT), abs_tol=0.0 if gold.value else EXACT):
            return RIGHT
    same_number = math.isclose(answer.value, gold.value, rel_tol=EXACT)
    return 0.0, Reason.WRONG_UNIT if same_number else Reason.WRONG_NUMBER


def _pairs(wanted: str, said: str, tolerance: float) -> Verdict | None:
    """The verdict where one of the texts is a pair of numbers, or several; None where none is."""
    gold, answer = _read_pairs(wanted), _read_pairs(said)
    if not gold or not answer:
        return WRONG if gold or answer else None
    if ("(" in wanted and "[" in said) or ("[" in wanted and "(" in said):
        return WRONG  # an interval with its ends is none without them
    if all(one.unit and one.unit.dimensions == SECOND.dimensions for one in gold) or (
        wanted[0] + wanted[-1] == "[]" and not any(one.unit for one in gold)
    ):
        if any(one.unit and one.unit.dimensions != SECOND.dimensions for one in answer):
            return 0.0, Reason.WRONG_UNIT
        value = iou(_as_spans(gold), _as_spans(answer))
        return value, Reason.RIGHT if value == 1.0 else Reason.PARTIAL if value else Reason.WRONG_NUMBER
    if len(gold) != len(answer):
        return 0.0, Reason.WRONG_NUMBER
    verdicts = [_compared(one, other, tolerance) for one, other in zip(gold, answer, strict=True)]
    return next((verdict for verdict in verdicts if verdict != RIGHT), RIGHT)


def _read_pairs(text: str) -> list[Quantity] | None:
    """The numbers of `10-20 s`, `from 0:10 to 0:15`, `[[1, 2], [3, 4]]`; the unit of either holds for both."""
    matches, found = list(QUANTITY.finditer(text)), read_quantities(text)
    if len(found) < 2 or len(found) % 2 or are_parts(found) or _AROUND_PAIRS.sub("", QUANTITY.sub("", text)):
        return None
    read = []
    for place in range(0, len(found), 2):
        if not _WITHIN_A_PAIR.fullmatch(text[matches[place].end() : matches[place + 1].start()]):
            return None
        first, second = found[place : place + 2]
        read += [replace(first, unit=first.unit or second.unit), replace(second, unit=second.unit or first.unit)]
    return read


def _as_spans(pairs: Sequence[Quantity]) -> list[Span]:
    seconds = [float(one.value) * (one.unit or SECOND).factor for one in pairs]
    return list(zip(seconds[::2], seconds[1::2], strict=True))
