"""What was extracted of an archive, a JSON line a member; extraction goes on behind the last line that is whole."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from data_prep.fetch.contents import Archive
from data_prep.fetch.member import TAKEN, place_of

NAMES_KEPT = 3  # of refused members, for each reason; the file has all


@dataclass(slots=True)
class Extracted:
    """What a ledger says.

    Attributes:
        videos: bytes of each file, by its place below `Videos`.
        left: bytes of each file that was left to another archive, which had its place before.
        refused: members by reason; `names` has some of each.
        end: everything before this byte of the archive is done.
        is_complete: so is everything.
    """

    videos: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)
    end: int = 0
    is_complete: bool = False

    def take(self, line: dict[str, Any]) -> None:
        """Adds what a line says."""
        if "video" in line:
            self.videos[line["video"]] = line["bytes"]
            if self.left.pop(line["video"], None) is not None:
                self._take_back(line["video"])
        elif "refused" in line:
            self.refused[line["reason"]] += 1
            if len(names := self.names.setdefault(line["reason"], [])) < NAMES_KEPT:
                names.append(line["refused"])
            if "left" in line:
                self.left.setdefault(line["left"], line["bytes"])
        self.end = max(self.end, line.get("end", 0))
        self.is_complete = self.is_complete or "complete" in line

    def _take_back(self, place: str) -> None:
        """A file that was left to another archive is here after all."""
        self.refused[TAKEN] -= 1
        if not self.refused[TAKEN]:
            del self.refused[TAKEN]
        names = self.names.get(TAKEN, [])
        names[:] = [name for name in names if place_of(name) != place]


class Ledger:
    """
    Args:
        path: of the file.
        archive: which its lines are about; those of another version of it are thrown away.

    Attributes:
        added: how many files were added to it since it was opened.
    """

    def __init__(self, path: Path, archive: Archive):
        self._path = path
        self._about = orjson.dumps({"archive": archive.path, "parts": list(map(tuple, archive.parts))}) + b"\n"
        self._file: IO[bytes] | None = None
        self.added = 0

    def read(self) -> Extracted:
        return self._read()[0]

    def is_of_another(self) -> bool:
        """Whether there is one of another version of the archive."""
        if not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            return file.readline() != self._about

    @contextmanager
    def writing(self) -> Iterator[Extracted]:
        """Opens the ledger behind its last whole line; what it gives grows with what is added."""
        extracted, kept = self._read()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.truncate(kept)
            if not kept:
                file.write(self._about)
                file.flush()
            self._file, self._extracted = file, extracted
            try:
                yield extracted
            finally:
                self._file = None

    def add_video(self, place: str, size_bytes: int, end: int) -> None:
        """Adds a file; the line is written when this returns."""
        self._add({"video": place, "bytes": size_bytes, "end": end})
        self.added += 1

    def add_refused(self, name: str, reason: str, end: int) -> None:
        printable = name.encode("utf-8", "backslashreplace").decode()
        self._add({"refused": printable, "reason": reason, "end": end})

    def add_left(self, name: str, place: str, size_bytes: int, end: int) -> None:
        """Adds a file whose place another archive had before: refused as long as that has it."""
        self._add({"refused": name, "reason": TAKEN, "left": place, "bytes": size_bytes, "end": end})

    def complete(self) -> None:
        self._add({"complete": True})

    def _add(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(orjson.dumps(line) + b"\n")
        self._file.flush()
        self._extracted.take(line)

    def _read(self) -> tuple[Extracted, int]:
        return read_ledger(self._path, self._about)


def read_ledger(path: Path, about: bytes | None = None) -> tuple[Extracted, int]:
    """What a ledger says, and how many of its bytes hold whole lines.

    Args:
        about: its first line, without which it says nothing; None: whatever archive it is about.
    """
    extracted, kept = Extracted(), 0
    if path.is_file():
        with path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n") or (number == 0 and about not in (None, line)):
                    break
                if number:
                    try:
                        extracted.take(orjson.loads(line))
                    except (ValueError, TypeError, KeyError):  # what a power failure leaves
                        break
                kept += len(line)
    return extracted, kept
