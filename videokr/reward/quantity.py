"""Numbers with their units, as answers have them: `-5 m/s`, `5×10^3`, `1/2`, `> 20 %`, `2:05`, `2 min 5 s`, `$5`."""

import math
import re
from dataclasses import dataclass, replace

from videokr.reward.units import CURRENCIES, Unit, read_unit

_UNSIGNED = (
    r"(?:(?P<clock>\d{1,2}(?::[0-5]\d){1,2}(?:\.\d{1,6})?)(?!:?\d)"
    r"|(?:(?P<whole>\d{1,9})\s)?(?P<over>\d{1,2})\s?/\s?(?P<under>\d{1,4})(?![\d./]|\s?mm\s?Hg)"
    r"|(?P<digits>\d{1,3}(?:,\d{3}){1,12}(?:\.\d{1,40})?(?!,?\d)|\d{1,40}(?:\.\d{1,40})?|\.\d{1,40}))"
    r"(?:(?P<power>\^)\(?(?P<to>[+-]?\d{1,3})\)?"
    r"|[eE](?P<exponent>[+-]?\d{1,3})(?![\w.])"
    r"|\s?[\u00d7xX*\u00b7]\s?10(?:\^|\*\*)?(?P<ten>(?<=[\^*])\(?[+-]?\d{1,3}\)?|[+-]\d{1,3}))?"
)
_SIGN = r"(?P<sign>[+-]|\A[+-]\s|(?:minus|negative|plus|positive)\s)?"
_COMPARATORS = {
    "<=": r"<=|at\s(?:the\s)?most|no\smore\sthan|not\smore\sthan|up\sto|maximum\sof|max\.?",
    ">=": r">=|at\s(?:the\s)?least|no\s(?:less|fewer)\sthan|not\sless\sthan|minimum\sof|min\.?(?=\s?\d)",
    "<": r"<|(?:less|fewer|lower|smaller|shorter|younger)\sthan|below|under",
    ">": r">|(?:more|greater|higher|larger|longer|older|bigger)\sthan|above|over|exceeding",
}
_COMPARED = "|".join(
    f"(?P<{name}>{form})" for name, form in zip(("le", "ge", "lt", "gt"), _COMPARATORS.values(), strict=True)
)
_NUMBER = re.compile(
    rf"(?:(?<![\w])(?:{_COMPARED})\s{{0,2}})?(?<![\w.]){_SIGN}(?:(?P<money>[{CURRENCIES}])\s?)?{_UNSIGNED}"
    r"(?:\s?(?:\u00b1|\+/-)\s?(?P<spread>\d{1,20}(?:\.\d{1,20})?))?",
    re.I,
)
_DIGIT = re.compile(r"\d")
_HALF_OF_DAY = re.compile(r"\s?([ap])\.?m\.?(?!\w)", re.I)
_BOUND_BEHIND = re.compile(
    r"\s(?:or|and)\s(?:(?P<more>more|above|greater|higher|over)|less|fewer|below|under|lower)\b", re.I
)
_SYMBOLS_OF = {"le": "<=", "ge": ">=", "lt": "<", "gt": ">"}
_SECONDS = Unit("s", 1.0, (("s", 1),))
# A time of day counts its minutes as a clock in a video does its seconds: 3:30 is 210, and may be one or the other.
_MORNING, _AFTERNOON = (Unit(name, 1.0, (("s", 1),)) for name in ("am", "pm"))
_HALF_DAY = 720
_MOST_DIGITS = 15  # more are no float's; such numbers are compared as texts
_FIRST_DECADE = 1000
_MOST_NUMBERS = 64  # in one answer
_EXACT = 1e-9  # relative: what two ways of computing one number differ by


@dataclass(frozen=True, slots=True)
class Quantity:
    """
    Attributes:
        value: in its unit; finite.
        unit: None where none is written.
        comparator: one of <, <=, >, >= or "".
        spread: of `5 ± 0.2`, in the same unit.
        is_whole: a whole number written in digits alone, so that it counts something; `5.0` is one, too.
        start, end: where it stands in the text, unit and comparator included.
    """

    value: float
    unit: Unit | None
    comparator: str
    spread: float
    is_whole: bool
    start: int
    end: int

    def in_unit_of(self, other: "Quantity") -> float | None:
        """The value in the other's unit, where either has none as it is; None where the units do not agree."""
        if self.unit is None or other.unit is None:
            return self.value
        return self.unit.convert(self.value, other.unit)

    def agrees(self, gold: "Quantity", tolerance: float) -> bool:
        """Whether this is the gold quantity; whole numbers in one unit exactly, others within a relative tolerance."""
        return self.comparator == gold.comparator and any(
            _near(value, gold, tolerance, exactly) for value, exactly in self._readings(gold)
        )

    def _readings(self, gold: "Quantity") -> list[tuple[float, bool]]:
        """Each value in the gold's unit that this may mean, and whether it must be exact."""
        counts = self.is_whole and gold.is_whole
        readings = []
        halves = [quantity.unit for quantity in (self, gold) if quantity.unit in (_MORNING, _AFTERNOON)]
        if len(halves) == 1:  # "3:30" may be "3:30 PM", and so is "15:30"
            if self.unit is None or gold.unit is None:
                return []
            hour = self.value - _HALF_DAY if _HALF_DAY <= self.value < _HALF_DAY + 60 else self.value
            afternoon = gold.unit is _AFTERNOON and hour < _HALF_DAY
            return [(hour + _HALF_DAY if afternoon else hour, True), (self.value, True)]
        value = self.in_unit_of(gold)
        part = gold.unit is None and self.unit is not None and not self.unit.dimensions
        if value is not None and not (part and abs(gold.value) < 1):  # 0.5% is not 0.5, but 50 may be asked for in %
            readings.append((value, counts and value == self.value))
        for mine, theirs in ((self, gold), (gold, self)):  # 50% is 0.5, also where one of them has no unit
            if mine.unit is None and theirs.unit is not None and not theirs.unit.dimensions:
                factor = theirs.unit.factor if mine is gold else 1 / theirs.unit.factor
                readings.append((self.value * factor, False))
        return readings


