"""Where a record's video lies on this disk."""

import os
from pathlib import Path

from videokr.errors import UserError

ARCHIVE_FOLDER = "Videos"  # the published archives unpack into it; records name paths with and without it


class MissingVideoError(UserError):
    """A video that is not there: its path as it was given, and the places that were looked at."""

    def __str__(self) -> str:
        return "video '{}' is not there: tried {}; give the folder that holds the videos".format(*self.args)


def plain_path(path: str) -> str:
    """A record's video path without what spellings differ in (`./`, `Videos/`, doubled slashes): one name a video."""
    return os.path.normpath(path).removeprefix(f"{ARCHIVE_FOLDER}/")


def resolve_video(path: str, root: Path | None) -> Path:
    """Finds a record's video below `root`.

    A path from data never leaves its root: `..` and absolute paths that lead outside are refused. Links inside the
    root are the user's own and are followed. Without a root the path is taken as it is.

    Raises:
        MissingVideoError: not there; says what was tried and what to set.
        UserError: outside the root, or not a path.
    """
    if "://" in path:
        raise UserError(f"video '{path}' is an address, not a file: download it and give its path")
    # Texts and not Paths, which take five times as long: preparation does this for every row.
    if root is None:
        candidates = [os.path.abspath(path)]  # noqa: PTH100
    else:
        folder = os.path.abspath(root)  # noqa: PTH100
        inner, plain = os.path.normpath(path), plain_path(path)
        other = plain if inner != plain else f"{ARCHIVE_FOLDER}/{inner}"
        named = (inner,) if inner.startswith(os.sep) else (inner, other)
        candidates = [os.path.normpath(os.path.join(folder, name)) for name in named]  # noqa: PTH118
        for candidate in candidates:
            if candidate != folder and not candidate.startswith(f"{folder.rstrip(os.sep)}{os.sep}"):
                raise UserError(f"video '{path}' lies outside of '{folder}': give the folder that holds it")
    for candidate in candidates:
        if os.path.isfile(candidate):  # noqa: PTH113  (unlike Path's, answers False for a name that no disk can hold)
            return Path(candidate)
    raise MissingVideoError(path, ", ".join(f"'{candidate}'" for candidate in candidates))
