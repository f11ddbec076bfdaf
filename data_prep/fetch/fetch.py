"""A data set held against what is there of it, and the rest brought."""

import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.fetch.contents import Archive, Contents, FileError, SourceFile
from data_prep.fetch.extraction import Extracted, Marks, extract
from data_prep.fetch.hub import Hub, partial_of
from data_prep.fetch.mirror import Mirror
from videokr.errors import UserError, for_terminal
from videokr.video.paths import ARCHIVE_FOLDER

MAX_NAMES = 3  # of refused members, for each reason


@dataclass(slots=True)
class Step:
    """What is to be done with an archive, or was."""

    archive: Archive
    state: str  # for the reader; what is wrong with it, once it failed
    missing_bytes: int  # that are to be downloaded
    kept_bytes: int  # of its parts on this disk that were downloaded
    extracted: Extracted | None = None  # what came of it; None: it is not done


class Fetch:
    """A data set on its way to a folder.

    Attributes:
        folder: annotation files land in it, videos in its `Videos`.
        annotations: bytes that are missing of each file.
        steps: one an archive.
        came_bytes: downloaded or copied in this run.
        extracted_now: videos that were extracted in this run.
        failed: archives that could not be extracted.

    Raises:
        UserError: a file is there that is not the source's.
    """

    def __init__(self, source: Hub | Mirror, contents: Contents, folder: Path, marks: Marks):
        self.source, self.contents, self.folder, self._marks = source, contents, folder, marks
        self.annotations = {file: self._missing_bytes(file) for file in contents.annotations}
        self.steps = [self._step(archive) for archive in contents.archives]
        self.came_bytes = self.extracted_now = self.failed = 0

    def needed_bytes(self, delete_archives: bool) -> int:
        """Of the disk at the peak, at most, beside what is on it now."""
        now = peak = sum(self.annotations.values())
        for step in self.steps:
            now += step.missing_bytes + (0 if step.extracted else step.archive.size_bytes)
            peak = max(peak, now)
            if delete_archives:
                now -= step.missing_bytes + step.kept_bytes
        return peak

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        """Of each member that was refused the reason, its name and its archive."""
        done = [(step.archive.path, step.extracted.refused) for step in self.steps if step.extracted]
        return [(reason, name, path) for path, refused in done for reason, name in refused]

    def free_bytes(self) -> int:
        """Of the disk that videos go to."""
        videos = (self.folder / ARCHIVE_FOLDER).resolve()
        return shutil.disk_usage(next(path for path in (videos, *videos.parents) if path.is_dir())).free

    def run(self, delete_archives: bool) -> None:
        """Brings the annotation files, then each archive, which is extracted and perhaps deleted before the next.

        Raises:
            UserError: the source cannot be reached, or a file is in the way of another.
        """
        for file in self.contents.annotations:
            self._bring(file)
        for number, step in enumerate(self.steps, start=1):
            try:
                if not step.extracted:
                    self._extract(step, f"{number} of {len(self.steps)}: {step.archive.path}")
            except FileError as error:
                step.state = str(error)
                self.failed += 1
                print(f"error: {for_terminal(step.state)}", file=sys.stderr, flush=True)
            if delete_archives and step.extracted:
                os.sync()  # the videos are on the disk itself before their archive goes
                for part in filter(self._is_there, step.archive.parts):
                    (self.folder / part.path).unlink()

    def _step(self, archive: Archive) -> Step:
        brought = [part for part in archive.parts if self.source.in_place(part) is None]
        kept = sum(part.size_bytes for part in brought if self._is_there(part))
        state, mark = "to extract", self._marks.of(archive)
        if mark and mark.parts != [list(part) for part in archive.parts]:
            state = "another version: to extract anew"
        elif mark:
            videos = self.folder / ARCHIVE_FOLDER
            gone = sum(not _has_size(videos / place, size) for place, size in mark.videos.items())
            if not gone:
                return Step(archive, "extracted", 0, kept, mark)
            state = f"to extract again, {gone:,} videos are gone"
        return Step(archive, state, sum(map(self._missing_bytes, brought)), kept)

    def _extract(self, step: Step, title: str) -> None:
        archive = step.archive
        parts = [self.source.in_place(part) or self._bring(part) for part in archive.parts]
        videos, taken = self.folder / ARCHIVE_FOLDER, self._marks.taken(archive)
        step.extracted = extract(archive, parts, videos, taken, title)
        self._marks.add(archive, step.extracted)
        self.extracted_now += len(step.extracted.videos)

    def _bring(self, file: SourceFile) -> Path:
        """Makes a file be there with the bytes that the source states."""
        path, missing = self.folder / file.path, self._missing_bytes(file)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.source.bring(file, path)
            self.came_bytes += missing
        elif not self.source.is_same(file, path):
            raise self._not_ours(path)
        return path

    def _missing_bytes(self, file: SourceFile) -> int:
        path = self.folder / file.path
        if path.exists() and not self._is_there(file):
            raise self._not_ours(path)
        partial = partial_of(path)
        there = path if path.exists() else partial
        return max(0, file.size_bytes - (there.stat().st_size if there.exists() else 0))

    def _is_there(self, file: SourceFile) -> bool:
        return _has_size(self.folder / file.path, file.size_bytes)

    def _not_ours(self, path: Path) -> UserError:
        return UserError(f"'{path}' is there, and is not what {self.source.name} has: move it away and run it again")


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes


