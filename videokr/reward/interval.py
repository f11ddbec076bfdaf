"""Spans of a video's time, and how far two of them overlap."""

import re

from videokr.reward.quantity import Quantity, read_quantities

Span = tuple[float, float]

_BETWEEN = re.compile(r"\s?(?:-|to|until|till|through|and|,|;|\.\.\.?|~|\u2192)\s?", re.I)
_BRACKETED = re.compile(r"\[\s?\d{1,9}(?:\.\d{1,9})?\s?[,;-]\s?\d{1,9}(?:\.\d{1,9})?\s?\]")
_SECOND = (("s", 1),)


def read_spans(text: str, wants_spans: bool = False) -> list[Span] | None:
    """The spans of a cleaned text in seconds; None where it does not hold pairs of times.

    Two numbers are times where one has a unit of time or is a clock's, or where square brackets stand around them; the
    unit of either holds for both.

    Args:
        wants_spans: numbers without units are seconds, because spans are asked for.
    """
    quantities = [quantity for quantity in read_quantities(text) if not quantity.comparator]
    if not quantities or len(quantities) % 2:
        return None
    bracketed = _BRACKETED.search(text) is not None
    spans = []
    for first, second in zip(quantities[::2], quantities[1::2], strict=True):
        if not _BETWEEN.fullmatch(text[first.end : second.start]):
            return None
        timed = [quantity for quantity in (first, second) if quantity.unit and quantity.unit.dimensions == _SECOND]
        untimed = [quantity for quantity in (first, second) if quantity.unit is None]
        if len(timed) + len(untimed) < 2 or not (timed or bracketed or wants_spans):
            return None
        spans.append((_seconds(first, second), _seconds(second, first)))
    return spans


def overlap(one: list[Span], other: list[Span]) -> float:
    """Intersection over union of two unions of spans, in [0, 1]; a span that ends before it starts covers nothing."""
    one, other = _united(one), _united(other)
    common = sum(
        max(0.0, min(end, other_end) - max(start, other_start))
        for start, end in one
        for other_start, other_end in other
    )
    total = sum(end - start for start, end in (*one, *other)) - common
    return common / total if total > 0 else 0.0


def _seconds(quantity: Quantity, partner: Quantity) -> float:
    unit = quantity.unit or partner.unit
    return quantity.value * (unit.factor if unit else 1.0)


def _united(spans: list[Span]) -> list[Span]:
    """The same times as spans that do not meet."""
    united: list[Span] = []
    for start, end in sorted((start, end) for start, end in spans if end > start):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((start, end))
    return united
