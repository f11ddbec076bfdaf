"""Videos examined in worker processes, where a decoder may hang or die; what was found before is kept."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.check.container import NOT_THERE, look_at
from data_prep.engine import Failure, Workers, run
from data_prep.journal import Journal
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.manifest import LEVELS, VideoEntry, read_manifest, write_manifest
from videokr.video.paths import resolve_video
from videokr.video.reader import check_end, check_frames
from videokr.video.timeline import VideoError, read_facts

OUTSIDE = "outside of the folder"
DOES_NOT_OPEN = "does not open"
NO_VIDEO = "no video in it"
END_DOES_NOT_DECODE = "its end does not decode"
DOES_NOT_DECODE = "does not decode"
TIME_LIMIT = "took too long"
DECODER_DIED = "the decoder died"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
PATCH_SIZE = 14  # the smaller of the two families'; which frames are shown does not depend on it
BATCH = 500  # videos a task at the level that takes microseconds for each


@dataclass(frozen=True, slots=True)
class Examination:
    """Looks at videos, in whatever process."""

    root: Path  # folder that paths start from
    level: str  # one of LEVELS
    budget: VideoBudget  # whose frames `decode` decodes
    follow_links: bool  # takes links that lead outside of the folder

    def examine(self, paths: tuple[str, ...]) -> list[VideoEntry]:
        """Looks at several videos, one after the other."""
        return [self._examine(path) for path in paths]

    def _examine(self, path: str) -> VideoEntry:
        root = str(self.root)
        file = f"{root}/{path}"
        is_inside = not path.startswith(("/", "..")) and not _ADDRESS.match(path)
        look = look_at(file, root, self.follow_links) if is_inside else None
        if look is None or look.reason == NOT_THERE:  # perhaps as another of the spellings
            try:
                file = str(resolve_video(path, self.root))
            except UserError as error:
                reason = NOT_THERE if is_inside else OUTSIDE
                return VideoEntry(path, self.level, reason, look.detail if look else str(error))
            look = look_at(file, root, self.follow_links)
        entry = VideoEntry(path, self.level, look.reason, look.detail, look.size_bytes, look.mtime_ns)
        if entry.reason is None and self.level != LEVELS[0]:
            entry = self._opened(entry, Path(file))
        return entry

    def _opened(self, entry: VideoEntry, file: Path) -> VideoEntry:
        try:
            facts = read_facts(file)
        except VideoError as error:
            return entry._replace(reason=NO_VIDEO if "no video" in error.reason else DOES_NOT_OPEN, detail=error.reason)
        except UserError:
            return entry._replace(reason=NOT_THERE, detail="it went away meanwhile")
        header = facts.header
        entry = entry._replace(
            frame_count=header.frame_count,
            average_fps=header.average_fps,
            height=header.height,
            width=header.width,
            codec=facts.codec,
            has_audio=facts.has_audio,
            is_hdr=facts.is_hdr,
            off_by_index_seconds=header.off_by_index_seconds,
        )
        try:
            if self.level == LEVELS[-1]:
                check_frames(file, self.budget, PATCH_SIZE)
            else:
                check_end(file)
        except VideoError as error:
            where = DOES_NOT_DECODE if self.level == LEVELS[-1] else END_DOES_NOT_DECODE
            return entry._replace(reason=where, detail=error.reason)
        return entry


def check(paths: Sequence[str], examination: Examination, manifest: Path, workers: Workers) -> list[VideoEntry]:
    """Examines the videos and writes the manifest.

    A file that the manifest knows from as close a look, and that has not changed since, is not looked at again. Work
    that was killed goes on where it was.
    """
    entries = _known(paths, examination, manifest)
    names = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogatepass")).hexdigest()
    asked = {"videos": names, "level": examination.level, "budget": asdict(examination.budget),
             "follow_links": examination.follow_links}  # fmt: skip
    with Journal(manifest, asked) as journal:
        for record in journal.records():
            entries |= {row[0]: VideoEntry(*row) for row in record["entries"]}
        left = [path for path in paths if path not in entries]
        with tqdm(total=len(paths), initial=len(paths) - len(left), desc="checking", unit="video", disable=None) as bar:
            for found in _examined(left, examination, workers):
                journal.add({"entries": found})
                entries |= {entry.path: entry for entry in found}
                bar.update(len(found))
        write_manifest(manifest, entries.values())
    return list(entries.values())


def _examined(paths: Sequence[str], examination: Examination, workers: Workers) -> Iterator[list[VideoEntry]]:
    size = BATCH if examination.level == LEVELS[0] else 1
    batches = [tuple(paths[first : first + size]) for first in range(0, len(paths), size)]
    again: list[tuple[str, ...]] = []
    for batch, found in run(examination.examine, batches, workers):
        if not isinstance(found, Failure):
            yield found
        elif len(batch) > 1:  # one of them, which one is to be seen
            again += [(path,) for path in batch]
        else:
            yield [_failed(batch[0], examination.level, found)]
    for (path,), found in run(examination.examine, again, workers):
        yield [_failed(path, examination.level, found)] if isinstance(found, Failure) else found


def _failed(path: str, level: str, failure: Failure) -> VideoEntry:
    return VideoEntry(path, level, TIME_LIMIT if "longer" in failure.reason else DECODER_DIED, failure.reason)


def _known(paths: Sequence[str], examination: Examination, manifest: Path) -> dict[str, VideoEntry]:
    if not manifest.exists():
        return {}
    before, close_enough = read_manifest(manifest), LEVELS[LEVELS.index(examination.level) :]
    return {
        path: before[path]
        for path in paths
        if path in before and before[path].level in close_enough and _is_unchanged(before[path], examination.root)
    }


def _is_unchanged(entry: VideoEntry, root: Path) -> bool:
    try:
        file = f"{root}/{entry.path}"
        status = os.stat(file if os.path.exists(file) else resolve_video(entry.path, root))  # noqa: PTH110, PTH116
    except (UserError, OSError):
        return False
    return entry.is_of(status)
