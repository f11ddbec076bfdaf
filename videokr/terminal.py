"""Texts from data as a terminal takes them."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline


def for_terminal(text: str) -> str:
    """The text with control characters written out (`\\x1b`), so that none of them reaches the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
