"""What long work has done so far, beside its output: work that was killed goes on where it was."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from videokr.errors import UserError


class Journal:
    """One JSON line a finished item in `.NAME.journal` beside the output NAME; a kill loses the line in the making.

    As a context manager it locks itself, is deleted where the block ends well, and stays where it ends by an exception.

    Args:
        output: the file that the work will make.
        asked: everything that the records follow from, as JSON can hold it. A journal of something else is thrown away.

    Attributes:
        last: the last record of an earlier run, if there is one.

    Raises:
        UserError: another process is at the same work.
    """

    def __init__(self, output: Path, asked: Mapping[str, Any]):
        self.path = output.with_name(f".{output.name}.journal")
        self.last: dict[str, Any] | None = None
        self._asked = json.loads(json.dumps(asked))

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._locked()
        kept = self._read()
        self._file.truncate(kept)
        self._file.seek(kept)
        if not kept:
            self.add({"asked": self._asked})
        return self

    def add(self, record: dict[str, Any]) -> None:
        """Keeps a record; it is in the file when this returns."""
        self._file.write(json.dumps(record).encode("ascii") + b"\n")
        self._file.flush()

    def records(self) -> Iterator[dict[str, Any]]:
        """The records of earlier runs and of this one, in the order in which they came."""
        with self.path.open("rb") as file:
            next(file)  # what was asked
            yield from map(_from_json, file)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.path.unlink()
        self._file.close()  # and with it the lock

    def _locked(self) -> Any:
        while True:
            file = self.path.open("a+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise UserError(f"'{self.path}' is in use: the same work is under way in another process") from None
            if self.path.exists() and os.fstat(file.fileno()).st_ino == self.path.stat().st_ino:
                return file
            file.close()  # the one before has just finished and removed it

    def _read(self) -> int:
        """Reads what is there; returns how many bytes of it hold whole lines of this work."""
        self._file.seek(0)
        kept = 0
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break
            try:
                record = _from_json(line)
            except ValueError:
                break
            if number == 0 and record != {"asked": self._asked}:
                print(f"'{self.path}' is of other work and is begun anew", file=sys.stderr, flush=True)
                return 0
            self.last = record if number else None
            kept += len(line)
        return kept


def _from_json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # of half surrogate pairs, too: of names that are no UTF-8
        return json.loads(line)
