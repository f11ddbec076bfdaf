"""Numbers as they stand in the report: shares of 1 in per cent with one decimal, as in the published table."""

from videokr.evaluation.summary import Score

NOTHING = "\u2013"  # where there is no number
_MINUS = "\u2212"


def points(share: float) -> str:
    return f"{100 * share:.1f}"


def span(low: float, high: float) -> str:
    """From one share to another."""
    return f"{points(low)} to {points(high)}"


def accuracy(score: Score) -> str:
    """One number, or the two that it lies between where something is unscored."""
    low, high = score.lowest.value, score.highest.value
    return points(low) if score.is_known else span(low, high)


def signed(difference: float) -> str:
    """Points of per cent with their sign; none where they round to 0."""
    rounded = round(difference, 1)
    return f"{'+' if rounded > 0 else _MINUS if rounded < 0 else ''}{abs(rounded):.1f}"


def percent(share: float) -> str:
    return f"{points(share)}%".replace("-", _MINUS)
