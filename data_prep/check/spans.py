"""What is wrong with the spans of time that a record names."""

from collections.abc import Iterable, Iterator

from videokr.spans import Span

REVERSED, OUTSIDE, WHOLE = "span-reversed", "span-outside", "span-whole-video"
TITLES = {
    REVERSED: "a span of time ends before it starts, or there",
    OUTSIDE: "a span of time lies beyond the end of its video",
    WHOLE: "a span of time is the whole video",
}
MAX_BEYOND_SECONDS = 1.0  # that a span may end after its video: ends are rounded, and containers disagree by frames
WHOLE_SHARE = 0.95  # of a video's length


def span_faults(spans: Iterable[Span], duration_seconds: float | None) -> Iterator[tuple[str, str]]:
    """What is wrong, one of TITLES, and with which span.

    Args:
        duration_seconds: of the video; None where nobody knows.
    """
    for start, end in spans:
        said = f"{start:g}-{end:g}"
        if end <= start:
            yield REVERSED, said
        elif duration_seconds is None:
            continue
        elif start >= duration_seconds or end > duration_seconds + MAX_BEYOND_SECONDS:
            yield OUTSIDE, f"{said} of {duration_seconds:.1f} s"
        elif end - start >= WHOLE_SHARE * duration_seconds:
            yield WHOLE, f"{said} of {duration_seconds:.1f} s"
