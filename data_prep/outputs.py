"""JSON lists that appear whole or not at all."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from videokr.outputs import written_aside


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
