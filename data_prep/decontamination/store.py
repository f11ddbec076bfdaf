"""Fingerprints on disk, in pieces that each appear whole: hashing that was killed loses its last piece alone."""

import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep.decontamination.fingerprint import Fingerprint, Reader
from data_prep.engine import Failure, Workers, run
from videokr.errors import UserError
from videokr.outputs import written_aside
from videokr.video.paths import resolve_video

PIECE_BYTES = 4_000_000  # of hashes
PIECE_VIDEOS = 500
PIECE_SECONDS = 60.0  # of work that a kill may lose
FORMAT = "videokr 2"  # another number for whatever changes a hash
SUFFIX = ".parquet"
STAMP = ("path", "size_bytes", "mtime_ns")
COLUMNS = (*STAMP, "crops", "seconds", "hashes")


class FingerprintStore:
    """A folder of Parquet files. Of a video that stands in several, the fingerprint that fits its file counts.

    Attributes:
        folder: need not be there yet.
        reader: makes what is missing.
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
        known = self._current(set(paths))
        left = [path for path in paths if path not in known]
        failures: dict[str, str] = {}
        waiting: list[Fingerprint] = []
        held_bytes, written = 0, time.monotonic()
        with tqdm(total=len(paths), initial=len(paths) - len(left), desc=what, unit="video", disable=None) as bar:
            for path, found in run(self.reader.read, left, workers=workers.count, seconds_each=workers.seconds_each,
                                   engine=workers.engine):  # fmt: skip
                bar.update()
                if isinstance(found, Failure) or found.reason:
                    failures[path] = str(found.reason)
                    continue
                waiting.append(found)
                held_bytes += found.hashes.nbytes
                is_late = time.monotonic() - written >= PIECE_SECONDS
                if held_bytes >= PIECE_BYTES or len(waiting) >= PIECE_VIDEOS or is_late:
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

    def _current(self, paths: set[str]) -> set[str]:
        found: set[str] = set()
        for piece in self._pieces():
            stamps = [[row[name] for name in STAMP] for row in _rows(piece, STAMP)]
            found |= {path for path, *stamp in stamps if path in paths and self._fits(path, *stamp)}
        return found

    def _fits(self, path: str, size_bytes: int | None, mtime_ns: int | None) -> bool:
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
        columns = {
            "path": [one.path for one in ordered],
            "size_bytes": [one.size_bytes for one in ordered],
            "mtime_ns": [one.mtime_ns for one in ordered],
            "crops": [one.hashes.shape[1] for one in ordered],
            "seconds": [one.seconds.tobytes() for one in ordered],
            "hashes": [one.hashes.tobytes() for one in ordered],
        }
        name = uuid.uuid4().hex  # which no other process has, that fills the same folder at the same time
        with written_aside(self.folder / f"{name}{SUFFIX}") as aside:
            pq.write_table(pa.table(columns, schema=_schema()), aside, compression="zstd")


def _fingerprints(piece: Path) -> Iterator[Fingerprint]:
    import numpy as np

    from data_prep.decontamination.picture_hash import REGIONS

    for row in _rows(piece, COLUMNS):
        try:
            seconds = np.frombuffer(row["seconds"], np.float32)
            hashes = np.frombuffer(row["hashes"], np.uint64).reshape(len(seconds), row["crops"], len(REGIONS))
        except (ValueError, TypeError):
            raise UserError(f"'{piece}' is damaged: remove it") from None
        yield Fingerprint(row["path"], row["size_bytes"], row["mtime_ns"], None, seconds, hashes)


def _rows(piece: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
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


def _schema() -> Any:
    import pyarrow as pa

    whole, text, raw = pa.int64(), pa.string(), pa.binary()
    return pa.schema(
        {
            "path": text,
            "size_bytes": whole,
            "mtime_ns": whole,
            "crops": whole,
            "seconds": raw,
            "hashes": raw,
        },
        metadata={"fingerprints": FORMAT},
    )
