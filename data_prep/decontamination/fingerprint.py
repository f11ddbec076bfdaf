"""The fingerprints of videos, perceptual hashes from moment to moment, and the folder that keeps them."""

import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray
from tqdm import tqdm

from data_prep.decontamination.pictures import (
    REGIONS,
    SCALES,
    WHOLE,
    are_plain,
    hash_crops,
    picture_box,
    read_pictures,
)
from data_prep.engine import Failure, Workers, run
from videokr.errors import UserError
from videokr.outputs import atomic_write
from videokr.video.paths import resolve_video
from videokr.video.timeline import VideoError

TRAIN_FPS = 1.0  # pictures a second of the corpus: the side that is large
BENCHMARK_FPS = 4.0  # of the benchmark, so that each picture of the corpus has one at most an eighth of a second off
MAX_PIECE_BYTES = 4_000_000  # of hashes
MAX_PIECE_SECONDS = 60.0  # of work that a kill may lose
FORMAT = "videokr 2"  # another number for whatever changes a hash
SUFFIX = ".parquet"
STAMP = ("path", "size_bytes", "mtime_ns")
COLUMNS = (*STAMP, "crops", "seconds", "hashes")


class Fingerprint(NamedTuple):
    """What is kept of a video.

    Attributes:
        path: of the video, as `videokr.video.paths.plain_path` has it.
        size_bytes, mtime_ns: of the file that was read.
        seconds: float32 (pictures,), of the pictures that show something.
        hashes: uint64 (pictures, crops, regions): of the whole picture, of what is inside its black bars, and of a
            benchmark's of crops of both.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    seconds: ndarray
    hashes: ndarray


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes fingerprints, in whatever process.

    Attributes:
        root: the folder that paths start from.
        is_benchmark: hashes more pictures a second, and crops of them.
    """

    root: Path
    is_benchmark: bool

    def read(self, path: str) -> Fingerprint | str:
        """The fingerprint of a video, or why there is none, naming no folder."""
        try:
            file = resolve_video(path, self.root)
            status = file.stat()
            seconds, pictures = read_pictures(file, BENCHMARK_FPS if self.is_benchmark else TRAIN_FPS)
        except VideoError as error:
            return f"cannot be decoded: {error.reason}"
        except UserError:
            return "is not in the folder"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        shows = ~are_plain(pictures)
        boxes = (picture_box(pictures), WHOLE)
        seconds, pictures = seconds[shows].astype(np.float32), pictures[shows]
        hashes = hash_crops(pictures, boxes, SCALES if self.is_benchmark else (1.0,))
        return Fingerprint(path, status.st_size, status.st_mtime_ns, seconds, hashes)


class FingerprintStore:
    """A folder of Parquet files that each appear whole: hashing that was killed loses its last piece alone.

    Of a video that stands in several, the fingerprint that fits its file counts.
    """

    def __init__(self, folder: Path, reader: Reader):
        self.folder, self.reader = folder, reader

    def complete(self, paths: Sequence[str], workers: Workers, what: str) -> dict[str, str]:
        """Adds the fingerprints of those videos that have none, or whose file has changed since.

        Args:
            what: for the progress bar.

        Returns:
            The reason for each video that could not be read, by path. It is tried again the next time.

        Raises:
            UserError: something else is in the folder.
        """
        wanted = set(paths)
        known = {
            row["path"]
            for piece in self._pieces()
            for row in _rows(piece, STAMP)
            if row["path"] in wanted and self._fits(**row)
        }
        left = [path for path in paths if path not in known]
        failures: dict[str, str] = {}
        waiting: list[Fingerprint] = []
        held_bytes, written = 0, time.monotonic()
        read = run(self.reader.read, left, workers)
        for path, found in tqdm(read, what, len(paths), initial=len(known), unit="video", disable=None):
            if not isinstance(found, Fingerprint):
                failures[path] = found.reason if isinstance(found, Failure) else found
                continue
            waiting.append(found)
            held_bytes += found.hashes.nbytes
            if held_bytes >= MAX_PIECE_BYTES or time.monotonic() - written >= MAX_PIECE_SECONDS:
                self._write(waiting)
                waiting, held_bytes, written = [], 0, time.monotonic()
        if waiting:
            self._write(waiting)
        return failures

    def read(self, paths: Sequence[str]) -> Iterator[list[Fingerprint]]:
        """The fingerprints of these videos, a piece at a time, each video once; in no order that means anything.

        A video whose file has changed since it was read has none.

        Raises:
            UserError: something else is in the folder.
        """
        left = set(paths)
        for piece in self._pieces():
            found = [one for one in _fingerprints(piece) if one.path in left and self._fits(*one[:3])]
            left -= {one.path for one in found}
            if found:
                yield found

    def _fits(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether the file is the one that was read."""
        try:
            status = resolve_video(path, self.reader.root).stat()
        except (UserError, OSError):
            return False
        return (status.st_size, status.st_mtime_ns) == (size_bytes, mtime_ns)

    def _pieces(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def _write(self, fingerprints: Sequence[Fingerprint]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        ordered = sorted(fingerprints, key=lambda one: one.path)
        rows = [(*one[:3], one.hashes.shape[1], one.seconds.tobytes(), one.hashes.tobytes()) for one in ordered]
        types = (pa.string(), *[pa.int64()] * 3, *[pa.binary()] * 2)
        schema = pa.schema(list(zip(COLUMNS, types, strict=True)), metadata={"fingerprints": FORMAT})
        table = pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)), schema=schema)
        name = uuid.uuid4().hex  # which no other process has, that fills the same folder at the same time
        with atomic_write(self.folder / f"{name}{SUFFIX}") as aside:
            pq.write_table(table, aside, compression="zstd")


def _fingerprints(piece: Path) -> Iterator[Fingerprint]:
    for row in _rows(piece, COLUMNS):
        try:
            seconds = np.frombuffer(row["seconds"], np.float32)
            hashes = np.frombuffer(row["hashes"], np.uint64).reshape(len(seconds), row["crops"], len(REGIONS))
        except (ValueError, TypeError):
            raise UserError(f"'{piece}' is damaged: remove it") from None
        yield Fingerprint(row["path"], row["size_bytes"], row["mtime_ns"], seconds, hashes)


def _rows(piece: Path, columns: Collection[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(piece) as file:
            release = (file.schema_arrow.metadata or {}).get(b"fingerprints")
            if release == FORMAT.encode() and set(columns) <= set(file.schema_arrow.names):
                rows: list[dict[str, Any]] = file.read(columns=list(columns)).to_pylist()
                return rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"'{piece}' holds no fingerprints: {str(error).splitlines()[0]}; remove it") from None
    raise UserError(f"'{piece}' holds no fingerprints of this release: remove it")
