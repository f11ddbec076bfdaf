"""An archive extracted: each video is written where it belongs, or refused with a reason; a mark says it is done."""

import fcntl
import json
import os
import tarfile
from bisect import bisect_right
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from io import FileIO
from itertools import accumulate
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep.fetch.contents import ARCHIVE, Archive, FileError
from videokr.errors import UserError
from videokr.outputs import atomic_write
from videokr.video.paths import plain_path

MAX_MEMBERS = 200_000  # of an archive; the whole corpus has 145,000 videos
READ_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 20  # of a member's long name and further fields, which are read into memory
ASIDE = ".videokr-fetch.partial"  # what a video is called while it is written
STATE = ".videokr-fetch"  # the folder of the marks
# What tarfile raises over headers that make no sense.
_DAMAGED = (tarfile.TarError, ValueError, OverflowError, RecursionError, LookupError, TypeError)


@dataclass(slots=True)
class Extracted:
    """What came of an archive."""

    parts: list[list[Any]]  # path, size and identity of each, as JSON has them
    videos: dict[str, int] = field(default_factory=dict)  # bytes of each, by its place below the folder of videos
    refused: list[list[str]] = field(default_factory=list)  # the reason and name of each other member


class Header(tarfile.TarInfo):
    """A header that fills no memory, and an error where tarfile takes whatever is none for the end of an archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (not header.isreg() and header.size > MAX_HEADER_BYTES):
            raise tarfile.ReadError
        return header

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "Header":
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # a block of zeros, with which an archive ends
            raise
        except tarfile.HeaderError:
            raise tarfile.ReadError from None


class Parts:
    """The parts of an archive, read as one file; they are never joined on the disk."""

    def __init__(self, files: list[FileIO]):
        self._files, self._at = files, 0
        self._ends = list(accumulate(os.fstat(file.fileno()).st_size for file in files))

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, size: int) -> bytes:
        """So many bytes, over the ends of parts, or what is left."""
        number = bisect_right(self._ends, self._at)
        if number == len(self._ends) or not size:
            return b""
        found = os.pread(self._files[number].fileno(), size, self._at - (self._ends[number - 1] if number else 0))
        self._at += len(found)
        return found + self.read(size - len(found)) if found else found


def extract(archive: Archive, parts: list[Path], root: Path, taken: Container[str], title: str) -> Extracted:
    """Extracts an archive.

    Args:
        parts: where they are.
        root: the folder of videos.
        taken: places that other archives have brought videos to.
        title: of the progress bar.

    Raises:
        FileError: the archive is cut off, damaged or an attack, or something is in its way. What was extracted stays.
    """
    done = Extracted([list(part) for part in archive.parts])
    root.mkdir(parents=True, exist_ok=True)
    tar: Any = None
    with ExitStack() as stack:
        source: Any = Parts([stack.enter_context(part.open("rb", buffering=0)) for part in parts])
        bar = stack.enter_context(tqdm(total=archive.size_bytes, desc=title, unit="B", unit_scale=True, disable=None))
        try:
            with tarfile.open(fileobj=source, mode="r:", tarinfo=Header) as tar:
                tar.copybufsize = READ_BYTES  # faster than its 16 KiB
                for count, member in enumerate(_members(tar, archive.size_bytes)):
                    bar.update(tar.offset - bar.n)
                    if count == MAX_MEMBERS:
                        raise FileError(f"archive '{archive.path}' has more than {MAX_MEMBERS:,} members: an attack?")
                    place = plain_path(member.name)
                    reason = _refusal(member, place)
                    if not reason and (place in taken or place in done.videos):
                        reason = "another file of the same path came before"
                    if reason:
                        done.refused.append([reason, member.name])
                    else:
                        _write(tar, member, root, place)
                        done.videos[place] = member.size
        except (tarfile.FilterError, FileExistsError, NotADirectoryError, IsADirectoryError):
            raise FileError(
                f"archive '{archive.path}': a link, file or folder is in the way of '{root / place}': move it away"
            ) from None
        except _DAMAGED:
            raise FileError(
                f"archive '{archive.path}' is cut off, damaged or not a .tar, from byte {tar.offset if tar else 0:,} "
                f"of {archive.size_bytes:,} on; what comes before is extracted"
            ) from None
        finally:
            (root / ASIDE).unlink(missing_ok=True)
    return done


def _members(tar: Any, size_bytes: int) -> Iterator[tarfile.TarInfo]:
    """All but folders, which are made where a file needs them.

    Raises:
        ReadError: the archive does not end as one does.
    """
    at = -1
    while (member := tar.next()) is not None:
        tar.members.clear()  # it would keep them all
        if not at < tar.offset <= size_bytes:
            raise tarfile.ReadError
        at = tar.offset
        if not member.isdir():
            yield member
    tar.fileobj.seek(tar.offset)
    while rest := tar.fileobj.read(READ_BYTES):
        if rest.strip(b"\0"):
            raise tarfile.ReadError


def _refusal(member: tarfile.TarInfo, place: str) -> str | None:
    """Why a member is no video for this folder; None: it is.

    No link is ever made, so that none can lead outside: the `data` filter of Python before 3.11.13 lets some through.
    """
    if not member.isreg() or member.issparse():  # a sparse file may have more bytes than the archive
        return "a link, a device or a sparse file"
    if place.split("/")[0] in ("", ".", "..") or "\0" in place:
        return "a path that leads outside, or is none"
    if ARCHIVE.fullmatch(place):  # might stand where one is downloaded to
        return "an archive"
    return None


def _write(tar: Any, member: tarfile.TarInfo, root: Path, place: str) -> None:
    """Writes a file aside and renames it; what was there of this name is replaced.

    Raises:
        FilterError: a link that is in the folder leads out of it.
    """
    safe = tarfile.data_filter(member.replace(name=place, deep=False), os.fspath(root))
    tar.extract(safe.replace(name=ASIDE, deep=False), root, set_attrs=False, filter="fully_trusted")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / ASIDE).replace(root / place)


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
    """What earlier runs extracted, one mark an archive, written when all of it is done.

    The files are `DIR/.videokr-fetch/DATASET/ARCHIVE.json`; several data sets may share the folder.

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
        with atomic_write(path) as aside:
            aside.write_text(json.dumps(asdict(extracted)), encoding="ascii")
        self._marks[path] = extracted

    def _path(self, archive: Archive) -> Path:
        return self._own / f"{archive.path}.json"
