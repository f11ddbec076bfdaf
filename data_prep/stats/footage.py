"""What the manifest of `videokr check` says of a file's videos."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data_prep.prepare.split import video_key
from data_prep.stats.distribution import Distribution, describe
from videokr.errors import UserError
from videokr.video.frame_plan import VideoHeader
from videokr.video.manifest import COLUMNS, VideoEntry

BATCH = 10_000  # rows of the manifest read at a time
VALUES_MOST = 200  # resolutions or frame rates that are listed; the rarer ones are one
OTHERS = "others"
UNKNOWN = -1


class Manifest:
    """The manifest as columns of numbers, one place a video: some 80 bytes for each.

    Attributes:
        reasons, codecs: what the numbers in `reason` and `codec` stand for.
    """

    def __init__(self, entries: Iterator[VideoEntry]) -> None:
        import numpy as np

        keys, sizes, frames = array("Q"), array("q"), array("q")
        fps, off = array("d"), array("d")
        heights, widths, reasons, codecs = array("i"), array("i"), array("i"), array("i")
        audio = array("b")
        reason_numbers: dict[str, int] = {}
        codec_numbers: dict[str, int] = {}
        for entry in entries:
            keys.append(video_key(entry.path))
            sizes.append(UNKNOWN if entry.size_bytes is None else entry.size_bytes)
            frames.append(UNKNOWN if entry.frame_count is None else entry.frame_count)
            fps.append(UNKNOWN if entry.average_fps is None else entry.average_fps)
            heights.append(UNKNOWN if entry.height is None else entry.height)
            widths.append(UNKNOWN if entry.width is None else entry.width)
            off.append(entry.off_by_index_seconds or 0.0)
            reasons.append(_number(reason_numbers, entry.reason))
            codecs.append(_number(codec_numbers, entry.codec))
            audio.append(UNKNOWN if entry.has_audio is None else entry.has_audio)
        self.reasons, self.codecs = list(reason_numbers), list(codec_numbers)
        order = np.argsort(np.frombuffer(keys, dtype=np.uint64), kind="stable")
        columns = [keys, sizes, frames, fps, heights, widths, reasons, codecs, audio, off]
        ordered = [np.array(column)[order] for column in columns]
        (self._keys, self.size_bytes, self.frame_count, self.fps, self.height, self.width, self.reason, self.codec,
         self.audio, self.off_by_index) = ordered  # fmt: skip

    def places(self, keys: Any) -> Any:
        """Where each video stands; UNKNOWN for those that the manifest has not got.

        Args:
            keys: of the videos, a numpy array of uint64.
        """
        import numpy as np

        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[found] == keys, found, UNKNOWN)

    @cached_property
    def is_fine(self) -> Any:
        """Of each video whether it is not rejected."""
        return self.reason == UNKNOWN

    @cached_property
    def seconds(self) -> Any:
        """Duration of each video; UNKNOWN where its header is."""
        import numpy as np

        known = self.frame_count != UNKNOWN
        return np.where(known, self.frame_count / np.where(known, self.fps, 1.0), float(UNKNOWN))

    def header(self, place: int) -> VideoHeader | None:
        if self.frame_count[place] == UNKNOWN:
            return None
        return VideoHeader(
            int(self.frame_count[place]), float(self.fps[place]), int(self.height[place]), int(self.width[place])
        )


def open_manifest(path: Path) -> Manifest:
    """
    Raises:
        UserError: there is none, or it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError(f"--manifest '{path}' is not there: videokr check writes it")
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != list(COLUMNS):
                raise UserError(f"'{path}' is no manifest of this release: write it again with videokr check")
            if not file.metadata.num_rows:
                raise UserError(f"manifest '{path}' holds no video: write it again with videokr check")
            return Manifest(_entries(file))
    except pa.ArrowException as error:
        raise UserError(f"'{path}' is no manifest: {str(error).splitlines()[0]}") from None


def _entries(file: Any) -> Iterator[VideoEntry]:
    for batch in file.iter_batches(BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        yield from map(VideoEntry._make, zip(*columns, strict=True))


def _number(numbers: dict[str, int], name: str | None) -> int:
    return UNKNOWN if name is None else numbers.setdefault(name, len(numbers))


@dataclass(frozen=True, slots=True)
class Footage:
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


def footage_of(manifest: Manifest, keys: Any) -> Footage:
    """
    Args:
        keys: of the videos, each once.
    """
    places = manifest.places(keys)
    known = places[places != UNKNOWN]
    fine = known[manifest.is_fine[known]]
    rejected = known[~manifest.is_fine[known]]
    probed = fine[manifest.frame_count[fine] != UNKNOWN]
    codecs = manifest.codec[probed]
    audio = manifest.audio[probed]
    off = manifest.off_by_index[probed]
    sizes = manifest.size_bytes[fine]
    return Footage(
        fine=len(fine),
        rejected=_common(manifest.reasons[number] for number in manifest.reason[rejected].tolist()),
        not_in_manifest=len(places) - len(known),
        seconds=describe(manifest.seconds[probed]),
        size_bytes=describe(sizes[sizes != UNKNOWN]),
        resolutions=_common(
            f"{width}x{height}"
            for width, height in zip(manifest.width[probed].tolist(), manifest.height[probed].tolist(), strict=True)
        ),
        fps=_common(f"{rate:.2f}".rstrip("0").rstrip(".") for rate in manifest.fps[probed].tolist()),
        codecs=_common(manifest.codecs[number] for number in codecs[codecs != UNKNOWN].tolist()),
        audio={"with": int((audio == 1).sum()), "without": int((audio == 0).sum())} if len(audio) else {},
        off_by_index_seconds=describe(off[off > 0]),
        header_unknown=len(fine) - len(probed),
    )


def _common(values: Iterator[str]) -> dict[str, int]:
    ordered = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ordered[VALUES_MOST:])
    return dict(ordered[:VALUES_MOST]) | ({OTHERS: rest} if rest else {})
