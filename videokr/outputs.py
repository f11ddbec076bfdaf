"""Files that appear whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videokr.errors import UserError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to; renames it when the block ends, removes it when the block fails.

    Raises:
        UserError: something that is no file is there.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"'{path}' cannot be written: it is there, and no file")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
