"""A data set held against what is there of it, and the rest brought."""

import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.fetch.contents import Archive, Contents
from data_prep.fetch.extraction import Extracted, Marks, extract
from data_prep.fetch.source import FileError, Folder, Hub, SourceFile
from videokr.errors import UserError, for_terminal
from videokr.video.paths import ARCHIVE_FOLDER

MAX_NAMES = 3  # of refused members, for each reason


@dataclass(slots=True)
class Step:
    """What is to be done with an archive, or was."""

    archive: Archive
    state: str  # for the reader
    missing_bytes: int  # that are to be downloaded
    extracted: Extracted | None = None  # what came of it; None: it is not done


class Fetch:
    """A data set on its way to a folder.

    Attributes:
        annotations: bytes that are missing of each file.
        steps: one an archive.
        failed: archives that could not be extracted.

    Args:
        folder: annotation files land in it, videos in its `Videos`.

    Raises:
        UserError: a file is there that is not the source's.
    """

    def __init__(self, source: Hub | Folder, contents: Contents, folder: Path, marks: Marks):
        self._source, self._contents, self._folder, self._marks = source, contents, folder, marks
        self.annotations = {file: self._missing_bytes(file) for file in contents.annotations}
        self.steps = [self._step(archive) for archive in contents.archives]
        self.failed = 0

    def _step(self, archive: Archive) -> Step:
        state, mark = "to extract", self._marks.of(archive)
        if mark and mark.parts != [list(part) for part in archive.parts]:
            state = "another version: to extract anew"
        elif mark:
            videos = self._folder / ARCHIVE_FOLDER
            gone = sum(not _has_size(videos / place, size) for place, size in mark.videos.items())
            if not gone:
                return Step(archive, "extracted", 0, mark)
            state = f"to extract again, {gone:,} videos are gone"
        brought = [part for part in archive.parts if self._source.in_place(part) is None]
        return Step(archive, state, sum(map(self._missing_bytes, brought)))

    def needed_bytes(self, delete_archives: bool) -> int:
        """Of the disk at the peak, at most, beside what is on it now."""
        now = peak = sum(self.annotations.values())
        for step in self.steps:
            if not step.extracted:
                now += step.missing_bytes + step.archive.size_bytes
                peak = max(peak, now)
                if delete_archives:
                    now -= step.archive.size_bytes
        return peak

    def free_bytes(self) -> int:
        """Of the disk that videos go to."""
        videos = (self._folder / ARCHIVE_FOLDER).resolve()
        return shutil.disk_usage(next(path for path in (videos, *videos.parents) if path.is_dir())).free

    def run(self, max_members: int, delete_archives: bool) -> None:
        """Brings the annotation files, then each archive, which is extracted and perhaps deleted before the next.

        Raises:
            UserError: the source cannot be reached, or a file is in the way of another.
        """
        for file in self.annotations:
            self._bring(file)
        for number, step in enumerate(self.steps, start=1):
            archive = step.archive
            try:
                if not step.extracted:
                    parts = [self._source.in_place(part) or self._bring(part) for part in archive.parts]
                    videos, taken = self._folder / ARCHIVE_FOLDER, self._marks.taken(archive)
                    title = f"{number} of {len(self.steps)}: {archive.path}"
                    step.extracted = extract(archive, parts, videos, taken, max_members, title)
                    self._marks.add(archive, step.extracted)
            except FileError as error:
                self.failed += 1
                print(f"error: {for_terminal(str(error))}", file=sys.stderr, flush=True)
            if delete_archives and step.extracted:
                os.sync()  # the videos are on the disk itself before their archive goes
                for part in archive.parts:
                    if _has_size(self._folder / part.path, part.size_bytes):
                        (self._folder / part.path).unlink()

    def _bring(self, file: SourceFile) -> Path:
        """Makes a file be there with the bytes that the source states."""
        path = self._folder / file.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._source.bring(file, path)
        elif not self._source.is_same(file, path):
            raise self._not_ours(path)
        return path

    def _missing_bytes(self, file: SourceFile) -> int:
        path = self._folder / file.path
        if not path.exists():
            return file.size_bytes
        if not _has_size(path, file.size_bytes):
            raise self._not_ours(path)
        return 0

    def _not_ours(self, path: Path) -> UserError:
        return UserError(f"'{path}' is there, and is not what {self._source.name} has: move it away and run it again")

    def plan(self) -> str:
        """What comes, and the disk that it takes."""
        lines = [f"{self._source.name}: {len(self.annotations)} annotation files, {len(self.steps)} archives of videos"]
        lines += [f"  not read, no .tar: {path}" for path in self._contents.unread]
        missing = sum(self.annotations.values()) + sum(step.missing_bytes for step in self.steps)
        left = [step for step in self.steps if not step.extracted]
        if not missing and not left:
            return "\n".join([*lines, f"  nothing is missing in '{self._folder}'"])
        lines += [f"  {readable(size):>8}  {file.path}: to bring" for file, size in self.annotations.items() if size]
        lines += [f"  {readable(step.archive.size_bytes):>8}  {step.archive.path}: {step.state}" for step in left]
        with_delete = ""
        if isinstance(self._source, Hub):  # of a folder no archive is deleted
            with_delete = f", {readable(self.needed_bytes(True))} with --delete-archives"
        lines += [
            f"  to bring     {readable(missing):>8}",
            f"  to extract   {len(left):>8} archives",
            f"  disk needed  {readable(self.needed_bytes(False)):>8} at most{with_delete}",
            f"  disk free    {readable(self.free_bytes()):>8}",
        ]
        return "\n".join(lines)

    def report(self) -> str:
        """What is there now."""
        done = [(step.archive.path, step.extracted) for step in self.steps if step.extracted]
        sizes = [size for _, extracted in done for size in extracted.videos.values()]
        lines = [
            f"there: {len(self.annotations)} annotation files, {len(sizes):,} videos ({readable(sum(sizes))})",
            f"  verified: {self._source.checks}; the size of every video",
        ]
        lines += [f"  not complete: {step.archive.path}" for step in self.steps if not step.extracted]
        for path in self._contents.unread:
            lines.append(f"  not read: {path}: unpack it in '{self._folder / ARCHIVE_FOLDER}', or pack it as .tar")
        refused = [(reason, name, path) for path, extracted in done for reason, name in extracted.refused]
        for reason, count in Counter(reason for reason, _, _ in refused).items():
            lines.append(f"  refused, {reason}: {count:,}")
            names = [f"      {name!a} in {path}" for other, name, path in refused if other == reason]
            lines += names[:MAX_NAMES]
        return "\n".join(lines)

    @property
    def is_partial(self) -> bool:
        """Whether something that the archives hold was not extracted, and never will be."""
        return bool(self._contents.unread) or any(step.extracted and step.extracted.refused for step in self.steps)


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes


def readable(size_bytes: int) -> str:
    """A number of bytes in a unit that fits it: `4.10GB`."""
    return str(tqdm.format_sizeof(size_bytes, "B"))
