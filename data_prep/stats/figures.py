"""Numbers as a reader wants them."""

from data_prep.stats.tokens import Mean

NOTHING = "\u2013"  # where there is no number
_BYTES = ((" TB", 10**12), (" GB", 10**9), (" MB", 10**6), (" kB", 10**3), (" B", 1))
_LARGE = ((" billion", 10**9), (" million", 10**6), ("", 1))
_WHOLE_FROM, _TENTHS_FROM = 100, 10


def count(number: float | None) -> str:
    return NOTHING if number is None else f"{number:,.0f}"


def decimal(number: float | None) -> str:
    """Three digits, or all before the point."""
    if number is None:
        return NOTHING
    if float(number).is_integer() or abs(number) >= _WHOLE_FROM:
        return count(number)
    return f"{number:.1f}" if abs(number) >= _TENTHS_FROM else f"{number:.2f}"


def large(number: float | None) -> str:
    """In millions or billions from ten of them on."""
    name, unit = next((one for one in _LARGE if (number or 0) >= 10 * one[1]), _LARGE[-1])
    return count(number) if number is None or unit == 1 else f"{decimal(number / unit)}{name}"


def estimated(mean: Mean | None) -> str:
    """With its error, both in the same unit."""
    if mean is None:
        return NOTHING
    name, unit = next((one for one in _LARGE if mean.value >= one[1]), _LARGE[-1])
    error = f" \u00b1 {decimal(mean.error / unit)}" if mean.error else ""
    return f"{decimal(mean.value / unit)}{error}{name}"


def size(number: float | None) -> str:
    if number is None:
        return NOTHING
    name, unit = next((one for one in _BYTES if number >= one[1]), _BYTES[-1])
    return f"{count(number) if unit == 1 else decimal(number / unit)}{name}"


def hours(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{decimal(seconds / 3600)} h"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else NOTHING
