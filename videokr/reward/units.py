"""Units of measurement: what a unit is of the SI, and whether two can stand for each other.

A table of our own, because in an answer most words behind a number are none: a library for calculations (pint) reads
"5 cells" as 5 centi-ells.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`value * factor + offset` is in the SI's own unit of these dimensions.

    Attributes:
        name: as it was written.
        dimensions: exponents by base unit, sorted; empty for a mere number, as percent.
    """

    name: str
    factor: float
    dimensions: Dimensions
    offset: float = 0.0

    def is_spelt_like(self, other: "Unit") -> bool:
        """The same but for the degree sign: `25 C` and `25 °C`."""
        names = {unit.name.replace("° ", "°") for unit in (self, other)}
        return names in ({"°C", "C"}, {"°F", "F"})

    def convert(self, value: float, other: "Unit") -> float | None:
        """The value in the other unit; None where that is of something else."""
        if self.dimensions != other.dimensions:
            return value if self.is_spelt_like(other) else None
        if self.name == other.name:
            return value
        return (value * self.factor + self.offset - other.offset) / other.factor


_PREFIXES = {
    "quecto": 1e-30, "ronto": 1e-27, "yocto": 1e-24, "zepto": 1e-21, "atto": 1e-18, "femto": 1e-15, "pico": 1e-12,
    "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 1e-1, "deca": 1e1, "hecto": 1e2, "kilo": 1e3,
    "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18,
}  # fmt: skip
_PREFIX_SYMBOLS = {
    "z": 1e-21, "a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "μ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1,
    "h": 1e2, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
}  # fmt: skip

