"""What the manifest of `videokr check` says of a file's videos, and what its rows are shown of them.

No video is opened: frames and video tokens follow from the headers, by the frame plan.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.prepare.split import video_key
from data_prep.stats.distribution import Distribution, by_frequency, describe
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.family import Family
from videokr.video.frame_plan import FramePlan, VideoHeader, plan_frames
from videokr.video.manifest import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 10_000  # of the manifest, made Python's own at a time
MAX_VALUES = 200  # resolutions or frame rates that are listed; the rarer ones are one
OTHERS = "others"
UNKNOWN = -1  # place of a video that is not in the manifest
HEADER = ["frame_count", "average_fps", "height", "width"]
FACTS = ["reason", "size_bytes", *HEADER, "codec", "has_audio", "off_by_index_seconds"]


class Manifest:
    """The manifest as columns, one place a video: some 80 bytes for each.

    Attributes:
        table: a row a video, in the order of its keys; columns as in `VideoEntry`.
        is_fine: of each video whether it is not rejected.

    Raises:
        UserError: there is none, or it is none.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.is_file():
            raise UserError(f"--manifest '{path}' is not there: videokr check writes it")
        pa.set_memory_pool(pa.system_memory_pool())  # arrow's own keeps what it has freed, which numpy needs later
        keys = array("Q")
        try:
            with pq.ParquetFile(path) as file:
                if file.schema_arrow.names != list(COLUMNS):
                    raise UserError(f"'{path}' is no manifest of this release: write it again with videokr check")
                if not file.metadata.num_rows:
                    raise UserError(f"manifest '{path}' holds no video: write it again with videokr check")
                for batch in file.iter_batches(BATCH_ROWS, columns=["path"]):
                    keys.extend(map(video_key, batch[0].to_pylist()))
                order = np.argsort(np.frombuffer(keys, np.uint64), kind="stable")
                self.table = pa.table({name: file.read([name])[0].take(order) for name in FACTS})
        except pa.ArrowException as error:
            raise UserError(f"'{path}' is no manifest: {str(error).splitlines()[0]}") from None
        self._keys = np.frombuffer(keys, np.uint64)[order]
        self.is_fine: np.ndarray = self.table["reason"].is_null().to_numpy()

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where videos stand, by their keys (uint64); UNKNOWN for those that the manifest has not got."""
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[found] == keys, found, UNKNOWN)

    def headers(self, places: np.ndarray) -> Iterator[VideoHeader | None]:
        """The headers of the videos at some places; None for those that are not known."""
        import pyarrow as pa

        rows = self.table.select(HEADER).take(pa.array(places, mask=places == UNKNOWN))
        for batch in rows.to_batches(BATCH_ROWS):
            for frames, *rest in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield None if frames is None else VideoHeader(frames, *rest)


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
    table, places = manifest.table, manifest.places(keys)
    known = places[places != UNKNOWN]
    fine, rejected = known[manifest.is_fine[known]], known[~manifest.is_fine[known]]
    probed = table.take(fine[table["frame_count"].is_valid().to_numpy()[fine]])
    off, audio = probed["off_by_index_seconds"].fill_null(0.0).to_numpy(), _common(probed, "has_audio")
    return VideoStats(
        fine=len(fine),
        rejected=_common(table.select(["reason"]).take(rejected), "reason"),
        not_in_manifest=len(places) - len(known),
        seconds=describe(probed["frame_count"].to_numpy() / probed["average_fps"].to_numpy()),
        size_bytes=describe(table["size_bytes"].take(fine).drop_null().to_numpy()),
        resolutions=_common(probed, "width", "height", text="{}x{}".format),
        fps=_common(probed, "average_fps", text=lambda rate: f"{rate:.2f}".rstrip("0").rstrip(".")),
        codecs=_common(probed, "codec"),
        audio={"with": audio.get("True", 0), "without": audio.get("False", 0)} if len(probed) else {},
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
    frames, seconds = np.zeros(len(places), np.int64), np.zeros(len(places))
    tokens = {family.name: np.zeros(len(places), np.int64) for family in families}
    for number, header in enumerate(manifest.headers(places)):
        for family in families:
            plan = header and plan_of(header, budget, family)
            if header and plan:
                frames[number] = len(plan.indices)  # the same for every family
                seconds[number] = header.frame_count / header.average_fps
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


def _common(table: "pa.Table", *names: str, text: Callable[..., str] = str) -> dict[str, int]:
    """How often each value of some columns is there, as text, the most common first."""
    counts: Counter[str] = Counter()
    for batch in table.select(names).to_batches(BATCH_ROWS):
        rows = Counter(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        for values, number in rows.items():
            if None not in values:
                counts[text(*values)] += number
    ordered = list(by_frequency(counts).items())
    rest = sum(number for _, number in ordered[MAX_VALUES:])
    return dict(ordered[:MAX_VALUES]) | ({OTHERS: rest} if rest else {})
