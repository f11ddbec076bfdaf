"""What earlier runs extracted: one mark an archive, written when all of it is done."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from data_prep.fetch.contents import Archive
from data_prep.fetch.extraction import Extracted
from videokr.errors import UserError
from videokr.outputs import written_aside

STATE = ".videokr-fetch"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder that no other fetch is at meanwhile.

    Raises:
        UserError: one is.
    """
    (folder / STATE).mkdir(parents=True, exist_ok=True)
    with (folder / STATE / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"'{folder}' is in use: another videokr fetch is at it") from None
        yield


class Marks:
    """`DIR/.videokr-fetch/DATASET/ARCHIVE.json`; several data sets may share the folder.

    Raises:
        UserError: a mark cannot be read.
    """

    def __init__(self, folder: Path, dataset: str):
        self._own, self._marks = folder / STATE / dataset, {}
        for path in sorted((folder / STATE).rglob("*.tar.json")):
            try:
                self._marks[path] = Extracted(**json.loads(path.read_bytes()))
            except (ValueError, TypeError):
                raise UserError(f"'{path}' cannot be read: delete it, and its archive is extracted anew") from None

    def of(self, archive: Archive) -> Extracted | None:
        """What came of an archive, in whichever version; None: it is not done."""
        return self._marks.get(self._path(archive))

    def taken(self, archive: Archive) -> set[str]:
        """Places of the videos that other archives brought."""
        others = self._marks.keys() - {self._path(archive)}
        return {place for path in others for place in self._marks[path].videos}

    def add(self, archive: Archive, extracted: Extracted) -> None:
        """Marks an archive as done."""
        path = self._path(archive)
        with written_aside(path) as aside:
            aside.write_text(json.dumps(asdict(extracted)), encoding="ascii")
        self._marks[path] = extracted

    def _path(self, archive: Archive) -> Path:
        return self._own / f"{archive.path}.json"
