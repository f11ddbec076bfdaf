"""How likely chance alone is to do as much."""

import math
from collections.abc import Sequence


def uniform_p(counts: Sequence[int]) -> tuple[float, float]:
    """Pearson's chi-square test of equal shares.

    Returns:
        Cohen's w (0: equal shares; the root of chi-square over the number of rows), and the p value.
    """
    rows = sum(counts)
    expected = rows / len(counts)
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return math.sqrt(statistic / rows), chi_square_tail(statistic, len(counts) - 1)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The probability of as much or more, for a whole number of degrees of freedom."""
    half = statistic / 2
    if degrees % 2 == 0:
        total, term = 0.0, math.exp(-half)
        for step in range(1, degrees // 2 + 1):
            total += term
            term *= half / step
        return min(1.0, total)
    total = math.erfc(math.sqrt(half))
    term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
    for step in range(1, (degrees - 1) // 2 + 1):
        total += term
        term *= half / (step + 0.5)
    return min(1.0, total)


def two_sided_p(z: float) -> float:
    """Of a standard normal variable."""
    return math.erfc(abs(z) / math.sqrt(2))
