"""Many numbers in a few: mean, percentiles and a histogram. The same numbers give the same bytes on every machine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

PERCENTILES = (5, 25, 50, 75, 95, 99)
MAX_BINS = 40
TAIL_PERCENTILE = 99.5  # larger values share the last place of a histogram
NICE_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of one width.

    Attributes:
        first: where the first bin begins.
        step: the width of a bin, which ends before the next begins.
        counts: values in each bin.
        above: values behind the last bin, which few are.
    """

    first: float
    step: float
    counts: tuple[int, ...]
    above: int

    @property
    def end(self) -> float:
        return self.first + self.step * len(self.counts)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is told of many numbers.

    Attributes:
        count: of the numbers.
        percentiles: each a number of them (nearest rank).
    """

    count: int
    total: float
    mean: float
    least: float
    percentiles: Mapping[str, float]
    most: float
    histogram: Histogram

    @property
    def median(self) -> float:
        return self.percentiles["50"]


def describe(values: np.ndarray) -> Distribution | None:
    """Sums up an array of whole numbers or of floats, all finite and none negative; None of an empty one."""
    if not len(values):
        return None
    values = np.sort(values)
    is_whole = bool(np.issubdtype(values.dtype, np.integer))
    total = int(values.sum(dtype=np.int64)) if is_whole else math.fsum(values.tolist())
    *ranked, tail = np.percentile(values, [*PERCENTILES, TAIL_PERCENTILE], method="inverted_cdf").tolist()
    least, most = values[[0, -1]].tolist()
    step = _nice_step((tail - least) / MAX_BINS, is_whole)
    first = math.floor(least / step) * step
    edges = first + step * np.arange(math.floor((tail - first) / step) + 2)
    *counts, above = np.histogram(values, np.append(edges, np.inf))[0].tolist()
    return Distribution(
        count=len(values),
        total=total,
        mean=total / len(values),
        least=least,
        percentiles=dict(zip(map(str, PERCENTILES), ranked, strict=True)),
        most=most,
        histogram=Histogram(first, step, tuple(counts), above),
    )


def describe_counts(counts: Mapping[int, int]) -> Distribution | None:
    """The same of whole numbers, given how often each is there."""
    return describe(np.repeat(np.array(list(counts), dtype=np.int64), list(counts.values())))


def by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The most common values first; equally common ones in the order of their names."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _nice_step(least: float, is_whole: bool) -> float:
    """The next of 1, 2, 5, 10, 20, ..., or for floats of 0.1, 0.2, ... as well."""
    if least <= 0 or (is_whole and least <= 1):
        return 1
    scale = math.floor(math.log10(least))
    step = next(nice for nice in NICE_STEPS if nice * 10.0**scale >= least)
    nice: float = step * 10**scale if scale >= 0 else step / 10**-scale
    return nice
