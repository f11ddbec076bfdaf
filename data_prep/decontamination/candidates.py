"""Pairs of a training video and a benchmark video that may show the same, found without looking at every pair.

A hash is cut into two bands of 32 bits. Pictures that share a band to the bit are found in a sorted table of the
benchmark's bands; unrelated ones share one by chance once in a few billion. A pair becomes a candidate when several
pictures of it do, along one line in time, at one of a few speeds.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from data_prep.decontamination.fingerprint import Fingerprint
from data_prep.decontamination.picture_hash import REGIONS, mirror_hashes

BANDS = 2
BAND_BITS = 32
LOOK_UP_EVERY = 2  # pictures of the benchmark: half of the moments are enough to find a pair
SPEEDS = (0.75, 0.8, 0.9, 1.0, 1.1, 1.25, 4 / 3, 1.5)  # benchmark seconds that pass in one second of the training video
LINE_SECONDS = 1.0  # how wide a line in time is
PICTURES_MIN = 3  # of the training video along one line
COMMON_VIDEOS = 50  # a band that more benchmark videos share says nothing: an empty page, a title card
STILL_TRAIN, STILL_BENCHMARK = 120, 256  # pictures of one video that a band is looked up for: of what stands for long
MEETINGS_AT_ONCE = 20_000_000  # of pictures with sightings: a bound on memory
FILTER_BITS = 27  # at most, of the table that turns most bands away before they are looked up
ROOM_BITS = 5  # by which the table is larger than what is in it
SPREAD = 0x9E3779B1  # odd; a band times it has the top bits well mixed
Array = Any


class Candidate(NamedTuple):
    """
    Attributes:
        train, benchmark: paths.
        is_mirrored: whether one is the other's mirror image.
    """

    train: str
    benchmark: str
    is_mirrored: bool


class _Table(NamedTuple):
    """Bands of one part of the hash of one region.

    Attributes:
        passes: bool, by the top bits of a band times SPREAD: whether such a band is in the table.
        bands: uint32, sorted.
        sightings: of each band: twice the number of the picture that has it, one more if it does so in a mirror.
    """

    passes: Array
    bands: Array
    sightings: Array

    def places(self, bands: Array) -> Array:
        """Which of these bands may be in the table."""
        import numpy as np

        found: Array = np.flatnonzero(self.passes[_filter_place(bands, len(self.passes))])
        return found


class _Range(NamedTuple):
    """What some training pictures meet in one table.

    Attributes:
        pictures: their numbers, counted over all training videos in question.
        firsts, counts: where the sightings that each shares a band with begin in the table, and how many they are.
    """

    table: _Table
    pictures: Array
    firsts: Array
    counts: Array


class BenchmarkIndex:
    """Every picture of a benchmark by its bands, as it is and in a mirror.

    Args:
        fingerprints: of the benchmark's videos.
    """

    def __init__(self, fingerprints: Sequence[Fingerprint]):
        import numpy as np

        self._paths = [one.path for one in fingerprints]
        seconds = [one.seconds[::LOOK_UP_EVERY] for one in fingerprints]
        hashes = [one.hashes[::LOOK_UP_EVERY] for one in fingerprints]
        self._seconds = np.concatenate(seconds) if seconds else np.zeros(0, np.float32)
        self._videos = np.repeat(np.arange(len(seconds)), [len(own) for own in seconds])
        firsts = np.cumsum([0, *map(len, seconds)])
        self._tables = {
            (region, band): self._table(hashes, firsts, region, band)
            for region in range(len(REGIONS))
            for band in range(BANDS)
        }

    def candidates(self, fingerprints: Sequence[Fingerprint]) -> list[Candidate]:
        """Those of some training videos, in order."""
        kept = [one for one in fingerprints if len(one.seconds)]
        if not kept or not len(self._seconds):
            return []
        ranges = list(self._ranges(kept))
        if len(kept) == 1 or sum(int(counts.sum()) for _, _, _, counts in ranges) <= MEETINGS_AT_ONCE:
            return self._candidates(kept, ranges)
        half = len(kept) // 2
        return self.candidates(kept[:half]) + self.candidates(kept[half:])

    def _candidates(self, kept: Sequence[Fingerprint], ranges: Sequence[_Range]) -> list[Candidate]:
        import numpy as np

        seconds = np.concatenate([one.seconds for one in kept])
        videos = np.repeat(np.arange(len(kept)), [len(one.seconds) for one in kept])
        pictures, sightings = _meetings(ranges)
        benchmark = sightings >> 1
        pairs = (videos[pictures] * len(self._paths) + self._videos[benchmark]) * 2 + (sightings & 1)
        often = _with_pictures(pairs, pictures, PICTURES_MIN)
        pairs, pictures, benchmark = pairs[often], pictures[often], benchmark[often]
        found: set[int] = set()
        for speed in SPEEDS:
            offsets = (self._seconds[benchmark] - speed * seconds[pictures]) / LINE_SECONDS
            for shift in (0.0, 0.5):
                lines = np.floor(offsets + shift).astype(np.int64)
                lines -= lines.min(initial=0)
                along = pairs * (lines.max(initial=0) + 1) + lines
                found |= set(pairs[_with_pictures(along, pictures, PICTURES_MIN)].tolist())
        count = len(self._paths)
        return [
            Candidate(kept[pair // 2 // count].path, self._paths[pair // 2 % count], bool(pair % 2))
            for pair in sorted(found)
        ]

    def _ranges(self, fingerprints: Sequence[Fingerprint]) -> Iterator[_Range]:
        import numpy as np

        lengths = [len(one.seconds) for one in fingerprints]
        crops = np.repeat([one.hashes.shape[1] for one in fingerprints], lengths)
        own_pictures = np.repeat(np.arange(sum(lengths)), crops)
        own_videos = np.repeat(np.repeat(np.arange(len(lengths)), lengths), crops)
        hashes = np.concatenate([one.hashes.reshape(-1, len(REGIONS)) for one in fingerprints])
        for (region, band), table in self._tables.items():
            bands = _band(hashes[:, region], band)
            places = table.places(bands)
            keys = own_videos[places].astype(np.uint64) << np.uint64(BAND_BITS) | bands[places].astype(np.uint64)
            places = places[_are_first(keys, STILL_TRAIN)]
            first = np.searchsorted(table.bands, bands[places], side="left")
            counts = np.searchsorted(table.bands, bands[places], side="right") - first
            yield _Range(table, own_pictures[places], first, counts)

    def _table(self, hashes: Sequence[Array], firsts: Array, region: int, band: int) -> _Table:
        import numpy as np

        rows = [np.zeros(0, np.uint64)]
        for own, first in zip(hashes, firsts, strict=False):
            numbers = np.arange(first, first + len(own), dtype=np.uint64)[:, None] << np.uint64(1)
            for mirrored, turned in enumerate((own, mirror_hashes(own))):
                bands = _band(turned[:, :, region], band).astype(np.uint64)
                sighted = np.unique(bands << np.uint64(BAND_BITS) | numbers | np.uint64(mirrored))
                rows.append(sighted[_are_first(sighted >> np.uint64(BAND_BITS), STILL_BENCHMARK)])
        joined = np.concatenate(rows)
        joined.sort()
        bands = (joined >> np.uint64(BAND_BITS)).astype(np.uint32)
        sightings = joined & np.uint64(0xFFFFFFFF)
        rare = _shared_by_few(bands, self._videos[sightings >> np.uint64(1)])
        bands, sightings = bands[rare], sightings[rare]
        passes = np.zeros(1 << min(FILTER_BITS, len(bands).bit_length() + ROOM_BITS), bool)
        passes[_filter_place(bands, len(passes))] = True
        return _Table(passes, bands, sightings.astype(np.uint32))


def _meetings(ranges: Iterable[_Range]) -> tuple[Array, Array]:
    """Numbers of the pictures, and of the sightings that they share a band with."""
    import numpy as np

    met: list[Array] = []
    for table, own_pictures, first, counts in ranges:
        ends = np.cumsum(counts)
        found = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)
        pictures = np.repeat(own_pictures, counts).astype(np.uint64)
        met.append(pictures << np.uint64(32) | table.sightings[found])
    both = np.unique(np.concatenate(met))
    return (both >> np.uint64(32)).astype(np.int64), (both & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _band(hashes: Array, band: int) -> Array:
    import numpy as np

    cut: Array = (hashes >> np.uint64(BAND_BITS * band)).astype(np.uint32)
    return cut


def _filter_place(bands: Array, places: int) -> Array:
    """
    Args:
        places: of the filter, a power of 2.
    """
    import numpy as np

    place: Array = (bands * np.uint32(SPREAD)) >> np.uint32(BAND_BITS + 1 - places.bit_length())
    return place


def _are_first(keys: Array, most: int) -> Array:
    """bool: whether a key is among the first so many of its kind."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), bool), ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(keys)))
    found = np.empty(len(keys), bool)
    found[order] = np.arange(len(keys)) - np.repeat(starts, lengths) < most
    return found


def _shared_by_few(bands: Array, videos: Array) -> Array:
    """bool: whether no more than COMMON_VIDEOS videos have a band.

    Args:
        bands, videos: sorted by band, and those of one by video.
    """
    import numpy as np

    if not len(bands):
        return np.zeros(0, bool)
    is_new = np.append(True, bands[1:] != bands[:-1])
    is_other_video = is_new | np.append(True, videos[1:] != videos[:-1])
    numbers = np.cumsum(is_new) - 1
    few: Array = (np.bincount(numbers[is_other_video]) <= COMMON_VIDEOS)[numbers]
    return few


def _with_pictures(groups: Array, pictures: Array, least: int) -> Array:
    """bool: whether the group that each stands in has so many different pictures."""
    import numpy as np

    _, own = np.unique(groups, return_inverse=True)
    pairs = np.unique(own.astype(np.int64) << 32 | pictures)
    different = np.bincount(pairs >> 32, minlength=own.max(initial=-1) + 1)
    found: Array = different[own] >= least
    return found