# names; symbols; factor; dimensions. Those that take the prefixes of the SI:
_PREFIXED = (
    ("meter metre", "m", 1, "m"),
    ("gram gramme", "g", 1e-3, "kg"),
    ("second sec", "s", 1, "s"),
    ("ampere amp", "A", 1, "A"),
    ("kelvin", "K", 1, "K"),
    ("mole", "mol", 1, "mol"),
    ("candela", "cd", 1, "cd"),
    ("hertz", "Hz", 1, "s-1"),
    ("newton", "N", 1, "kg m s-2"),
    ("pascal", "Pa", 1, "kg m-1 s-2"),
    ("joule", "J", 1, "kg m2 s-2"),
    ("watt", "W", 1, "kg m2 s-3"),
    ("coulomb", "C", 1, "A s"),
    ("volt", "V", 1, "kg m2 s-3 A-1"),
    ("farad", "F", 1, "kg-1 m-2 s4 A2"),
    ("ohm", "Ω", 1, "kg m2 s-3 A-2"),
    ("siemens", "S", 1, "kg-1 m-2 s3 A2"),
    ("weber", "Wb", 1, "kg m2 s-2 A-1"),
    ("tesla", "T", 1, "kg s-2 A-1"),
    ("henry", "H", 1, "kg m2 s-2 A-2"),
    ("lumen", "lm", 1, "cd"),
    ("lux", "lx", 1, "cd m-2"),
    ("becquerel", "Bq", 1, "s-1"),
    ("gray", "Gy", 1, "m2 s-2"),
    ("sievert", "Sv", 1, "m2 s-2"),
    ("liter litre", "L l", 1e-3, "m3"),
    ("molar", "M", 1e3, "mol m-3"),
    ("electronvolt", "eV", 1.602176634e-19, "kg m2 s-2"),
    ("calorie", "cal", 4.184, "kg m2 s-2"),
    ("", "Wh", 3600, "kg m2 s-2"),
    ("", "Ah", 3600, "A s"),
    ("", "VA", 1, "kg m2 s-3"),
    ("bit", "b bit", 1, "bit"),
    ("byte", "B", 8, "bit"),
    ("bar", "bar", 1e5, "kg m-1 s-2"),
    ("dalton", "Da", 1.66053906892e-27, "kg"),
    ("tonne ton", "t", 1e3, "kg"),
    ("radian", "rad", 1, "angle"),
    ("parsec", "pc", 3.0856775814913673e16, "m"),
    ("decibel", "", 1, "dB"),
)
_PLAIN = (
    ("minute min", "min", 60, "s"),
    ("hour hr", "h hr", 3600, "s"),
    ("day", "d", 86400, "s"),
    ("week wk", "wk", 604800, "s"),
    ("fortnight", "", 1209600, "s"),
    ("month", "", 2629746, "s"),
    ("year yr", "yr y", 31556952, "s"),
    ("decade", "", 315569520, "s"),
    ("century", "", 3155695200, "s"),
    ("inch", "in", 0.0254, "m"),
    ("foot feet", "ft", 0.3048, "m"),
    ("yard", "yd", 0.9144, "m"),
    ("mile", "mi", 1609.344, "m"),
    ("knot", "kn kt", 1852 / 3600, "m s-1"),
    ("nauticalmile", "nmi", 1852, "m"),
    ("", "mph", 0.44704, "m s-1"),
    ("", "kph kmh", 1 / 3.6, "m s-1"),
    ("angstrom", "Å", 1e-10, "m"),
    ("", "AU au", 1.495978707e11, "m"),
    ("lightyear", "ly", 9.4607304725808e15, "m"),
    ("pound", "lb lbs", 0.45359237, "kg"),
    ("ounce", "oz", 0.028349523125, "kg"),
    ("carat", "ct", 2e-4, "kg"),
    ("", "u amu", 1.66053906892e-27, "kg"),
    ("", "mcg", 1e-9, "kg"),
    ("gallon", "gal", 3.785411784e-3, "m3"),
    ("quart", "qt", 9.46352946e-4, "m3"),
    ("pint", "pt", 4.73176473e-4, "m3"),
    ("cup", "", 2.365882365e-4, "m3"),
    ("tablespoon", "tbsp", 1.478676478125e-5, "m3"),
    ("teaspoon", "tsp", 4.92892159375e-6, "m3"),
    ("", "cc", 1e-6, "m3"),
    ("kilo", "", 1, "kg"),
    ("", "Nm", 1, "kg m2 s-2"),
    ("", "KB", 8e3, "bit"),
    ("hectare", "ha", 1e4, "m2"),
    ("acre", "", 4046.8564224, "m2"),
    ("", "psi", 6894.757293168, "kg m-1 s-2"),
    ("atmosphere", "atm", 101325, "kg m-1 s-2"),
    ("torr", "Torr mmHg", 101325 / 760, "kg m-1 s-2"),
    ("horsepower", "hp", 745.6998715822702, "kg m2 s-3"),
    ("", "dB", 1, "dB"),
    ("degree", "deg °", 0.017453292519943295, "angle"),
    ("arcminute", "arcmin", 2.908882086657216e-4, "angle"),
    ("arcsecond", "arcsec", 4.84813681109536e-6, "angle"),
    ("revolution rotation rev", "", 1, "turn"),
    ("beat", "", 1, "beat"),
    ("frame", "", 1, "frame"),
    ("cycle", "", 1, ""),
    ("", "rpm RPM", 1 / 60, "s-1 turn"),
    ("", "bpm BPM", 1 / 60, "beat s-1"),
    ("", "fps FPS", 1, "frame s-1"),
    ("percent", "% pct", 1e-2, ""),
    ("", "‰", 1e-3, ""),
    ("", "ppm", 1e-6, ""),
    ("", "ppb", 1e-9, ""),
    ("dollar usd", "$", 1, "USD"),
    ("cent", "¢", 1e-2, "USD"),
    ("euro eur", "€", 1, "EUR"),
    ("gbp", "£", 1, "GBP"),
    ("yen jpy", "¥", 1, "JPY"),
    ("yuan rmb cny", "元", 1, "CNY"),
    ("rupee inr", "₹", 1, "INR"),
)
_CELSIUS, _FAHRENHEIT = (1.0, 273.15), (5 / 9, 459.67 * 5 / 9)
_TEMPERATURES = {
    "°c": _CELSIUS, "celsius": _CELSIUS, "centigrade": _CELSIUS, "degc": _CELSIUS, "degree celsius": _CELSIUS,
    "degree centigrade": _CELSIUS, "degree c": _CELSIUS, "deg c": _CELSIUS,
    "°f": _FAHRENHEIT, "fahrenheit": _FAHRENHEIT, "degf": _FAHRENHEIT, "degree fahrenheit": _FAHRENHEIT,
    "degree f": _FAHRENHEIT, "deg f": _FAHRENHEIT,
}  # fmt: skip
CURRENCIES = "$€£¥₹"
_IRREGULAR = {"feet": "foot", "inches": "inch", "centuries": "century", "henries": "henry", "per cent": "percent"}
_IRREGULAR |= dict.fromkeys(("light year", "light years"), "lightyear")
_IRREGULAR |= dict.fromkeys(("nautical mile", "nautical miles"), "nauticalmile")


def _dimensions(text: str) -> Dimensions:
    parts = (re.fullmatch(r"([A-Za-z]+)(-?\d+)?", part) for part in text.split())
    return tuple(sorted((part[1], int(part[2] or 1)) for part in parts if part))


def _tables() -> tuple[dict[str, tuple[float, Dimensions]], dict[str, tuple[float, Dimensions]]]:
    names: dict[str, tuple[float, Dimensions]] = {}
    symbols: dict[str, tuple[float, Dimensions]] = {}
    for spelt, short, factor, dimensions in _PREFIXED:
        exponents = _dimensions(dimensions)
        for name in spelt.split():
            for prefix, scale in (("", 1.0), *_PREFIXES.items()):
                names[prefix + name] = (scale * factor, exponents)
        for symbol in short.split():
            for prefix, scale in (("", 1.0), *_PREFIX_SYMBOLS.items()):
                symbols.setdefault(prefix + symbol, (scale * factor, exponents))
    for spelt, short, factor, dimensions in _PLAIN:
        names |= {name: (factor, _dimensions(dimensions)) for name in spelt.split()}
        symbols |= {symbol: (factor, _dimensions(dimensions)) for symbol in short.split()}
    for word in ("am", "as", "at"):  # attometre and its like
        del symbols[word]
    return names, symbols


