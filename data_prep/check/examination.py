"""One video examined, at a level; runs in a worker process, where a decoder may hang or die."""

import re
from dataclasses import dataclass
from pathlib import Path

from data_prep.check.container import NOT_THERE, look_at
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.manifest import LEVELS, VideoEntry
from videokr.video.paths import resolve_video
from videokr.video.reader import check_end, check_frames
from videokr.video.timeline import VideoError, read_facts

OUTSIDE = "outside of the folder"
DOES_NOT_OPEN = "does not open"
NO_VIDEO = "no video in it"
END_DOES_NOT_DECODE = "its end does not decode"
DOES_NOT_DECODE = "does not decode"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
PATCH_SIZE = 14  # the smaller of the two families'; which frames are shown does not depend on it


@dataclass(frozen=True, slots=True)
class Examination:
    """
    Attributes:
        root: the folder that paths start from.
        level: one of LEVELS.
        budget: whose frames `decode` decodes.
        follow_links: takes links that lead outside of the folder.
    """

    root: Path
    level: str
    budget: VideoBudget
    follow_links: bool

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
