"""What is known of each video: facts, and why it is rejected. Written by `videokr check`, read by what comes after."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from videokr.errors import UserError
from videokr.outputs import atomic_write
from videokr.video.frame_plan import VideoHeader

LEVELS = ("fast", "probe", "decode")  # each looks at what the one before does, and further


class VideoEntry(NamedTuple):
    """A row of the manifest.

    Attributes:
        path: of the video below its folder, as `videokr.video.paths.plain_path` has it.
        level: how closely it was looked at; one of LEVELS.
        reason: why it is rejected, in the same words for every video with this fault; None: it is fine.
        detail: what was found.
        size_bytes, mtime_ns: of the file that was looked at; None where there is none.
        The others: see `videokr.video.timeline.Facts` and its header; None below `probe`.
    """

    path: str
    level: str
    reason: str | None = None
    detail: str = ""
    size_bytes: int | None = None
    mtime_ns: int | None = None
    frame_count: int | None = None
    average_fps: float | None = None
    height: int | None = None
    width: int | None = None
    codec: str | None = None
    has_audio: bool | None = None
    is_hdr: bool | None = None
    off_by_index_seconds: float | None = None

    @property
    def header(self) -> VideoHeader | None:
        """What the frame plan needs; None where it is not known: the times of a variable frame rate are in the file."""
        if self.frame_count is None or self.average_fps is None or self.height is None or self.width is None:
            return None
        if self.off_by_index_seconds:
            return None
        return VideoHeader(self.frame_count, self.average_fps, self.height, self.width)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether a file is still the one that was looked at."""
        return (self.size_bytes, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    @property
    def duration_seconds(self) -> float | None:
        return self.frame_count / self.average_fps if self.frame_count and self.average_fps else None


COLUMNS = VideoEntry._fields


def write_manifest(path: Path, entries: Iterable[VideoEntry]) -> None:
    """Writes a Parquet file, a row a video, in the order of their paths; the same entries give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(entries, key=lambda entry: entry.path)
    columns = dict(zip(COLUMNS, zip(*ordered, strict=True), strict=True))
    with atomic_write(path) as aside:
        pq.write_table(pa.table(columns, schema=_schema()), aside, compression="zstd")


def read_manifest(path: Path) -> dict[str, VideoEntry]:
    """The entries by their path; UserError where there is no manifest, or another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError(f"manifest '{path}' is not there: videokr check writes it")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"'{path}' is no manifest: {str(error).splitlines()[0]}") from None
    if table.schema != _schema():
        raise UserError(f"'{path}' is no manifest of this release: write it again with videokr check")
    columns: list[list[Any]] = [table[name].to_pylist() for name in COLUMNS]
    return {row[0]: VideoEntry(*row) for row in zip(*columns, strict=True)}


def _schema() -> Any:
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    types = dict.fromkeys(("size_bytes", "mtime_ns", "frame_count", "height", "width"), whole)
    types |= dict.fromkeys(("average_fps", "off_by_index_seconds"), pa.float64())
    types |= dict.fromkeys(("has_audio", "is_hdr"), pa.bool_())
    return pa.schema([(name, types.get(name, text)) for name in COLUMNS])