def _in_any_case(symbols: Iterable[str]) -> dict[str, str]:
    """Symbols by their spelling in small letters, but for those that differ from another by the case alone."""
    spelt: dict[str, list[str]] = {}
    for symbol in symbols:
        spelt.setdefault(symbol.casefold(), []).append(symbol)
    return {folded: same[0] for folded, same in spelt.items() if len(same) == 1 and len(folded) > 1}


_NAMES, _SYMBOLS = _tables()
_SYMBOLS_IN_ANY_CASE = _in_any_case(_SYMBOLS)

_FACTOR = re.compile(
    r"(?:(?P<power>square|cubic|sq|cu)\.?\s)?"
    r"(?P<name>°\s?[CcFf](?![A-Za-z])|degrees?\s(?:Celsius|centigrade|Fahrenheit|[CF])(?![A-Za-z])|deg\.?\s?[CF](?![A-Za-z])"
    r"|[°%‰¢元$€£¥₹]|per\scent(?![A-Za-z])|light[\s-]years?(?![A-Za-z])|nautical\smiles?(?![A-Za-z])|[A-Za-zμΩÅ]+)"
    r"(?:\^?\(?(?P<exponent>[+-]?[1-9])\)?(?![\d.])|\s(?P<words>squared|cubed))?(?![A-Za-z\d_])",
    re.I,
)
_JOINT = re.compile(
    r"\s?(?P<over>/)\s?\(?|[\s-](?P<per>per)[\s-]|\s?(?P<times>[·*×]|-(?=[A-Za-z]))\s?|(?P<space>\s)", re.I
)
_WORD_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "squared": 2, "cubed": 3}
_MOST_FACTORS = 6
_LARGEST_MAGNITUDE = 100  # powers of ten: no unit is larger, and floats have room for values
# Words of English before anything else.
_NO_UNITS = frozenset("a an am as at be by do he i if it me my no of on or pa so to up us we".split())


def read_unit(text: str, start: int) -> tuple[Unit, int] | None:
    """The unit that begins at a place of a cleaned text, and where it ends; None where none does."""
    factor, offset, magnitude = 1.0, 0.0, 0.0
    dimensions: dict[str, int] = {}
    place, end, sign, factors, joint_is_space = start, start, 1, 0, False
    while factors < _MOST_FACTORS:
        match = _FACTOR.match(text, place)
        known = _lookup(match["name"], match["exponent"] is not None, text, match.end("name")) if match else None
        if not match or known is None:
            break
        scale, exponents, shift = known
        power = sign * int(match["exponent"] or _WORD_POWERS.get((match["power"] or match["words"] or "").lower(), 1))
        if (
            factors
            and joint_is_space
            and not (match["exponent"] or text[match.end() : match.end() + 1] in ("", "/", "·", ")"))
        ):
            break
        magnitude += power * math.log10(scale)
        if abs(magnitude) > _LARGEST_MAGNITUDE:
            return None
        factor *= scale**power
        for base, exponent in exponents:
            dimensions[base] = dimensions.get(base, 0) + exponent * power
        offset = shift if not factors else 0.0
        factors += 1
        end = match.end()
        joint = _JOINT.match(text, end)
        if not joint:
            break
        joint_is_space = joint["space"] is not None
        sign = -1 if joint["over"] or joint["per"] else sign if joint["times"] or joint_is_space else 1
        place = joint.end()
    if "(" in text[start:end] and text[end : end + 1] == ")":
        end += 1
    if not factors:
        return None
    if factors > 1:
        offset = 0.0
    found = tuple(sorted((base, exponent) for base, exponent in dimensions.items() if exponent))
    return Unit(" ".join(text[start:end].split()), factor, found, offset), end


@lru_cache(16_384)
def _known(name: str) -> tuple[float, Dimensions, float] | None:
    """Factor, dimensions and offset of one unit without power; None where it is none."""
    folded = " ".join(name.casefold().replace(".", " ").replace("-", " ").split())
    temperature = _TEMPERATURES.get(folded.replace("\u00b0 ", "\u00b0").replace("degrees", "degree"))
    if temperature:
        return temperature[0], _dimensions("K"), temperature[1]
    if name in _SYMBOLS:
        return *_SYMBOLS[name], 0.0
    if folded in _NO_UNITS:
        return None
    folded = _IRREGULAR.get(folded, folded)
    for candidate in (folded, folded.removesuffix("s"), folded.removesuffix("es")):
        if candidate in _NAMES:
            return *_NAMES[candidate], 0.0
    for candidate in (name.casefold(), name.casefold().removesuffix("s")):  # "kgs"
        if candidate in _SYMBOLS_IN_ANY_CASE:
            return *_SYMBOLS[_SYMBOLS_IN_ANY_CASE[candidate]], 0.0
    return None


def _lookup(name: str, raised: bool, text: str, end: int) -> tuple[float, Dimensions, float] | None:
    if name in ("in", "A") and not raised:
        following = text[end : end + 2].strip()
        if following and following[0].isalnum():  # "5 in total", "5 A levels"
            return None
    return _known(name)
