"""The parts of an archive, read one after the other as if they were one file; they are never joined on the disk."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType

from videokr.errors import UserError

COPY_BYTES = 1 << 20
MOST_HEADER_BYTES = 1 << 16  # of one member; a name has 4 KiB at most


class ArchiveError(UserError):
    """An archive cannot be read further; what was extracted of it is whole."""


class PartChain:
    """What `tarfile` reads headers from, and members are copied from.

    Args:
        title: of the archive, for errors.

    Attributes:
        size_bytes: of all parts.
    """

    def __init__(self, title: str, parts: Sequence[Path]):
        self._title, self._parts = title, parts
        self._ends = list(accumulate(part.stat().st_size for part in parts))
        self.size_bytes = self._ends[-1]
        self._at = self._header_bytes = 0
        self._file: tuple[int, int] | None = None  # number of the part that is open, and its descriptor
        self._buffer = memoryview(bytearray(COPY_BYTES))

    def __enter__(self) -> "PartChain":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> None:
        self._at = at

    def expect_member(self) -> None:
        """From here on, the headers of another member are read."""
        self._header_bytes = 0

    def read(self, size: int) -> bytes:
        """Reads a part of a header.

        Raises:
            ArchiveError: a header says that it is larger than any that is in use.
        """
        self._header_bytes += size
        if not 0 <= size <= self._header_bytes <= MOST_HEADER_BYTES or self._at < 0:
            raise ArchiveError(f"archive '{self._title}' is damaged: no header, or an endless one, at {self._at:,}")
        found = b""
        while len(found) < size and (piece := self._read_into(self._buffer[: size - len(found)])):
            found += self._buffer[:piece]
        return found

    def copy(self, at: int, size: int, target: int) -> None:
        """Copies bytes to a file descriptor.

        Raises:
            ArchiveError: the parts end before.
        """
        self._at = at
        while size:
            piece = self._read_into(self._buffer[: min(size, COPY_BYTES)])
            if not piece:
                raise ArchiveError(f"archive '{self._title}' became shorter while it was read")
            rest = self._buffer[:piece]
            while rest:
                rest = rest[os.write(target, rest) :]
            size -= piece

    def _read_into(self, buffer: memoryview) -> int:
        number = bisect_right(self._ends, self._at)
        if number == len(self._ends):
            return 0
        if self._file is None or self._file[0] != number:
            self._close()
            self._file = number, os.open(self._parts[number], os.O_RDONLY)
        before = self._ends[number - 1] if number else 0
        read = os.preadv(self._file[1], [buffer[: self._ends[number] - self._at]], self._at - before)
        self._at += read
        return read

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file[1])
            self._file = None
