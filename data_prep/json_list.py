"""JSON lists, written record by record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SEPARATOR = b",\n"  # JSON itself holds no line break


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Gives a function that appends to a JSON list one record, as JSON, or several that SEPARATOR joins: one a line."""
    with path.open("wb") as out:
        separator = b"[\n"

        def append(records: bytes) -> None:
            nonlocal separator
            out.write(separator)
            out.write(records)
            separator = SEPARATOR

        yield append
        out.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
