"""What the manifest of `videokr check` says of a file's videos, and what its rows are shown of them.

No video is opened: frames and video tokens follow from the headers, by the frame plan.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.prepare.split import video_key
from data_prep.stats.distribution import Distribution, by_frequency, describe
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.family import Family
from videokr.video.frame_plan import FramePlan, VideoHeader, plan_frames
from videokr.video.manifest import COLUMNS

MAX_VALUES = 200  # resolutions or frame rates that are listed; the rarer ones are one
OTHERS = "others"
MISSING = -1  # place of a video that is not in the manifest: the last, of which nothing is known
NUMBERS = ("size_bytes", "frame_count", "average_fps", "height", "width", "off_by_index_seconds")


class Manifest:
    """The manifest as columns, one place a video, in the order of their keys: some 80 bytes for each.

    Attributes:
        reasons: why each is rejected; None of the others.
        is_fine: of each whether it is in the manifest, and not rejected.
        numbers: float64, the columns of `VideoEntry` that are named in NUMBERS; NaN where not known.

    Raises:
        UserError: there is none, or it is none.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.is_file():
            raise UserError(f"--manifest '{path}' is not there: videokr check writes it")
        pa.set_memory_pool(pa.system_memory_pool())  # arrow's own keeps what it has freed, which numpy needs later
        try:
            with pq.ParquetFile(path) as file:
                if file.schema_arrow.names != list(COLUMNS):
                    raise UserError(f"'{path}' is no manifest of this release: write it again with videokr check")
                table = file.read(["path", "reason", *NUMBERS])
        except pa.ArrowException as error:
            raise UserError(f"'{path}' is no manifest: {str(error).splitlines()[0]}") from None
        if not len(table):
            raise UserError(f"manifest '{path}' holds no video: write it again with videokr check")
        keys = np.fromiter(map(video_key, table["path"].to_pylist()), np.uint64, len(table))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self.reasons = np.array([*table["reason"].to_pylist(), None], dtype=object)[np.append(order, MISSING)]
        self.is_fine = np.append(table["reason"].is_null().to_numpy()[order], False)
        self.numbers = {name: np.append(table[name].to_numpy().astype(float)[order], np.nan) for name in NUMBERS}

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where videos stand, by their keys (uint64); MISSING for those that the manifest has not got."""
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[found] == keys, found, MISSING)

    def headers(self, places: np.ndarray) -> Iterator[VideoHeader | None]:
        """The headers of the videos at some places; None for those that are not known."""
        names = ("frame_count", "average_fps", "height", "width")
        for frames, fps, height, width in zip(*(self.numbers[name][places].tolist() for name in names), strict=True):
            yield None if np.isnan(frames) else VideoHeader(int(frames), fps, int(height), int(width))


@dataclass(frozen=True, slots=True)
class VideoStats:
    """The videos that a file names, each once.

    Attributes:
        fine, rejected, not_in_manifest: how many; rejected ones by reason. What follows is of the fine ones.
        seconds, size_bytes: of a video; None where of none it is known.
        resolutions: `WIDTHxHEIGHT` as shown; fps: frames a second, to two decimals; the most common first.
        off_by_index_seconds: of those of a variable frame rate, how far a frame is from its index by the mean rate.
        header_unknown: how many of the fine ones have been looked at no closer than `fast`.
    """

    fine: int
    rejected: Mapping[str, int]
    not_in_manifest: int
    seconds: Distribution | None
    size_bytes: Distribution | None
    resolutions: Mapping[str, int]
    fps: Mapping[str, int]
    off_by_index_seconds: Distribution | None
    header_unknown: int


def video_stats(manifest: Manifest, keys: np.ndarray) -> VideoStats:
    """Looks up videos by their keys, each given once."""
    places = manifest.places(keys)
    fine = places[manifest.is_fine[places]]
    rejected = places[(places != MISSING) & ~manifest.is_fine[places]]
    sizes = manifest.numbers["size_bytes"][fine]
    probed = fine[~np.isnan(manifest.numbers["frame_count"][fine])]
    frames, fps, heights, widths, off = (manifest.numbers[name][probed] for name in NUMBERS[1:])
    sides = zip(widths.astype(int).tolist(), heights.astype(int).tolist(), strict=True)
    return VideoStats(
        fine=len(fine),
        rejected=_common(manifest.reasons[rejected].tolist()),
        not_in_manifest=int((places == MISSING).sum()),
        seconds=describe(frames / fps),
        size_bytes=describe(sizes[~np.isnan(sizes)].astype(np.int64)),
        resolutions=_common(f"{width}x{height}" for width, height in sides),
        fps=_common(f"{rate:.2f}".rstrip("0").rstrip(".") for rate in fps.tolist()),
        off_by_index_seconds=describe(off[off > 0]),
        header_unknown=len(fine) - len(probed),
    )


@dataclass(frozen=True, slots=True)
class FrameStats:
    """How many frames and video tokens the rows of a file are shown.

    Attributes:
        rows: of those that count, how many have all of their videos planned.
        rows_unknown: how many have not, because a header is not known or no plan can be made of it.
        seconds: of video in those rows, a video once for each row.
        frames: a row.
        tokens: a row, by family: those that stand for patches, without marks and timestamps.
    """

    rows: int
    rows_unknown: int
    seconds: float
    frames: Distribution | None
    tokens: Mapping[str, Distribution | None]


def frame_stats(
    manifest: Manifest,
    places: np.ndarray,
    starts: np.ndarray,
    counted: np.ndarray,
    budget: VideoBudget,
    families: Sequence[Family],
) -> FrameStats:
    """Plans the videos of all rows that count.

    Args:
        places: in the manifest, of every video of every row, in order.
        starts: where each row's begin among them.
        counted: of each row, whether it counts here.
    """
    different, inverse = np.unique(places, return_inverse=True)
    frames, seconds = np.zeros(len(different), np.int64), np.zeros(len(different))
    tokens = {family.name: np.zeros(len(different), np.int64) for family in families}
    for number, header in enumerate(manifest.headers(different)):
        for family in families:
            if header and (plan := plan_of(header, budget, family)):
                frames[number] = len(plan.indices)  # the same for every family
                seconds[number] = header.duration_seconds
                tokens[family.name][number] = plan.video_tokens
    planned = np.logical_and.reduceat(frames[inverse] > 0, starts) & counted

    def by_row(values: np.ndarray) -> np.ndarray:
        """Of each planned row the sum over its videos."""
        sums: np.ndarray = np.add.reduceat(values[inverse], starts)[planned]
        return sums

    row_seconds = by_row(seconds)
    return FrameStats(
        rows=int(planned.sum()),
        rows_unknown=int((counted & ~planned).sum()),
        seconds=float(np.cumsum(row_seconds)[-1]) if len(row_seconds) else 0.0,
        frames=describe(by_row(frames)),
        tokens={name: describe(by_row(own)) for name, own in tokens.items()},
    )


def plan_of(header: VideoHeader, budget: VideoBudget, family: Family) -> FramePlan | None:
    """The frame plan of a video; None of one that no processor takes, because its frames are too narrow."""
    try:
        return plan_frames(header, budget, family.patch_size)
    except UserError:
        return None


def _common(values: Iterable[str]) -> dict[str, int]:
    """How often each value is there, the most common first."""
    ordered = list(by_frequency(Counter(values)).items())
    rest = sum(number for _, number in ordered[MAX_VALUES:])
    return dict(ordered[:MAX_VALUES]) | ({OTHERS: rest} if rest else {})
