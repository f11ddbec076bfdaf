"""What a data set holds: annotation files, and archives of videos, some of them split into parts."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from itertools import product
from string import ascii_lowercase
from typing import NamedTuple

from videokr.errors import UserError
from videokr.video.paths import ARCHIVE_FOLDER

ARCHIVE = re.compile(r"(.+\.tar)(?:\.part\.(.+))?", re.DOTALL)
ANNOTATION_SUFFIXES = (".jsonl", ".json")
UNREAD_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".tgz", ".zip", ".7z", ".rar")
MAX_SHOWN = 5  # names in a message


class FileError(UserError):
    """A file of the data set is not as it should be; others may still be fetched."""


class SourceFile(NamedTuple):
    """A file of the data set."""

    path: str  # in the data set, with slashes
    size_bytes: int
    # Changes with the bytes: `sha256:...`, `sha1:...` (git's, of a small file), or `mtime:...` in ns (of a file in a
    # local folder, which states no checksum).
    identity: str


class Archive(NamedTuple):
    """An archive of videos."""

    path: str  # in the data set; of one in parts, without their suffix
    parts: tuple[SourceFile, ...]  # in order; the archive itself where it is whole

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)


class Contents(NamedTuple):
    """What is asked for of a data set."""

    annotations: list[SourceFile]
    archives: list[Archive]
    unread: list[str]  # archives of other kinds than .tar


def contents_of(files: Iterable[SourceFile], patterns: Sequence[str] | None) -> Contents:
    """Sorts a listing, and takes what is asked for.

    Args:
        patterns: of names or paths of archives; none: no archive, None: all.

    Raises:
        UserError: a path leads outside, there is no annotation file, a pattern fits nothing, or a part is missing.
    """
    annotations, unread = [], []
    archives: dict[str, dict[str, SourceFile]] = {}  # by path, the parts by their suffix
    for file in sorted(files):
        names = file.path.split("/")
        if "\\" in file.path or "" in names or ".." in names:
            raise UserError(f"the data set names a file {file.path!a}, which leads outside of a folder")
        if any(name.startswith(".") for name in names):
            continue
        if found := ARCHIVE.fullmatch(file.path):
            archives.setdefault(found[1], {})[found[2] or ""] = file
        elif file.path.endswith(ANNOTATION_SUFFIXES) and names[0] != ARCHIVE_FOLDER:
            annotations.append(file)
        elif file.path.lower().endswith(UNREAD_SUFFIXES):
            unread.append(file.path)
    if not annotations:
        raise UserError("there is no annotation file (*.jsonl, *.json) in it")
    paths = {*archives, *unread} if patterns is None else _fitting([*archives, *unread], patterns)
    chosen = [_archive(path, parts) for path, parts in archives.items() if path in paths]
    return Contents(annotations, chosen, [path for path in unread if path in paths])


def _archive(path: str, parts: dict[str, SourceFile]) -> Archive:
    if "" in parts and len(parts) > 1:
        raise UserError(f"archive '{path}' is there twice, whole and in parts: choose others with --archives")
    suffixes = sorted(parts)
    if suffixes != [""]:
        for suffix, letters in zip(suffixes, product(ascii_lowercase, repeat=2), strict=False):
            if suffix != (expected := "".join(letters)):
                raise UserError(
                    f"archive '{path}' is not complete: part '{path}.part.{expected}' is not there (but "
                    f"{_some([part.path for part in parts.values()])}); choose others with --archives"
                )
    return Archive(path, tuple(parts[suffix] for suffix in suffixes))


def _fitting(paths: Sequence[str], patterns: Sequence[str]) -> set[str]:
    found = set()
    for pattern in patterns:
        fitting = {path for path in paths if fnmatch(path, pattern) or fnmatch(path.split("/")[-1], pattern)}
        if not fitting:
            raise UserError(f"--archives '{pattern}' fits no archive; there: {_some(paths)}")
        found |= fitting
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_SHOWN]) + (f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else "")
