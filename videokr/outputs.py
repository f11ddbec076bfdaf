"""Files that appear whole or not at all."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from videokr.errors import UserError

JSON, JSON_LINES = ".json", ".jsonl"
KINDS = {JSON: "JSON", JSON_LINES: "JSON Lines"}


@contextmanager
def atomic_write(path: Path, waits: bool = False) -> Iterator[Path]:
    """Gives a name beside `path` to write to; renames it when the block ends, removes it when the block fails.

    Args:
        waits: for another process that is writing the same file, instead of refusing.

    Raises:
        UserError: something that is no file is there, or another process is writing it.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"'{path}' cannot be written: it is there, and no file")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.partial")
    lock = _locked(aside, path, waits)
    is_whole = False
    try:
        yield aside
        aside.replace(path)
        is_whole = True  # and the name aside may be another process's already
    finally:
        if not is_whole:
            aside.unlink(missing_ok=True)
        os.close(lock)


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, indented; the file appears whole."""
    with atomic_write(path) as aside:
        aside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def refuse_to_overwrite(outputs: Iterable[Path | None], read: Iterable[Path | None]) -> None:
    """Raises UserError where two outputs are one file, or one of them is what is read."""
    taken = {path.resolve() for path in read if path}
    for output in filter(None, outputs):
        if output.resolve() in taken:
            raise UserError(f"'{output}' would overwrite what is read or written: give another name")
        taken.add(output.resolve())


def require_suffix(output: Path | None, suffix: str) -> None:
    """Raises UserError where an output has not got this suffix, or is a folder.

    It keeps a mistyped name from replacing a video, or whatever else no command of ours writes.
    """
    if output is None:
        return
    if output.is_dir():
        raise UserError(f"'{output}' cannot be written: it is a folder, and no file")
    if output.suffix != suffix:
        harm = " would overwrite a file of another kind" if output.exists() else ""
        raise UserError(f"'{output}'{harm}: what is written is {KINDS[suffix]}, so call it NAME{suffix}")


def _locked(aside: Path, path: Path, waits: bool) -> int:
    """A descriptor of the file aside, which no other process has locked."""
    while True:
        lock = os.open(aside, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UserError(f"'{path}' is being written by another process") from None
        except OSError:
            os.close(lock)
            raise
        with suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == aside.stat().st_ino:
                return lock
        os.close(lock)  # the one before has just finished, and renamed or removed it
