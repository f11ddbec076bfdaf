"""Spans of time in a video, in seconds: read from a text, and held against the gold ones."""

import re
from collections.abc import Sequence
from itertools import pairwise

Span = tuple[float, float]  # seconds from the start of the video to where it starts and ends

# "24.3", "24.3 s", "1:02", "0:01:02.5"
_TIME = r"((?:\d+:){0,2}\d+(?:\.\d+)?)(?![\d:]|\.\d)(?:\s{0,2}(?:s|secs?|seconds?)\b)?"
_QUOTES = r"[\s\[\](){}\"'<>]{0,9}"
_TO = rf"{_QUOTES}(?:[-–—~,]|\b(?:to|and|until|till)\b){_QUOTES}(?:(?:at|ends?(?:_time)?)\b{_QUOTES}:?\s?)?"  # noqa: RUF001
# No sign stands before a time: what begins with one is no span. A sign between two of them is a dash.
_SPAN = re.compile(rf"(?<![-−\d.:]){_TIME}{_TO}{_TIME}", re.I)  # noqa: RUF001
ACCURACY_FROM, ACCURACY_WIDTH = 0.2, 0.6  # VideoTemp-o3: clip((IoU - 0.2) / 0.6, 0, 1)


def read_spans(text: str) -> tuple[Span, ...]:
    """Every span that a text names, in its order: `24.3-30.4`, `from 1:02 to 1:10`, `[[3, 5], [8, 9]]`.

    Numbers that do not stand in pairs name none. A span may end before it starts, or with it: it covers nothing.
    """
    return tuple((_seconds(start), _seconds(end)) for start, end in _SPAN.findall(text))


def _seconds(time: str) -> float:
    total = 0.0
    for part in time.split(":"):
        total = 60 * total + float(part)
    return total


def iou(one: Sequence[Span], other: Sequence[Span]) -> float:
    """Intersection over union of the time that each covers, in [0, 1]; 0 where neither covers any."""
    common = union = 0.0
    for start, end in pairwise(sorted({edge for span in (*one, *other) for edge in span})):
        covered = [any(low <= start and end <= high for low, high in spans) for spans in (one, other)]
        common += (end - start) * all(covered)
        union += (end - start) * any(covered)
    return common / union if union else 0.0


def grounding_accuracy(one: Sequence[Span], gold: Sequence[Span]) -> float:
    """What an answer of spans earns, in [0, 1]: nothing up to an IoU of 0.2, everything from 0.8 on (VideoTemp-o3)."""
    return min(1.0, max(0.0, (iou(one, gold) - ACCURACY_FROM) / ACCURACY_WIDTH))
