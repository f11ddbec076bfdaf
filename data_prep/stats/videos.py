"""What the manifest of `videokr check` says of a file's videos, and what its rows are shown of them.

No video is opened: frames and video tokens follow from the headers, by the frame plan.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.prepare.split import video_key
from data_prep.stats.distribution import Distribution, by_frequency, describe
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.family import Family
from videokr.video.frame_plan import FramePlan, VideoHeader, plan_frames
from videokr.video.manifest import COLUMNS

BATCH_PATHS = 10_000  # read at a time
MAX_VALUES = 200  # resolutions or frame rates that are listed; the rarer ones are one
OTHERS = "others"
UNKNOWN = -1


class Manifest:
    """The manifest as arrays of numbers, one place a video: some 80 bytes for each.

    Attributes:
        size_bytes, frame_count, fps, height, width, seconds: of each video; UNKNOWN where they are not known.
        audio: 1 with sound, 0 without.
        is_fine: whether it is not rejected.
        off_by_index: see `VideoEntry.off_by_index_seconds`.
        reasons, codecs: what the numbers in `reason` and `codec` stand for.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        keys = array("Q")
        for batch in file.iter_batches(BATCH_PATHS, columns=["path"]):
            keys.extend(map(video_key, batch[0].to_pylist()))
        order = np.argsort(np.frombuffer(keys, np.uint64), kind="stable")
        self._keys = np.frombuffer(keys, np.uint64)[order]

        def column(name: str) -> pa.Array:
            return file.read([name])[0].combine_chunks()

        def numbers(values: pa.Array, unknown: float = UNKNOWN) -> np.ndarray:
            found: np.ndarray = values.fill_null(unknown).to_numpy(zero_copy_only=False)[order]
            return found

        self.size_bytes, self.frame_count = numbers(column("size_bytes")), numbers(column("frame_count"))
        self.height, self.width = numbers(column("height")), numbers(column("width"))
        self.fps, self.off_by_index = numbers(column("average_fps")), numbers(column("off_by_index_seconds"), 0.0)
        self.audio = numbers(column("has_audio").cast(pa.int8()))
        reasons, codecs = column("reason").dictionary_encode(), column("codec").dictionary_encode()
        self.reasons, self.reason = reasons.dictionary.to_pylist(), numbers(reasons.indices)
        self.codecs, self.codec = codecs.dictionary.to_pylist(), numbers(codecs.indices)
        self.is_fine = self.reason == UNKNOWN
        is_known = self.frame_count != UNKNOWN
        self.seconds = np.where(is_known, self.frame_count / np.where(is_known, self.fps, 1.0), float(UNKNOWN))

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where videos stand, by their keys (uint64); UNKNOWN for those that the manifest has not got."""
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[found] == keys, found, UNKNOWN)

    def header(self, place: int) -> VideoHeader | None:
        if self.frame_count[place] == UNKNOWN:
            return None
        return VideoHeader(
            int(self.frame_count[place]), float(self.fps[place]), int(self.height[place]), int(self.width[place])
        )


def open_manifest(path: Path) -> Manifest:
    """Reads a manifest.

    Raises:
        UserError: there is none, or it is none.
    """
    if not path.is_file():
        raise UserError(f"--manifest '{path}' is not there: videokr check writes it")
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != list(COLUMNS):
                raise UserError(f"'{path}' is no manifest of this release: write it again with videokr check")
            if not file.metadata.num_rows:
                raise UserError(f"manifest '{path}' holds no video: write it again with videokr check")
            return Manifest(file)
    except pa.ArrowException as error:
        raise UserError(f"'{path}' is no manifest: {str(error).splitlines()[0]}") from None


@dataclass(frozen=True, slots=True)
class VideoStats:
    """The videos that a file names, each once.

    Attributes:
        fine, rejected, not_in_manifest: how many; rejected ones by reason. What follows is of the fine ones.
        seconds, size_bytes: of a video; None where of none it is known.
        resolutions: `WIDTHxHEIGHT` as shown; fps: frames a second, to two decimals; the most common first.
        audio: with, without.
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
    codecs: Mapping[str, int]
    audio: Mapping[str, int]
    off_by_index_seconds: Distribution | None
    header_unknown: int


def video_stats(manifest: Manifest, keys: np.ndarray) -> VideoStats:
    """Looks up videos by their keys, each given once."""
    places = manifest.places(keys)
    known = places[places != UNKNOWN]
    fine, rejected = known[manifest.is_fine[known]], known[~manifest.is_fine[known]]
    probed = fine[manifest.frame_count[fine] != UNKNOWN]
    sizes, codecs = manifest.size_bytes[fine], manifest.codec[probed]
    off, audio = manifest.off_by_index[probed], manifest.audio[probed]
    sides = zip(manifest.width[probed].tolist(), manifest.height[probed].tolist(), strict=True)
    return VideoStats(
        fine=len(fine),
        rejected=_common(manifest.reasons[number] for number in manifest.reason[rejected].tolist()),
        not_in_manifest=len(places) - len(known),
        seconds=describe(manifest.seconds[probed]),
        size_bytes=describe(sizes[sizes != UNKNOWN]),
        resolutions=_common(f"{width}x{height}" for width, height in sides),
        fps=_common(f"{rate:.2f}".rstrip("0").rstrip(".") for rate in manifest.fps[probed].tolist()),
        codecs=_common(manifest.codecs[number] for number in codecs[codecs != UNKNOWN].tolist()),
        audio={"with": int((audio == 1).sum()), "without": int((audio == 0).sum())} if len(audio) else {},
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
    keys: np.ndarray,
    starts: np.ndarray,
    counted: np.ndarray,
    budget: VideoBudget,
    families: Sequence[Family],
) -> FrameStats:
    """Plans the videos of all rows that count.

    Args:
        keys: of every video of every row, in order.
        starts: where each row's begin among them.
        counted: of each row, whether it counts here.
    """
    places, inverse = np.unique(manifest.places(keys), return_inverse=True)
    frames = np.zeros(len(places), np.int64)
    tokens = {family.name: np.zeros(len(places), np.int64) for family in families}
    for number, place in enumerate(places.tolist()):
        header = None if place == UNKNOWN else manifest.header(place)
        for family in families:
            plan = header and plan_of(header, budget, family)
            if plan:
                frames[number] = len(plan.indices)  # the same for every family
                tokens[family.name][number] = plan.video_tokens
    planned = np.logical_and.reduceat(frames[inverse] > 0, starts) & counted

    def by_row(values: np.ndarray) -> np.ndarray:
        """Of each planned row the sum over its videos."""
        sums: np.ndarray = np.add.reduceat(values[inverse], starts)[planned]
        return sums

    seconds = by_row(np.where(frames > 0, manifest.seconds[places], 0.0))
    return FrameStats(
        rows=int(planned.sum()),
        rows_unknown=int((counted & ~planned).sum()),
        seconds=float(np.cumsum(seconds)[-1]) if len(seconds) else 0.0,
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
    ordered = list(by_frequency(Counter(values)).items())
    rest = sum(number for _, number in ordered[MAX_VALUES:])
    return dict(ordered[:MAX_VALUES]) | ({OTHERS: rest} if rest else {})
