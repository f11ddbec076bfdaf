"""Files that appear whole or not at all."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from videokr.errors import UserError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to; renames it when the block ends, removes it when the block fails."""
    if path.exists() and not path.is_file():
        raise UserError(f"'{path}' cannot be written: it is there, and no file")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def json_list(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives a function that appends one record to a JSON list, one a line; the same records give the same bytes."""
    with written_aside(path) as aside, aside.open("w", encoding="utf-8") as out:
        separator = "[\n"

        def append(record: Mapping[str, Any]) -> None:
            nonlocal separator
            out.write(separator + json.dumps(record, ensure_ascii=False))
            separator = ",\n"

        yield append
        out.write("\n]\n")
