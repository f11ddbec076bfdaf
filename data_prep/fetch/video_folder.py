"""The folder that videos are written to; nothing that is written ever leaves it."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from data_prep.fetch.member import ASIDE
from videokr.errors import UserError
from videokr.videos import ARCHIVE_FOLDER

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_ASIDE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST)


class InTheWayError(Exception):
    """A link, or a file in place of a folder or the other way round, is where a video should be."""


class VideoFolder:
    """`DIR/Videos`. Every folder is opened from the one above it, and links are not followed.

    Raises:
        UserError: it is a link.
    """

    def __init__(self, folder: Path):
        path = folder / ARCHIVE_FOLDER
        if path.is_symlink():
            raise UserError(f"'{path}' is a link, and none is followed: give the folder that it leads to with --to")
        path.mkdir(parents=True, exist_ok=True)
        self._root = os.open(path, _FOLDER)
        self._open: tuple[str, int] | None = None  # the folder that was written to last, and its descriptor

    def __enter__(self) -> "VideoFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        os.close(self._root)

    def write(self, place: str, size: int, fill: Callable[[int], None]) -> None:
        """Writes a file aside and renames it; what was there of this name is replaced.

        Args:
            place: below the folder, without `..`.
            size: bytes that it must have.
            fill: writes them to a descriptor.

        Raises:
            InTheWayError: see there.
        """
        parent, _, name = place.rpartition("/")
        try:
            folder = self._folder(parent)
            _remove(ASIDE, folder)
            try:
                file = os.open(ASIDE, _ASIDE, 0o644, dir_fd=folder)
                try:
                    fill(file)
                    written = os.fstat(file).st_size
                finally:
                    os.close(file)
                if written != size:
                    raise OSError(errno.EIO, f"{written:,} of {size:,} bytes were written", place)
                os.replace(ASIDE, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                _remove(ASIDE, folder)
        except OSError as error:
            if error.errno in _IN_THE_WAY:
                raise InTheWayError(place) from None
            error.filename = place
            raise

    def _folder(self, path: str) -> int:
        if not path:
            return self._root
        if self._open is None or self._open[0] != path:
            self._close()
            self._open = path, self._descend(path)
        return self._open[1]

    def _descend(self, path: str) -> int:
        folder = os.dup(self._root)
        for name in path.split("/"):
            try:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=folder)
                below = os.open(name, _FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = below
        return folder

    def _close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


def _remove(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
