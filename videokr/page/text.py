"""Texts on a page: which characters can be shown, how many bytes they take up, and how long ones are cut."""

import re
from collections.abc import Iterable

from markupsafe import escape

_HEAD_SHARE = 0.7  # of what is kept; the rest is the end, where the answer stands
# What no page can show: control characters but tab and newline, halves of surrogate pairs, and what is no character.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT = "\ufffd"


def readable(text: str) -> str:
    """The text with every character that no page can hold replaced, and one kind of line break."""
    return _UNREADABLE.sub(_REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def page_bytes(text: str) -> int:
    """What a text takes up in the page."""
    return len(escape(readable(text)).encode())


def fair_length(lengths: Iterable[int], total: int) -> int | None:
    """The length to cut at so that all fit in `total` together and short ones stay whole; None where all fit as is."""
    ordered = sorted(lengths)
    left = total
    for place, length in enumerate(ordered):
        fair = left // (len(ordered) - place)
        if length > fair:
            return fair
        left -= length
    return None


def excerpt(text: str, max_bytes: int | None) -> str:
    """The beginning and the end of a text, with how much is left out between; all of it where it fits."""
    if max_bytes is None:
        return text
    length = page_bytes(text)
    if length <= max_bytes:
        return text
    kept = int(len(text) * max_bytes / length)
    head = int(kept * _HEAD_SHARE)
    tail = kept - head
    return f"{text[:head]}\n[{len(text) - kept:,} characters left out]\n{text[len(text) - tail :]}"
