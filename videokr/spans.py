"""Spans of time in a video, in seconds: read, written, and held against the gold ones."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Span = tuple[float, float]  # seconds from the start of the video to where it starts and ends

# "24.3", "24.3 s", "1:02", "0:01:02.5"
_TIME = r"((?:\d+:){0,2}\d+(?:\.\d+)?)(?![\d:]|\.\d)(?:\s{0,2}(?:s|secs?|seconds?)\b)?"
_QUOTES = r"[\s\[\](){}\"'<>]{0,9}"
_TO = rf"{_QUOTES}(?:[-–—~,]|\b(?:to|and|until|till)\b){_QUOTES}(?:(?:at|ends?(?:_time)?)\b{_QUOTES}:?\s?)?"  # noqa: RUF001
# No sign stands before a time: what begins with one is no span. A sign between two of them is a dash.
_SPAN = re.compile(rf"(?<![-−\d.:]){_TIME}{_TO}{_TIME}", re.I)  # noqa: RUF001
MAX_SECONDS = 1e9  # beyond any video: what is longer is read as this, for infinity has no overlap
ACCURACY_FROM, ACCURACY_WIDTH = 0.2, 0.6  # VideoTemp-o3: clip((IoU - 0.2) / 0.6, 0, 1)


def read_spans(text: str) -> tuple[Span, ...]:
    """Every span that a text names, in its order: `24.3-30.4`, `from 1:02 to 1:10`, `[[3, 5], [8, 9]]`.

    Numbers that do not stand in pairs name none. A span may end before it starts, or with it: it covers nothing.
    """
    return tuple((_seconds(start), _seconds(end)) for start, end in _SPAN.findall(text))


def write_spans(spans: Iterable[Span]) -> str:
    """The one text of spans, which `read_spans` reads back: `12.5-30.4`, `3-5, 8-9`; sorted, to the millisecond."""
    return ", ".join(f"{write_seconds(start)}-{write_seconds(end)}" for start, end in sorted(spans))


def spans_in(value: Any) -> tuple[Span, ...]:
    """The spans of a field: a text, `[3, 5]`, `[[3, 5], [8, 9]]`, or `{"timestamp": [3, 5]}` and lists of these.

    Raises:
        ValueError: it holds something else, a text without a span, or times before the video.
    """
    if isinstance(value, str) and (spans := read_spans(value)):
        return spans
    if isinstance(value, Mapping):
        return spans_in(value.get("timestamp"))
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is no span")
    if not any(isinstance(time, int | float) for time in value):
        return tuple(span for one in value for span in spans_in(one))
    if len(value) != 2 or not all(_is_time(time) for time in value):
        raise ValueError(f"{value!r} is no start and end in seconds")
    return ((float(value[0]), float(value[1])),)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def write_seconds(seconds: float) -> str:
    """To the millisecond, without zeros at the end."""
    return f"{seconds:.3f}".rstrip("0").removesuffix(".")


def _seconds(time: str) -> float:
    total = 0.0
    for part in time.split(":"):
        total = 60 * total + float(part)
    return min(total, MAX_SECONDS)


def iou(one: Sequence[Span], other: Sequence[Span]) -> float:
    """Intersection over union of the time that each covers, in [0, 1]; 0 where neither covers any."""
    edges = sorted(
        (time, side, step)
        for side, spans in enumerate((one, other))
        for start, end in spans
        if start < end
        for time, step in ((start, 1), (end, -1))
    )
    open_spans, common, union = [0, 0], 0.0, 0.0
    for (time, side, step), (later, _, _) in pairwise(edges):
        open_spans[side] += step
        common += (later - time) * all(open_spans)
        union += (later - time) * any(open_spans)
    return common / union if union else 0.0


def grounding_accuracy(one: Sequence[Span], gold: Sequence[Span]) -> float:
    """What an answer of spans earns, in [0, 1]: nothing up to an IoU of 0.2, everything from 0.8 on (VideoTemp-o3)."""
    return min(1.0, max(0.0, (iou(one, gold) - ACCURACY_FROM) / ACCURACY_WIDTH))
