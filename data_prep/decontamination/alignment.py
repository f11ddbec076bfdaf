"""Where in time two videos show the same: the line along which the hashes of most pictures of a window agree."""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from data_prep.decontamination.candidates import SPEEDS
from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS, Fingerprint
from data_prep.decontamination.pictures import BITS, mirror_hashes

WINDOW_SECONDS = 20.0  # of the publication
MAX_DISTANCE = 10  # bits of 64, of pictures that are taken for the same
NOT_COMPARED = 255  # in place of a distance, where a picture shows nothing or is not there
MIN_OVERLAP = 0.75  # of a window, or of the whole benchmark video where that is shorter: less agrees by chance
MIN_PICTURES = 5  # and no fewer pictures
MAX_RANK = 1.0  # of a window: all of its pictures agree to the bit
FIRST_LINES = 16  # that are looked at before the others, most of which need no look then
MAX_CELLS = 2_000_000  # pictures times lines at once, so that long videos take no more memory
PUBLISHED_MAX_DISTANCE, PUBLISHED_MIN_SHARE = 30, 0.7  # of the publication: bits of 64, and of a window's pictures


class Alignment(NamedTuple):
    """A window in which two videos agree.

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
    if not len(train.seconds) or not len(benchmark.seconds):
        return None
    turned = mirror_hashes(benchmark.hashes) if is_mirrored else benchmark.hashes
    places = np.rint(benchmark.seconds * BENCHMARK_FPS).astype(np.int64)
    distances = np.full((len(train.seconds), places[-1] + 1), NOT_COMPARED, np.uint8)
    distances[:, places] = _distances(train.hashes, turned)
    agrees = distances <= MAX_DISTANCE
    window = max(1, min(round(WINDOW_SECONDS * TRAIN_FPS), len(train.seconds)))
    best: Alignment | None = None
    rank = 0.0
    for speed in SPEEDS:
        if rank == MAX_RANK:
            break
        own_places = speed * train.seconds.astype(np.float64) * BENCHMARK_FPS
        offsets = np.arange(-int(own_places[-1]) - 1, places[-1] + 1)
        whole = min(window, len(places) / BENCHMARK_FPS / speed * TRAIN_FPS)
        least = max(MIN_PICTURES, MIN_OVERLAP * whole)
        share_most = np.minimum(1.0, _agreeing(agrees, own_places, offsets) / least)
        first = _best_window(distances, own_places, offsets[np.argsort(share_most)[-FIRST_LINES:]], window, least)
        # No line can rank higher than the share of its window that agrees.
        left = offsets[(share_most > 0) & (share_most >= max(rank, first.rank))]
        found = _best_window(distances, own_places, left, window, least)
        if found.rank > rank:
            rank = found.rank
            ends = float(train.seconds[found.start]), float(train.seconds[found.start + window - 1])
            best = Alignment(found.share, speed, found.offset / BENCHMARK_FPS, *ends, is_mirrored)
    return best


def align_published(train: Fingerprint, benchmark: Fingerprint) -> Alignment | None:
    """The pair of whole windows of which most pictures agree, by the rule of the publication as it is printed.

    Two unrelated hashes of 64 bits are within 30 bits of each other in about 40 of 100 cases, so that this takes most
    pairs of unrelated videos for near-duplicates. It is here to be compared with, and never the default.
    """
    length = round(WINDOW_SECONDS * TRAIN_FPS)
    step = round(BENCHMARK_FPS / TRAIN_FPS)
    own, others = train.hashes[:, 0, 0], benchmark.hashes[::step, 0, 0]
    best: Alignment | None = None
    for start in range(0, len(own) - length + 1, length):
        for other in range(0, len(others) - length + 1, length):
            differing = np.bitwise_count(own[start : start + length] ^ others[other : other + length])
            share = float((differing <= PUBLISHED_MAX_DISTANCE).mean())
            if share >= PUBLISHED_MIN_SHARE and (best is None or share > best.share):
                seconds = float(train.seconds[start]), float(train.seconds[start + length - 1])
                offset = float(benchmark.seconds[other * step]) - seconds[0]
                best = Alignment(share, 1.0, offset, *seconds, is_mirrored=False)
    return best


class _Window(NamedTuple):
    """A window on one line: the best has the highest rank; `start` is the number of its first picture."""

    rank: float
    share: float
    offset: int  # of the line, in places of the benchmark
    start: int


def _best_window(distances: ndarray, own_places: ndarray, offsets: ndarray, window: int, least: float) -> _Window:
    """The best of some lines; of several the first, and of no line one that ranks below all.

    Args:
        distances: (training pictures, places of the benchmark), in bits.
        own_places: of the training pictures on the line with offset 0; need not be whole.
        least: pictures of the window that have to be compared.
    """
    best = _Window(-1.0, 0.0, 0, 0)
    rows, last = np.arange(len(own_places))[None], distances.shape[1] - 1
    lines = max(1, MAX_CELLS // len(own_places))
    for some in (offsets[first : first + lines] for first in range(0, len(offsets), lines)):
        at = np.rint(own_places[None] + some[:, None]).astype(np.int64)
        met = distances[rows, np.clip(at, 0, last)]
        met[(at < 0) | (at > last)] = NOT_COMPARED
        counts = _in_windows(met != NOT_COMPARED, window)
        shares = _in_windows(met <= MAX_DISTANCE, window) / np.maximum(counts, 1)
        means = _in_windows(np.where(met == NOT_COMPARED, 0, met), window) / np.maximum(counts, 1)
        ranks = np.where(counts >= least, shares - means / BITS, -1.0)
        line, start = np.unravel_index(np.argmax(ranks), ranks.shape)
        if ranks[line, start] > best.rank:
            best = _Window(float(ranks[line, start]), float(shares[line, start]), int(some[line]), int(start))
        if best.rank == MAX_RANK:
            break
    return best


def _agreeing(agrees: ndarray, own_places: ndarray, offsets: ndarray) -> ndarray:
    """Of each line, pictures that agree: no fewer than there are, as those of both lines beside it are counted in."""
    edge = 16  # for lines just outside
    found = np.zeros(len(offsets) + 2 * edge, np.int32)
    for row, place in zip(agrees, np.rint(own_places).astype(np.int64).tolist(), strict=True):
        start = edge - int(offsets[0]) - place
        found[start : start + len(row)] += row
    wide: ndarray = found[edge - 1 : -edge - 1] + found[edge:-edge] + found[edge + 1 : -edge + 1]
    return wide


def _distances(train: ndarray, benchmark: ndarray) -> ndarray:
    """uint8 (train pictures, benchmark pictures): bits that differ in the region and crops where fewest do.

    Args:
        train, benchmark: uint64 (pictures, crops, regions).
    """
    least = np.full((len(train), len(benchmark)), 64, np.uint8)
    rows = max(1, MAX_CELLS // len(benchmark))
    for first in range(0, len(train), rows):
        some, so_far = train[first : first + rows], least[first : first + rows]
        for own in range(train.shape[1]):
            for crop in range(benchmark.shape[1]):
                for region in range(benchmark.shape[2]):
                    differing = np.bitwise_count(some[:, None, own, region] ^ benchmark[None, :, crop, region])
                    np.minimum(so_far, differing, out=so_far)
    return least


def _in_windows(values: ndarray, window: int) -> ndarray:
    """Their sum in each run of so many columns."""
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    found: ndarray = sums[:, window:] - sums[:, :-window]
    return found
