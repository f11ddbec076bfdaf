"""The spans of time that a record holds."""

from collections.abc import Mapping
from typing import Any

from videokr.errors import RecordError
from videokr.response import bare_answer
from videokr.spans import Span, spans_in, write_spans

CLUE_FIELDS = ("clues", "clue", "timestamp")


def read_clues(record: Mapping[str, Any]) -> tuple[Span, ...]:
    """Where the video shows what the question is about; a text or a number under these names is something else.

    Raises:
        RecordError: a list holds no spans.
    """
    name = next((name for name in CLUE_FIELDS if record.get(name) and isinstance(record[name], list)), None)
    return _spans(name, record[name]) if name else ()


def read_span_answer(name: str, value: Any) -> str:
    """The one text of the spans that an answer names, with or without its block.

    Raises:
        RecordError: it names none.
    """
    return write_spans(_spans(name, bare_answer(value) if isinstance(value, str) else value))


def _spans(name: str, value: Any) -> tuple[Span, ...]:
    try:
        spans = spans_in(value)
    except ValueError:
        spans = ()
    if not spans:
        raise RecordError(name, "names no span of time in seconds", repr(value)[:80])
    return spans
