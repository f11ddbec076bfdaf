"""JSON lists, written record by record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Gives a function that appends a record, as JSON, to a JSON list: one a line."""
    with path.open("wb") as out:
        separator = b"[\n"

        def append(record: bytes) -> None:
            nonlocal separator
            out.write(separator + record)
            separator = b",\n"

        yield append
        out.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
