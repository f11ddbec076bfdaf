"""The spans of time that a record holds."""

from collections.abc import Callable, Mapping
from typing import Any

from videokr.errors import RecordError
from videokr.response import bare_answer
from videokr.spans import Span, spans_in, write_spans

CLUE_FIELDS = ("clues", "clue", "timestamp")
ROUNDS_FIELD = "rounds"


def read_clues(record: Mapping[str, Any]) -> tuple[Span, ...]:
    """Where the video shows what the question is about; RecordError of a list without spans.

    A text or a number under these names is something else.
    """
    name = next((name for name in CLUE_FIELDS if record.get(name) and isinstance(record[name], list)), None)
    return _spans(name, record[name]) if name else ()


def read_rounds(
    record: Mapping[str, Any], read_thoughts: Callable[[Mapping[str, Any]], str | None]
) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    """The thoughts and the spans of each turn that asks to look again; a number under that name is something else.

    Raises:
        RecordError: it is no list of objects, or one of them has no spans.
    """
    rounds = record.get(ROUNDS_FIELD) or []
    if isinstance(rounds, int | float):
        return ()
    form = "not a list of objects with thoughts and spans"
    if not isinstance(rounds, list) or not all(isinstance(one, Mapping) for one in rounds):
        raise RecordError(ROUNDS_FIELD, form, repr(rounds)[:80])
    try:
        read = tuple((read_thoughts(one) or "", read_clues(one)) for one in rounds)
    except RecordError as error:
        raise RecordError(ROUNDS_FIELD, error.reason, f"{error.field}: {error.detail}") from None
    if not all(spans for _, spans in read):
        raise RecordError(ROUNDS_FIELD, form, repr(rounds)[:80])
    return read


def read_span_answer(name: str, value: Any) -> str:
    """The one text of the spans that an answer names, with or without its block; RecordError where it names none."""
    return write_spans(_spans(name, bare_answer(value) if isinstance(value, str) else value))


def _spans(name: str, value: Any) -> tuple[Span, ...]:
    try:
        spans = spans_in(value)
    except ValueError:
        spans = ()
    if not spans:
        raise RecordError(name, "names no span of time in seconds", repr(value)[:80])
    return spans
