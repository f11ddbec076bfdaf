"""How much of long texts a page of limited size can hold."""

from collections.abc import Iterable

from videokr.page.markup import escape

_HEAD_SHARE = 0.7  # of what is kept; the rest is the end, where the answer stands


def page_bytes(text: str) -> int:
    """What a text takes up in the page."""
    return len(escape(text).encode())


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


def excerpt(text: str, most_bytes: int | None) -> str:
    """The beginning and the end of a text, with how much is left out between; all of it where it fits."""
    if most_bytes is None:
        return text
    length = page_bytes(text)
    if length <= most_bytes:
        return text
    kept = int(len(text) * most_bytes / length)
    head = int(kept * _HEAD_SHARE)
    tail = kept - head
    return f"{text[:head]}\n[{len(text) - kept:,} characters left out]\n{text[len(text) - tail :]}"
