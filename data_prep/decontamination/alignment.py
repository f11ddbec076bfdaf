"""Where in time two videos show the same: the line along which the hashes of most pictures of a window agree."""

from typing import Any, NamedTuple

from data_prep.decontamination.candidates import SPEEDS
from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS, Fingerprint
from data_prep.decontamination.picture_hash import BITS, mirror_hashes

WINDOW_SECONDS = 20.0  # of the publication
DISTANCE_MAX = 10  # bits of 64, of pictures that are taken for the same
NOT_COMPARED = 255  # in place of a distance, where a picture shows nothing or is not there
OVERLAP_MIN = 0.75  # of a window, or of the whole benchmark video where that is shorter: less agrees by chance
PICTURES_MIN = 5  # and no fewer pictures
Array = Any


class Alignment(NamedTuple):
    """
    Attributes:
        share: of the window's pictures, in [0, 1], those that agree.
        speed: benchmark seconds that pass in one second of the training video.
        offset_seconds: the benchmark's time when the training video's is 0.
        start_seconds, end_seconds: of the window, in the training video.
        is_mirrored: whether one is the other's mirror image.
    """

    share: float
    speed: float
    offset_seconds: float
    start_seconds: float
    end_seconds: float
    is_mirrored: bool

    def benchmark_seconds(self, train_seconds: float) -> float:
        return self.speed * train_seconds + self.offset_seconds


def align(train: Fingerprint, benchmark: Fingerprint, is_mirrored: bool) -> Alignment | None:
    """The window of any line in which most pictures agree, and best; None where no line has enough of both."""
    import numpy as np

    if not len(train.seconds) or not len(benchmark.seconds):
        return None
    turned = mirror_hashes(benchmark.hashes) if is_mirrored else benchmark.hashes
    places = np.rint(benchmark.seconds * BENCHMARK_FPS).astype(np.int64)
    distances = np.full((len(train.seconds), places[-1] + 1), NOT_COMPARED, np.uint8)
    distances[:, places] = _distances(train.hashes, turned)
    window = max(1, min(round(WINDOW_SECONDS * TRAIN_FPS), len(train.seconds)))
    rows = np.arange(len(train.seconds))[None]
    best: Alignment | None = None
    rank = -1.0
    for speed in SPEEDS:
        own_places = speed * train.seconds.astype(np.float64) * BENCHMARK_FPS
        offsets = np.arange(-int(own_places[-1]) - 1, places[-1] + 1)
        at = np.rint(own_places[None] + offsets[:, None]).astype(np.int64)
        met = distances[rows, np.clip(at, 0, places[-1])]
        met[(at < 0) | (at > places[-1])] = NOT_COMPARED
        counts = _in_windows(met != NOT_COMPARED, window)
        shares = _in_windows(met <= DISTANCE_MAX, window) / np.maximum(counts, 1)
        means = _in_windows(np.where(met == NOT_COMPARED, 0, met), window) / np.maximum(counts, 1)
        whole = min(window, len(places) / BENCHMARK_FPS / speed * TRAIN_FPS)
        ranks = np.where(counts >= max(PICTURES_MIN, OVERLAP_MIN * whole), shares - means / BITS, -1.0)
        line, start = np.unravel_index(np.argmax(ranks), ranks.shape)
        if ranks[line, start] > rank:
            rank = float(ranks[line, start])
            ends = float(train.seconds[start]), float(train.seconds[start + window - 1])
            offset = float(offsets[line] / BENCHMARK_FPS)
            best = Alignment(float(shares[line, start]), speed, offset, *ends, is_mirrored)
    return best


def _distances(train: Array, benchmark: Array) -> Array:
    """uint8 (train pictures, benchmark pictures): bits that differ in the region and crops where fewest do.

    Args:
        train, benchmark: uint64 (pictures, crops, regions).
    """
    import numpy as np

    least = np.full((len(train), len(benchmark)), 64, np.uint8)
    for own in range(train.shape[1]):
        for crop in range(benchmark.shape[1]):
            for region in range(benchmark.shape[2]):
                differing = np.bitwise_count(train[:, None, own, region] ^ benchmark[None, :, crop, region])
                np.minimum(least, differing, out=least)
    return least


def _in_windows(values: Array, window: int) -> Array:
    """Their sum in each run of so many columns."""
    import numpy as np

    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    found: Array = sums[:, window:] - sums[:, :-window]
    return found
