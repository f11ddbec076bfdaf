"""What a data set holds: annotation files, and archives of videos, some of them split into parts."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from itertools import islice, product
from string import ascii_lowercase
from typing import NamedTuple

from videokr.errors import UserError
from videokr.videos import ARCHIVE_FOLDER

ARCHIVE_SUFFIX = ".tar"
ANNOTATION_SUFFIXES = (".jsonl", ".json")
SHOWN = 5  # names in a message
_PART = re.compile(r"(.+\.tar)\.part\.(.+)", re.DOTALL)
# Compressed archives, those of other kinds, and their parts, however they are numbered.
_UNREAD = re.compile(
    r".+\.(?:tar|tar\.(?:gz|bz2|xz|zst|lz4|lzma|lz|br|z)|tgz|tbz2?|txz|tzst|zip|7z|rar)"
    r"(?:\.(?:part[\w.-]*|a[a-z]|\d+))?",
    re.IGNORECASE | re.DOTALL,
)


class SourceFile(NamedTuple):
    """
    Attributes:
        path: in the data set, with slashes.
        identity: another one when its bytes are others: `sha256:...`, `git:...` (of a small file), or `mtime:...` in ns
            (of a mirror's file, which states no checksum).
    """

    path: str
    size_bytes: int
    identity: str


class Archive(NamedTuple):
    """
    Attributes:
        path: in the data set; of one in parts, without their suffix.
        parts: in order; the archive itself where it is whole.
        missing: name of the first part that is not there; None: it is complete, as far as names tell.
    """

    path: str
    parts: tuple[SourceFile, ...]
    missing: str | None = None

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    @property
    def title(self) -> str:
        return f"{self.path} ({len(self.parts)} parts)" if self.parts[0].path != self.path else self.path


class Contents(NamedTuple):
    """
    Attributes:
        others: paths of the files that are neither annotations nor archives.
        unread: paths of archives of a kind that is not read: .tar.gz, .zip, ...
    """

    annotations: tuple[SourceFile, ...]
    archives: tuple[Archive, ...]
    others: tuple[str, ...]
    unread: tuple[str, ...] = ()

    def chosen(self, annotation: str | None, archives: Sequence[str] | None) -> "Contents":
        """What is asked for of it.

        Args:
            annotation: the one annotation file; None: all.
            archives: patterns of names or paths; none: no archive, None: all.

        Raises:
            UserError: there is no such file, a pattern fits nothing, or a part of an archive is not there.
        """
        named = tuple(file for file in self.annotations if annotation in (None, file.path))
        if not named:
            there = _some([file.path for file in self.annotations]) or "none at all"
            wanted = f"'{annotation}'" if annotation else "annotation file (*.jsonl, *.json)"
            raise UserError(f"there is no {wanted} in it; annotation files there: {there}")
        found, unread = self.archives, self.unread
        if archives is not None:
            paths = _fitting([*(archive.path for archive in found), *unread], archives)
            found = tuple(archive for archive in found if archive.path in paths)
            unread = tuple(path for path in unread if path in paths)
        for archive in found:
            if archive.missing:
                there = _some([part.path for part in archive.parts])
                raise UserError(
                    f"archive '{archive.path}' is not complete: part '{archive.missing}' is not there (but {there}); "
                    "choose others with --archives"
                )
        return Contents(named, found, self.others, unread)


def contents_of(files: Iterable[SourceFile]) -> Contents:
    """Sorts out a listing.

    Raises:
        UserError: a path leads outside, or an archive is there both whole and in parts.
    """
    annotations, others, unread = [], [], []
    archives: dict[str, dict[str, SourceFile]] = {}  # by path, the parts by their suffix
    for file in sorted(files):
        printable = file.path.encode("utf-8", "backslashreplace").decode()
        if file.path.startswith("/") or "\\" in file.path or ".." in file.path.split("/"):
            raise UserError(f"the data set names a file {file.path!a}, which leads outside of a folder")
        if printable != file.path:  # no name that could be written down
            others.append(printable)
        elif part := _PART.fullmatch(file.path):
            archives.setdefault(part[1], {})[part[2]] = file
        elif file.path.endswith(ARCHIVE_SUFFIX):
            archives.setdefault(file.path, {})[""] = file
        elif file.path.endswith(ANNOTATION_SUFFIXES) and not file.path.startswith(f"{ARCHIVE_FOLDER}/"):
            annotations.append(file)
        elif _UNREAD.fullmatch(file.path):
            unread.append(file.path)
        else:
            others.append(printable)
    found = tuple(_archive(*item) for item in sorted(archives.items()))
    return Contents(tuple(annotations), found, tuple(others), tuple(unread))


def _archive(path: str, parts: dict[str, SourceFile]) -> Archive:
    if "" in parts:
        if len(parts) > 1:
            raise UserError(f"archive '{path}' is there twice, whole and in parts: which one is meant cannot be told")
        return Archive(path, (parts[""],))
    suffixes = sorted(parts)
    expected = ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=2), len(parts))]
    missing = next((name for name, there in zip(expected, suffixes, strict=False) if name != there), None)
    return Archive(path, tuple(parts[name] for name in suffixes), missing and f"{path}.part.{missing}")


def _fitting(paths: Sequence[str], patterns: Sequence[str]) -> set[str]:
    found = set()
    for pattern in patterns:
        fitting = {path for path in paths if fnmatch(path, pattern) or fnmatch(path.split("/")[-1], pattern)}
        if not fitting:
            raise UserError(f"--archives '{pattern}' fits no archive; there: {_some(paths)}")
        found |= fitting
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
