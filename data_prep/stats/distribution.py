"""Many numbers in a few: mean, percentiles and a histogram. The same numbers give the same bytes on every machine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PERCENTILES = (5, 25, 50, 75, 95, 99)
BINS_MOST = 40
TAIL_FROM = 99.5  # per cent: larger values share the last place of a histogram
NICE_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Histogram:
    """
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
    """
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


def describe(values: Any) -> Distribution | None:
    """
    Args:
        values: a numpy array of whole numbers or of floats, all finite and none negative.

    Returns:
        None where there are none.
    """
    import numpy as np

    if not len(values):
        return None
    ordered = np.sort(values)
    is_whole = np.issubdtype(ordered.dtype, np.integer)
    total = int(ordered.sum(dtype=np.int64)) if is_whole else math.fsum(ordered.tolist())
    return Distribution(
        count=len(ordered),
        total=total,
        mean=total / len(ordered),
        least=ordered[0].item(),
        percentiles={str(share): _ranked(ordered, share) for share in PERCENTILES},
        most=ordered[-1].item(),
        histogram=_histogram(ordered, bool(is_whole)),
    )


def describe_counts(counts: Mapping[int, int]) -> Distribution | None:
    """
    Args:
        counts: of whole numbers, how often each is there.
    """
    import numpy as np

    return describe(np.repeat(np.array(list(counts), dtype=np.int64), list(counts.values())))


def _ranked(ordered: Any, share: float) -> float:
    ranked: float = ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)].item()
    return ranked


def _histogram(ordered: Any, is_whole: bool) -> Histogram:
    import numpy as np

    least, top = ordered[0].item(), _ranked(ordered, TAIL_FROM)
    step = _nice_step((top - least) / BINS_MOST, is_whole)
    first = math.floor(least / step) * step
    bins = math.floor((top - first) / step) + 1
    edges = first + step * np.arange(bins + 1)
    places = np.searchsorted(ordered, edges, side="left")
    return Histogram(first, step, tuple(np.diff(places).tolist()), int(len(ordered) - places[-1]))


def _nice_step(least: float, is_whole: bool) -> float:
    """The next of 1, 2, 5, 10, 20, ..., or for floats of 0.1, 0.2, ... as well."""
    if least <= 0 or (is_whole and least <= 1):
        return 1
    scale = math.floor(math.log10(least))
    step = next(nice for nice in NICE_STEPS if nice * 10.0**scale >= least)
    nice: float = step * 10**scale if scale >= 0 else step / 10**-scale
    return nice
