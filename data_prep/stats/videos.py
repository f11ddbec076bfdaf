"""What the manifest of `videokr check` says of a file's videos, and what its rows are shown of them.

No video is opened: frames and video tokens follow from the headers, by the frame plan.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_prep.stats.distribution import Distribution, by_frequency, describe
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.family import Family
from videokr.video.frame_plan import VideoHeader, plan_frames
from videokr.video.manifest import VideoEntry

Manifest = Mapping[str, VideoEntry]


@dataclass(frozen=True, slots=True)
class VideoStats:
    """The videos that a file names, each once; from `seconds` on of the fine ones."""

    fine: int
    rejected: Mapping[str, int]  # by reason
    not_in_manifest: int
    seconds: Distribution | None  # of a video; None where of none it is known
    off_by_index_seconds: Distribution | None  # of variable rates: how far a frame is from its index by the mean rate
    header_unknown: int  # looked at no closer than `fast`


def video_stats(manifest: Manifest, paths: Iterable[str]) -> VideoStats:
    """Looks up videos by their paths, each given once."""
    found = [manifest.get(path) for path in paths]
    known = [entry for entry in found if entry]
    fine = [entry for entry in known if entry.reason is None]
    seconds = [entry.duration_seconds for entry in fine if entry.duration_seconds]
    return VideoStats(
        fine=len(fine),
        rejected=by_frequency(Counter(entry.reason for entry in known if entry.reason is not None)),
        not_in_manifest=len(found) - len(known),
        seconds=describe(np.array(seconds)),
        off_by_index_seconds=describe(
            np.array([entry.off_by_index_seconds for entry in fine if entry.off_by_index_seconds])
        ),
        header_unknown=len(fine) - len(seconds),
    )


@dataclass(frozen=True, slots=True)
class FrameStats:
    """How many frames and video tokens the rows of a file are shown."""

    rows: int  # that count and have all of their videos planned
    rows_unknown: int  # that count and have not: a header is not known, or no plan can be made of it
    seconds: float  # of video in `rows`, a video once for each row
    frames: Distribution | None  # a row
    tokens: Mapping[str, Distribution | None]  # a row's for patches, without marks and timestamps, by family


@dataclass(slots=True)
class Shown:
    """Plans the videos of rows, and adds up what these are shown: see FrameStats."""

    manifest: Manifest
    budget: VideoBudget
    families: Sequence[Family]
    rows_unknown: int = 0
    # Of each row one after the other: frames, seconds, and tokens by family.
    _rows: "array[float]" = field(default_factory=lambda: array("d"))
    _planned: dict[str, tuple[float, ...] | None] = field(default_factory=dict)  # the same of each video

    def are_fine(self, videos: Iterable[str]) -> bool:
        """Whether all videos are in the manifest, and not rejected."""
        return all((entry := self.manifest.get(video)) and entry.reason is None for video in videos)

    def add(self, videos: Sequence[str]) -> None:
        """Takes a row by the paths of its videos, all of which are fine."""
        planned = [self._plan(video) for video in videos]
        known = [one for one in planned if one]
        if len(known) < len(planned):
            self.rows_unknown += 1
            return
        self._rows.extend(map(sum, zip(*known, strict=True)))

    def stats(self) -> FrameStats:
        frames, seconds, *tokens = np.array(self._rows).reshape(-1, 2 + len(self.families)).T
        return FrameStats(
            rows=len(frames),
            rows_unknown=self.rows_unknown,
            seconds=math.fsum(seconds),
            frames=describe(frames.astype(np.int64)),
            tokens={
                family.name: describe(own.astype(np.int64)) for family, own in zip(self.families, tokens, strict=True)
            },
        )

    def headers(self, videos: Sequence[str]) -> list[VideoHeader] | None:
        """Of a row's videos; None where one has no plan."""
        if not self.are_fine(videos) or not all(map(self._plan, videos)):
            return None
        return [header for video in videos if (header := _header(self.manifest[video]))]

    def _plan(self, video: str) -> tuple[float, ...] | None:
        """None where the header is not known, or no processor takes the video because its frames are too narrow."""
        if video not in self._planned:
            self._planned[video] = self._new_plan(_header(self.manifest[video]))
        return self._planned[video]

    def _new_plan(self, header: VideoHeader | None) -> tuple[float, ...] | None:
        if header is None:
            return None
        try:
            plans = [plan_frames(header, self.budget, family.patch_size) for family in self.families]
        except UserError:
            return None
        return len(plans[0].indices), header.duration_seconds, *(plan.video_tokens for plan in plans)


def _header(entry: VideoEntry) -> VideoHeader | None:
    """Of a variable frame rate the mean one, which is as many frames."""
    return entry._replace(off_by_index_seconds=None).header
