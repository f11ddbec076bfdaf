"""Many numbers in a few: mean, percentiles and a histogram. The same numbers give the same bytes on every machine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

PERCENTILES = (5, 25, 50, 75, 95, 99)
MAX_BINS = 40
TAIL_PERCENTILE = 99.5  # larger values are counted in the last bin


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is told of many numbers."""

    count: int
    total: float
    mean: float
    least: float
    percentiles: Mapping[str, float]  # each one of the numbers (nearest rank)
    most: float
    edges: tuple[float, ...]  # of a histogram's bins, all of one width
    counts: tuple[int, ...]  # in each bin; the last holds all that is larger, too

    @property
    def median(self) -> float:
        return self.percentiles["50"]


def describe(values: np.ndarray) -> Distribution | None:
    """Sums up an array of whole numbers or of floats, all finite and none negative; None of an empty one."""
    if not len(values):
        return None
    is_whole = bool(np.issubdtype(values.dtype, np.integer))
    total = int(values.sum(dtype=np.int64)) if is_whole else math.fsum(np.sort(values).tolist())
    *ranked, tail = np.percentile(values, [*PERCENTILES, TAIL_PERCENTILE], method="inverted_cdf").tolist()
    least, most = values.min().item(), values.max().item()
    width = math.ceil((tail - least + 1) / MAX_BINS) if is_whole else (tail - least) / MAX_BINS or 1.0
    bins = math.ceil((tail - least + 1) / width) if is_whole else MAX_BINS if tail > least else 1
    edges = least + width * np.arange(bins + 1)
    counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    return Distribution(
        count=len(values),
        total=total,
        mean=total / len(values),
        least=least,
        percentiles=dict(zip(map(str, PERCENTILES), ranked, strict=True)),
        most=most,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
    )


def describe_counts(counts: Mapping[int, int]) -> Distribution | None:
    """The same of whole numbers, given how often each is there."""
    return describe(np.repeat(np.array(list(counts), dtype=np.int64), list(counts.values())))


def by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The most common values first; equally common ones in the order of their names."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