def readable(size_bytes: int) -> str:
    """A number of bytes in a unit that fits it: `4.10GB`."""
    return str(tqdm.format_sizeof(size_bytes, "B"))


def plan_text(fetch: Fetch) -> str:
    """What comes, and the disk that it takes."""
    lines = [f"{fetch.source.name}: {len(fetch.annotations)} annotation files, {len(fetch.steps)} archives of videos"]
    lines += [f"  not read, no .tar: {path}" for path in fetch.contents.unread]
    missing = sum(fetch.annotations.values()) + sum(step.missing_bytes for step in fetch.steps)
    left = [step for step in fetch.steps if not step.extracted]
    if not missing and not left:
        lines.append(f"  nothing is missing in '{fetch.folder}'")
        return "\n".join(lines)
    lines += [f"  {readable(size):>8}  {file.path}: to bring" for file, size in fetch.annotations.items() if size]
    lines += [f"  {readable(step.archive.size_bytes):>8}  {step.archive.path}: {step.state}" for step in left]
    with_delete = f", {readable(fetch.needed_bytes(True))} with --delete-archives"
    if isinstance(fetch.source, Mirror):  # of which no archive is deleted
        with_delete = ""
    lines += [
        f"  to bring     {readable(missing):>8}",
        f"  to extract   {len(left):>8} archives",
        f"  disk needed  {readable(fetch.needed_bytes(False)):>8} at most{with_delete}",
        f"  disk free    {readable(fetch.free_bytes()):>8}",
    ]
    return "\n".join(lines)


def done_text(fetch: Fetch) -> str:
    """What is there now."""
    done = [step.extracted for step in fetch.steps if step.extracted]
    videos, size_bytes = sum(len(one.videos) for one in done), sum(sum(one.videos.values()) for one in done)
    lines = [
        f"there: {len(fetch.annotations)} annotation files, {videos:,} videos ({readable(size_bytes)})",
        f"  this run: {readable(fetch.came_bytes)} came, {fetch.extracted_now:,} videos extracted",
        f"  verified: {fetch.source.checks}; the size of every video",
    ]
    lines += [f"  not complete: {step.archive.path}" for step in fetch.steps if not step.extracted]
    for path in fetch.contents.unread:
        lines.append(f"  not read: {path}: unpack it in '{fetch.folder / ARCHIVE_FOLDER}', or pack it as .tar")
    for reason, count in Counter(reason for reason, _, _ in fetch.refused).items():
        lines.append(f"  refused, {reason}: {count:,}")
        names = [f"      {name!a} in {path}" for other, name, path in fetch.refused if other == reason]
        lines += names[:MAX_NAMES]
    return "\n".join(lines)