def _near(value: float, gold: Quantity, tolerance: float, exactly: bool) -> bool:
    if gold.spread:
        return abs(value - gold.value) <= gold.spread * (1 + _EXACT)
    if exactly:
        return value == gold.value
    return abs(value - gold.value) <= max(tolerance, _EXACT) * abs(gold.value)


def read_quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities of a cleaned text in their order; `2 min 5 s` is one. At most `_MOST_NUMBERS` are read."""
    found: list[Quantity] = []
    if not _DIGIT.search(text):
        return ()
    place = 0
    while len(found) < _MOST_NUMBERS and (match := _NUMBER.search(text, place)):
        quantity = _quantity(text, match)
        place = match.end()
        if quantity is None:
            continue
        place = max(place, quantity.end)
        last = found[-1] if found else None
        if last and (whole := _joined(last, quantity, text)):
            found[-1] = whole
        else:
            found.append(quantity)
    return tuple(found)


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    value = _value(match)
    if value is None or len(match["digits"] or "") > _MOST_DIGITS:
        return None
    end = match.end()
    unit = None
    is_whole = match["digits"] is not None and value.is_integer() and not match["power"] and not match["exponent"]
    half = _HALF_OF_DAY.match(text, end) if match["clock"] or (is_whole and value in range(1, 13)) else None
    if half:
        hours_as_minutes = value if match["clock"] else value * 60
        value = hours_as_minutes % _HALF_DAY + (_HALF_DAY if half[1] in "pP" else 0)
        unit, is_whole, end = _AFTERNOON if half[1] in "pP" else _MORNING, True, half.end()
    elif match["clock"]:
        unit, is_whole = _SECONDS, "." not in match["clock"]
    elif match["money"]:
        known = read_unit(match["money"], 0)
        unit = known[0] if known else None
    else:
        space = end < len(text) and text[end] == " "
        known = read_unit(text, end + space)
        if known:
            unit, end = known
        elif end < len(text) and (text[end].isalpha() or text[end] in "_^!"):
            return None  # "3rd", "5G", "2^n", "5!"
        if unit and unit.name == "s" and not space and value >= _FIRST_DECADE and value % 10 == 0:
            return None  # "1920s"
    bound = _BOUND_BEHIND.match(text, end)
    if bound:
        end = bound.end()
    comparator = next((symbol for name, symbol in _SYMBOLS_OF.items() if match[name]), "")
    if bound:
        comparator = ">=" if bound["more"] else "<="
    spread = float(match["spread"] or 0)
    return Quantity(value, unit, comparator, spread, is_whole and match["ten"] is None, match.start(), end)


def _value(match: re.Match[str]) -> float | None:
    if match["clock"]:
        value = 0.0
        for part in match["clock"].split(":"):
            value = value * 60 + float(part)
    elif match["under"]:
        if not int(match["under"]):
            return None
        value = int(match["whole"] or 0) + int(match["over"]) / int(match["under"])
    else:
        value = float(match["digits"].replace(",", ""))
    exponent = match["exponent"] or (match["ten"] or "").strip("()")
    if exponent:
        value *= float(f"1e{int(exponent)}")
    if match["to"]:
        if value != 10:  # other powers are formulas
            return None
        value = float(f"1e{int(match['to'])}")
    sign = (match["sign"] or "").strip().lower()
    return (
        -value
        if sign in ("-", "minus", "negative") and math.isfinite(value)
        else value
        if math.isfinite(value)
        else None
    )


def _joined(first: Quantity, second: Quantity, text: str) -> Quantity | None:
    """`2 min` and `5 s` beside each other as one quantity, in the first one's unit."""
    if not first.unit or not second.unit or first.unit.name == second.unit.name:
        return None
    if first.unit.dimensions != second.unit.dimensions or not first.unit.dimensions or second.value < 0:
        return None
    if text[first.end : second.start].strip(" ,").lower() not in ("", "and") or second.unit.factor >= first.unit.factor:
        return None
    small = second.value * second.unit.factor / first.unit.factor
    if small >= 1 or first.unit.offset or second.unit.offset:
        return None
    value = first.value + math.copysign(small, first.value)
    return replace(first, value=value, is_whole=False, end=second.end)
