"""Pairs of a training video and a benchmark video that may show the same, found without looking at every pair.

A hash is cut into two bands of 32 bits. Pictures that share a band to the bit are found in a sorted table of the
benchmark's bands; unrelated ones share one by chance once in a few billion. A pair becomes a candidate when several
pictures of it do, along one line in time, at one of a few speeds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from data_prep.decontamination.fingerprint import Fingerprint
from data_prep.decontamination.pictures import REGIONS, mirror_hashes

BANDS = 2
BAND_BITS = 32
LOOK_UP_EVERY = 2  # pictures of the benchmark: half of the moments are enough to find a pair
SPEEDS = (0.75, 0.8, 0.9, 1.0, 1.1, 1.25, 4 / 3, 1.5)  # benchmark seconds that pass in one second of the training video
LINE_SECONDS = 1.0  # how wide a line in time is
MIN_PICTURES = 3  # of the training video along one line
MAX_BAND_VIDEOS = 50  # a band that more benchmark videos share says nothing: an empty page, a title card
MAX_TRAIN_STILLS, MAX_BENCHMARK_STILLS = 120, 256  # pictures of one video with one band: of what stands for long
TOP_BITS = 24  # of a band
MAX_MEETINGS = 20_000_000  # of pictures with sightings, at once: a bound on memory
SPREAD = np.uint32(0x9E3779B1)  # odd, so that products differ as their factors do; mixes the top bits well
LOW = np.uint64(0xFFFFFFFF)


class Candidate(NamedTuple):
    """The paths of two videos that may show the same, one perhaps in a mirror."""

    train: str
    benchmark: str
    is_mirrored: bool


class _Table(NamedTuple):
    """The bands of one part of the hash of one region.

    Attributes:
        bands: uint32, sorted.
        sightings: uint32, of each band: twice the number of the picture that has it, one more if it does so in a
            mirror.
        tops: bool, of all numbers of TOP_BITS: whether a band begins with it. Turns most bands away before they are
            looked up, and fits into the processor's cache.
    """

    bands: ndarray
    sightings: ndarray
    tops: ndarray


# What some training pictures meet in one table: the pictures' numbers, counted over all training videos in question,
# where the sightings that each shares a band with begin in the table, and how many they are.
_Range = tuple[_Table, ndarray, ndarray, ndarray]


class BenchmarkIndex:
    """Every picture of a benchmark by its bands, as it is and in a mirror."""

    def __init__(self, fingerprints: Sequence[Fingerprint]):
        self._paths = [one.path for one in fingerprints]
        hashes = [one.hashes[::LOOK_UP_EVERY] for one in fingerprints]
        self._seconds = _joined([one.seconds[::LOOK_UP_EVERY] for one in fingerprints], np.float32)
        lengths, crops = np.array([own.shape[:2] for own in hashes], np.int64).reshape(-1, 2).T
        self._videos = np.repeat(np.arange(len(hashes), dtype=np.uint32), lengths)
        pictures = np.repeat(np.arange(len(self._videos), dtype=np.uint64), crops[self._videos])
        self._tables = []
        for region in range(len(REGIONS)):
            seen = _joined([own[:, :, region].ravel() for own in hashes], np.uint64)
            mirrored = _joined([mirror_hashes(own)[:, :, region].ravel() for own in hashes], np.uint64)
            self._tables.append([self._table(seen, mirrored, pictures, band) for band in range(BANDS)])

    def candidates(self, fingerprints: Sequence[Fingerprint]) -> list[Candidate]:
        """Those of some training videos, in order."""
        kept = [one for one in fingerprints if len(one.seconds)]
        if not kept or not len(self._seconds):
            return []
        ranges = self._ranges(kept)
        if len(kept) == 1 or sum(int(counts.sum()) for *_, counts in ranges) <= MAX_MEETINGS:
            return self._candidates(kept, ranges)
        half = len(kept) // 2
        return self.candidates(kept[:half]) + self.candidates(kept[half:])

    def _candidates(self, kept: Sequence[Fingerprint], ranges: Sequence[_Range]) -> list[Candidate]:
        seconds = np.concatenate([one.seconds for one in kept])
        videos = np.repeat(np.arange(len(kept)), [len(one.seconds) for one in kept])
        pictures, sightings = _meetings(ranges)
        benchmark = sightings >> 1
        pairs = (videos[pictures] * len(self._paths) + self._videos[benchmark]) * 2 + (sightings & 1)
        often = _with_pictures(pairs, pictures)
        pairs, pictures, benchmark = pairs[often], pictures[often], benchmark[often]
        found: set[int] = set()
        for speed in SPEEDS:
            offsets = (self._seconds[benchmark] - speed * seconds[pictures]) / LINE_SECONDS
            for shift in (0.0, 0.5):
                lines = np.floor(offsets + shift).astype(np.int64)
                lines -= lines.min(initial=0)
                along = pairs * (lines.max(initial=0) + 1) + lines
                found |= set(pairs[_with_pictures(along, pictures)].tolist())
        count = len(self._paths)
        return [
            Candidate(kept[pair // 2 // count].path, self._paths[pair // 2 % count], bool(pair % 2))
            for pair in sorted(found)
        ]

    def _ranges(self, fingerprints: Sequence[Fingerprint]) -> list[_Range]:
        lengths = [len(one.seconds) for one in fingerprints]
        crops = np.repeat([one.hashes.shape[1] for one in fingerprints], lengths)
        pictures = np.repeat(np.arange(sum(lengths)), crops)
        videos = np.repeat(np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths), crops)
        hashes = np.concatenate([one.hashes.reshape(-1, len(REGIONS)) for one in fingerprints])
        ranges = []
        for region, tables in enumerate(self._tables):
            for band, table in enumerate(tables):
                bands = _band(hashes[:, region], band)
                places = np.flatnonzero(table.tops[_top(bands)])
                places = places[np.argsort(bands[places])]  # looked up in order, they find their place in the cache
                firsts = np.searchsorted(table.bands, bands[places])
                inside = np.flatnonzero(firsts < len(table.bands))
                places = places[inside[table.bands[firsts[inside]] == bands[places[inside]]]]
                keys = _key(videos[places], bands[places])
                order = np.argsort(keys, kind="stable")
                places = places[order[_are_first(keys[order], MAX_TRAIN_STILLS)]]
                firsts = np.searchsorted(table.bands, bands[places], side="left")
                ends = np.searchsorted(table.bands, bands[places], side="right")
                ranges.append((table, pictures[places], firsts, ends - firsts))
        return ranges

    def _table(self, seen: ndarray, mirrored: ndarray, pictures: ndarray, band: int) -> _Table:
        """Of the hashes of one region of every crop of all pictures, uint64, and the numbers of these pictures."""
        both = []
        for is_mirrored, hashes in enumerate((seen, mirrored)):
            keys = _unique(_key(_band(hashes, band), pictures << np.uint64(1) | np.uint64(is_mirrored)))
            both.append(keys[_are_first(self._with_videos(keys), MAX_BENCHMARK_STILLS)])
        keys = np.concatenate(both)
        keys.sort(kind="stable")  # merges what is sorted already
        bands = (keys >> np.uint64(BAND_BITS)).astype(np.uint32)
        numbers = np.cumsum(_are_first(bands, 1)) - 1  # of the different bands
        band_videos = np.bincount(numbers[_are_first(self._with_videos(keys), 1)])
        is_rare = (band_videos <= MAX_BAND_VIDEOS)[numbers]
        rare = bands[is_rare]
        tops = np.zeros(1 << TOP_BITS, bool)
        tops[_top(rare)] = True
        return _Table(rare, (keys[is_rare] & LOW).astype(np.uint32), tops)

    def _with_videos(self, keys: ndarray) -> ndarray:
        """Keys of bands and sightings as such of bands and videos, in the same order."""
        return _key(keys >> np.uint64(BAND_BITS), self._videos[(keys & LOW) >> np.uint64(1)])


def _meetings(ranges: Sequence[_Range]) -> tuple[ndarray, ndarray]:
    """Numbers of the pictures, and of the sightings that they share a band with."""
    met = []
    for table, pictures, firsts, counts in ranges:
        before = np.cumsum(counts) - counts
        found = np.arange(counts.sum()) + np.repeat(firsts - before, counts)
        met.append(_key(np.repeat(pictures, counts), table.sightings[found]))
    both = _unique(np.concatenate(met))
    return (both >> np.uint64(BAND_BITS)).astype(np.int64), (both & LOW).astype(np.int64)


def _with_pictures(groups: ndarray, pictures: ndarray) -> ndarray:
    """bool: whether the group that each stands in has MIN_PICTURES different pictures."""
    _, numbers = np.unique(groups, return_inverse=True)
    pairs = _unique(_key(numbers, pictures))
    different = np.bincount((pairs >> np.uint64(BAND_BITS)).astype(np.int64))
    found: ndarray = different[numbers] >= MIN_PICTURES
    return found


def _joined(arrays: Sequence[ndarray], dtype: type) -> ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def _band(hashes: ndarray, band: int) -> ndarray:
    """uint32: a part of each hash, times SPREAD."""
    return (hashes >> np.uint64(BAND_BITS * band)).astype(np.uint32) * SPREAD


def _top(bands: ndarray) -> ndarray:
    tops: ndarray = bands >> np.uint32(BAND_BITS - TOP_BITS)
    return tops


def _key(high: ndarray, low: ndarray) -> ndarray:
    """uint64 of two numbers below 2**32, in whose order the first comes first."""
    key: ndarray = high.astype(np.uint64, copy=False) << np.uint64(BAND_BITS) | low.astype(np.uint64)
    return key


def _unique(keys: ndarray) -> ndarray:
    """Sorts in place: numpy's own `unique` puts them into a hash table first, and takes several times as long."""
    keys.sort()
    different: ndarray = keys[_are_first(keys, 1)]
    return different


def _are_first(keys: ndarray, most: int) -> ndarray:
    """bool: whether each of some sorted keys is among the first so many that are equal."""
    found = np.ones(len(keys), bool)
    found[most:] = keys[most:] != keys[:-most]
    return found
