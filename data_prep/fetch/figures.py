"""Numbers for a reader."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def readable(size_bytes: int) -> str:
    """A number of bytes in a unit that fits it: `4.1 GB`."""
    size, unit = float(size_bytes), 0
    while abs(size) >= 999.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size_bytes:,} bytes"


def counted(number: int, noun: str) -> str:
    """A number of things: `1 video`, `2 videos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
