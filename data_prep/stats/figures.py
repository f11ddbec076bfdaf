"""Numbers as a reader wants them."""

from data_prep.stats.tokens import Mean

NOTHING = "\u2013"  # where there is no number
_BYTES = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_LARGE = (("billion", 10**9), ("million", 10**6))
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
    for name, unit in _LARGE if number is not None else ():
        if number is not None and number >= 10 * unit:
            return f"{decimal(number / unit)} {name}"
    return count(number)


def estimated(mean: Mean | None) -> str:
    """With its error, both in the same unit."""
    if mean is None:
        return NOTHING
    name, unit = next(((f" {name}", unit) for name, unit in _LARGE if mean.value >= unit), ("", 1))
    error = f" \u00b1 {decimal(mean.error / unit)}" if mean.error else ""
    return f"{decimal(mean.value / unit)}{error}{name}"


def size(number: float | None) -> str:
    for name, unit in _BYTES if number is not None else ():
        if number is not None and number >= unit:
            return f"{decimal(number / unit)} {name}"
    return NOTHING if number is None else f"{count(number)} B"


def hours(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{decimal(seconds / 3600)} h"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else NOTHING
