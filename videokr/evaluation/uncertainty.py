"""How sure a score is: questions about one video are right or wrong together, so that videos are what was sampled."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
POWER = 0.8
RESAMPLES = 10_000
MAX_VIDEOS_DRAWN = 4_000_000  # at once
MAX_SIGNS_TRIED = 12  # videos whose every choice of signs is tried
BISECTIONS = 40
MIN_DIFFERENCES = 6  # all one way, that chance gives in less than 5 of 100 trials
CRITICAL = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An accuracy, in [0, 1], with its 95% interval, and of how many examples and videos it is."""

    value: float
    standard_error: float | None  # clustered by video; None where all questions are about one video
    low: float
    high: float
    examples: int
    videos: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one run has right than another on the same questions, in [-1, 1], with its 95% interval."""

    value: float
    low: float
    high: float
    p_value: float  # of there being no difference, two-sided
    gained: int  # questions that only the second run has right
    lost: int  # and only the first
    examples: int
    videos: int
    # So many questions like these would tell a difference of this size from none in 80 of 100 trials, at 5%; None where
    # there is no difference, or one video alone.
    examples_needed: int | None


def estimate(scores: Sequence[float], videos: Sequence[str]) -> Estimate:
    """The mean of scores of 0 and 1, with its uncertainty.

    The standard error is the sandwich estimator with videos as clusters (Miller, "Adding Error Bars to Evals", 2024,
    section 2.2), times G / (G - 1) for G videos. The interval is Wilson's with the effective sample size that this
    error implies, which keeps it inside [0, 1] and true at the edges, where the plain one is too short (Dean and
    Pagano, "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys", 2015).

    Args:
        videos: of each score, the video it belongs to.

    Raises:
        ValueError: no scores, or one without a video.
    """
    if not scores or len(scores) != len(videos):
        raise ValueError(f"{len(scores)} scores of {len(videos)} videos")
    import numpy as np

    values = np.asarray(scores, dtype=float)
    mean = float(values.mean())
    sums, _ = _by_video(values - mean, videos)
    clusters = len(sums)
    error = _standard_error(sums, len(values)) if clusters > 1 else None
    variance = mean * (1 - mean)
    # All right or all wrong tells nothing about how alike the questions of a video are: as if they were the same.
    effective = variance / error**2 if variance and error else float(clusters)
    low, high = _wilson(mean, effective)
    return Estimate(mean, error, low, high, len(values), clusters)


def exact_interval(right: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a share, of independent trials (Clopper and Pearson, 1934).

    Its ends are the shares at which so many right, or more (at the upper end: or fewer), come up in half of the cases
    that `confidence` leaves: 2.5 of 100.
    """
    import numpy as np

    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])  # of the factorials
    counts = np.arange(trials + 1)
    ways = logs[trials] - logs - logs[::-1]

    def end(tail: slice, is_rising: bool) -> float:
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            share = (low + high) / 2
            terms = ways[tail] + counts[tail] * math.log(share) + (trials - counts[tail]) * math.log1p(-share)
            is_below = (float(np.exp(terms).sum()) < (1 - confidence) / 2) == is_rising
            low, high = (share, high) if is_below else (low, share)
        return low

    return (
        end(slice(right, None), is_rising=True) if right else 0.0,
        end(slice(right + 1), is_rising=False) if right < trials else 1.0,
    )


def compare_scores(first: Sequence[float], second: Sequence[float], videos: Sequence[str], seed: int = 0) -> Difference:
    """The second run's scores of 0 and 1 minus the first's, question by question, by a bootstrap over videos.

    Videos are drawn with replacement, each with all of its questions, and with them two made up: a question gained and
    one lost (after Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", 2005), so
    that five questions that are all gained are not certain. The interval holds the middle 95% of the drawn differences.
    The p-value is of a sign-flip test: which run is which is drawn anew for every video, and the share of draws counts
    that lie as far from 0.

    Raises:
        ValueError: no scores, or not as many of each.
    """
    if not first or not len(first) == len(second) == len(videos):
        raise ValueError(f"{len(first)} and {len(second)} scores of {len(videos)} videos")
    import numpy as np

    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    value = float(differences.mean())
    sums, counts = _by_video(differences, videos)
    cautious_sums, cautious_counts = np.append(sums, (1.0, -1.0)), np.append(counts, (1, 1))
    needed = None
    if value and len(sums) > 1:
        error = _standard_error(sums - value * counts, len(differences))
        by_variance = ((CRITICAL + NormalDist().inv_cdf(POWER)) * error / value) ** 2
        by_signs = MIN_DIFFERENCES / np.count_nonzero(differences)
        needed = math.ceil(len(differences) * max(by_variance, by_signs))
    means = _resampled(cautious_sums, cautious_counts, seed)
    low, high = np.quantile(means, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Difference(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        p_value=_sign_flip_p(sums, seed),
        gained=int((differences > 0).sum()),
        lost=int((differences < 0).sum()),
        examples=len(differences),
        videos=len(sums),
        examples_needed=needed,
    )


def _sign_flip_p(sums: "np.ndarray", seed: int) -> float:
    """The share of signs of the videos' differences whose sum lies as far from 0: of all, where they are few."""
    import numpy as np

    sums = sums[sums != 0]
    reached = abs(float(sums.sum())) - 1e-9
    if len(sums) <= MAX_SIGNS_TRIED:
        signs = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(signs @ sums) >= reached).mean())
    generator = np.random.default_rng(seed)
    beyond = 0
    for shape in _draws(len(sums)):
        signs = generator.integers(2, size=shape, dtype=np.int8) * 2 - 1
        beyond += int((np.abs(signs @ sums) >= reached).sum())
    return (beyond + 1) / (RESAMPLES + 1)


def _resampled(sums: "np.ndarray", counts: "np.ndarray", seed: int) -> "np.ndarray":
    """The mean of every draw of as many videos as there are."""
    import numpy as np

    generator = np.random.default_rng(seed)
    means = []
    for shape in _draws(len(sums)):
        chosen = generator.integers(len(sums), size=shape, dtype=np.int32)
        means.append(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1))
    return np.concatenate(means)


def _draws(videos: int) -> Iterator[tuple[int, int]]:
    """The shapes (resamples, videos) that `RESAMPLES` are drawn in, so that memory stays bounded."""
    at_once = max(1, min(RESAMPLES, MAX_VIDEOS_DRAWN // videos))
    for start in range(0, RESAMPLES, at_once):
        yield min(at_once, RESAMPLES - start), videos


def _by_video(values: "np.ndarray", videos: Sequence[str]) -> "tuple[np.ndarray, np.ndarray]":
    """Sum and number of the values of each video."""
    import numpy as np

    numbers = {video: number for number, video in enumerate(dict.fromkeys(videos))}
    places = np.fromiter((numbers[video] for video in videos), dtype=np.intp, count=len(videos))
    return np.bincount(places, weights=values), np.bincount(places)


def _standard_error(residual_sums: "np.ndarray", examples: int) -> float:
    clusters = len(residual_sums)
    return math.sqrt(float((residual_sums**2).sum()) * clusters / (clusters - 1)) / examples


def _wilson(mean: float, effective: float) -> tuple[float, float]:
    square = CRITICAL**2 / effective
    centre = (mean + square / 2) / (1 + square)
    half = CRITICAL / (1 + square) * math.sqrt(mean * (1 - mean) / effective + square / (4 * effective))
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
