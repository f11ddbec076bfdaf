"""The fingerprint of a video: perceptual hashes from moment to moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.decontamination.picture_hash import SCALES, WHOLE, are_plain, hash_crops, picture_box
from data_prep.decontamination.pictures import read_pictures
from videokr.errors import UserError
from videokr.video.paths import resolve_video
from videokr.video.timeline import VideoError

TRAIN_FPS = 1.0  # pictures a second of the corpus: the side that is large
BENCHMARK_FPS = 4.0  # of the benchmark, so that each picture of the corpus has one at most an eighth of a second off
Array = Any


class Fingerprint(NamedTuple):
    """
    Attributes:
        path: of the video, as `videokr.video.paths.plain_path` has it.
        size_bytes, mtime_ns: of the file that was read; None where it could not be.
        reason: why it has no hashes, naming no folder; None: it has.
        seconds: float32 (pictures,), of the pictures that show something.
        hashes: uint64 (pictures, crops, regions): of the whole picture, of what is inside its black bars, and of a
            benchmark's of crops of both.
    """

    path: str
    size_bytes: int | None
    mtime_ns: int | None
    reason: str | None
    seconds: Array
    hashes: Array


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes fingerprints, in whatever process.

    Attributes:
        root: the folder that paths start from.
        is_benchmark: hashes more pictures a second, and crops of them.
    """

    root: Path
    is_benchmark: bool

    def read(self, path: str) -> Fingerprint:
        import numpy as np

        nothing = np.zeros(0, np.float32), np.zeros((0, 1, 1), np.uint64)
        try:
            file = resolve_video(path, self.root)
            status = file.stat()
            seconds, pictures = read_pictures(file, BENCHMARK_FPS if self.is_benchmark else TRAIN_FPS)
        except VideoError as error:
            return Fingerprint(path, None, None, f"cannot be decoded: {error.reason}", *nothing)
        except UserError:
            return Fingerprint(path, None, None, "is not in the folder", *nothing)
        except OSError as error:
            return Fingerprint(path, None, None, f"cannot be read: {error.strerror}", *nothing)
        stamp = status.st_size, status.st_mtime_ns
        shows = ~are_plain(pictures)
        boxes = (picture_box(pictures), WHOLE)
        seconds, pictures = seconds[shows].astype(np.float32), pictures[shows]
        hashes = hash_crops(pictures, boxes, SCALES if self.is_benchmark else (1.0,))
        return Fingerprint(path, *stamp, None, seconds, hashes)
