"""What earlier runs brought to a folder, and the lock of the one that is at it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from data_prep.fetch.contents import Archive, SourceFile
from data_prep.fetch.ledger import Ledger, read_ledger
from videokr.errors import UserError
from videokr.outputs import written_aside

STATE = ".videokr-fetch"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder that no other fetch is at meanwhile.

    Raises:
        UserError: one is.
    """
    state = folder / STATE
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"'{folder}' is in use: another videokr fetch is at it") from None
        yield


class Brought(NamedTuple):
    """A file that is there as the source has it.

    Attributes:
        identity: see SourceFile.
        size_bytes, mtime_ns: of the file here, by which it is seen that nobody changed it.
        records: lines of a JSONL file; None: another file.
    """

    identity: str
    size_bytes: int
    mtime_ns: int
    records: int | None


class Inventory:
    """`DIR/.videokr-fetch/DATASET`: `files.json`, and a ledger an archive.

    Args:
        dataset: its name; those of several data sets may share a folder.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, folder: Path, dataset: str):
        self._folder, self._state = folder, folder / STATE / dataset
        self._path = self._state / "files.json"
        self._files: dict[str, Brought] = {}
        if self._path.is_file():
            try:
                self._files = {path: Brought(*values) for path, values in orjson.loads(self._path.read_bytes()).items()}
            except (ValueError, TypeError, AttributeError):
                raise UserError(f"'{self._path}' cannot be read: delete it, and files are verified anew") from None

    def brought(self, file: SourceFile) -> Brought | None:
        """What is known of a file that is here as the source has it; None: it is not here, or was changed."""
        known = self._files.get(file.path)
        return known if known and known.identity == file.identity and self.is_untouched(file.path) else None

    def is_untouched(self, path: str) -> bool:
        """Whether a file that was brought, of whichever version, is here as it was then."""
        try:
            status = os.stat(self._folder / path)  # noqa: PTH116
        except OSError:
            return False
        known = self._files.get(path)
        return known is not None and (known.size_bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def add(self, file: SourceFile, records: int | None) -> None:
        """Notes that a file is here, and verified."""
        status = (self._folder / file.path).stat()
        self._files[file.path] = Brought(file.identity, status.st_size, status.st_mtime_ns, records)
        self._write()

    def remove(self, file: SourceFile) -> None:
        """Deletes a file that was brought."""
        (self._folder / file.path).unlink()
        del self._files[file.path]
        self._write()

    def ledger(self, archive: Archive) -> Ledger:
        return Ledger(self._state / "archives" / f"{archive.path}.jsonl", archive)

    def places_of_others(self) -> Iterator[str]:
        """Where videos of the other data sets in the folder are, below `Videos`."""
        for path in sorted((self._folder / STATE).glob("*/archives/**/*.jsonl")):
            if not path.is_relative_to(self._state):
                yield from read_ledger(path)[0].videos

    def _write(self) -> None:
        files: dict[str, Any] = {path: tuple(file) for path, file in sorted(self._files.items())}
        with written_aside(self._path) as aside:
            aside.write_bytes(orjson.dumps(files, option=orjson.OPT_INDENT_2))
