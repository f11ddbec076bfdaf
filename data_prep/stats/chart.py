"""Histograms and bars, which `chart.jinja` draws in a browser's own type and colours."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from data_prep.stats.distribution import NICE_STEPS, Distribution
from data_prep.stats.figures import count, decimal, percent

TOP, BOTTOM = 16, 136  # pixels: of the highest bar and the base line
MAX_TICKS = 6
GAP = 0.12  # of a bar's width
MAX_BARS = 12
OTHERS, NOT_GIVEN = "others", "not given"


@dataclass(frozen=True, slots=True)
class Axes:
    """What several histograms of the same thing share, so that they can be held against each other.

    Attributes:
        low, high: of the numbers; share: of them, in the largest bin.
        is_each: whether a bar stands for one whole number, and is named in its middle.
        scale: of the numbers to `unit`.
    """

    low: float
    high: float
    share: float
    is_each: bool
    unit: str
    scale: float
    bottom: int = BOTTOM

    def x(self, number: float) -> float:
        """Where a number stands from left to right, in per cent."""
        return 100 * (number - self.low) / (self.high - self.low)

    def y(self, share: float) -> float:
        """Where a bar of so large a share ends, in pixels from the top."""
        return TOP + (BOTTOM - TOP) * (1 - share / self.share)

    def text(self, number: float) -> str:
        return decimal(number * self.scale)

    @property
    def lines(self) -> list[tuple[float, str]]:
        """(y, text) of the horizontal lines."""
        return [(self.y(share), f"{decimal(round(100 * share, 6))}%") for share in (self.share, self.share / 2)]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(x, text) under the base line, at even numbers of the unit."""
        low, high = self.low * self.scale, self.high * self.scale
        power = math.floor(math.log10((high - low) / MAX_TICKS))
        steps = [nice * 10.0**larger for larger in (power, power + 1) for nice in NICE_STEPS[:3]]
        step = next(step for step in steps if (high - low) / step <= MAX_TICKS)
        end, middle = high, 0.0
        if self.is_each:
            step, end, middle = max(step, 1.0), high - 1, 0.5
        numbers = [tick * step for tick in range(math.ceil(low / step), math.floor(end / step) + 1)]
        return [(self.x(number / self.scale + middle), decimal(number)) for number in numbers]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of shares."""

    numbers: Distribution
    axes: Axes

    @property
    def caption(self) -> str:
        numbers, axes = self.numbers, self.axes
        text = f"mean {axes.text(numbers.mean)}, median {axes.text(numbers.median)} {axes.unit}"
        above = numbers.histogram.above
        return text + f"; {count(above)} more up to {axes.text(numbers.most)}" if above else text

    @property
    def bars(self) -> Iterator[tuple[float, float, float, str]]:
        """(x, width, y, text) of each bin that holds something."""
        axes, drawn = self.axes, self.numbers.histogram
        width = 100 * (1 - GAP) * drawn.step / (axes.high - axes.low)
        for place, number in enumerate(drawn.counts):
            if number:
                start = drawn.first + place * drawn.step
                name = axes.text(start) if axes.is_each else f"{axes.text(start)} to {axes.text(start + drawn.step)}"
                text = f"{name} {axes.unit}: {count(number)} ({percent(number, self.numbers.count)})"
                yield axes.x(start + GAP / 2 * drawn.step), width, axes.y(number / self.numbers.count), text


@dataclass(frozen=True, slots=True)
class BarChart:
    """A row for each value.

    Attributes:
        corner: what the values are.
        values: how often each is there; rest: those without a bar.
        longest: of the bars; total: that shares are of.
    """

    corner: str
    values: Sequence[tuple[str, int]]
    rest: Sequence[tuple[str, int]]
    longest: int
    total: int


def histograms(by_file: Mapping[str, Distribution | None], unit: str, scale: float = 1.0) -> dict[str, Histogram]:
    """One for each file that has the numbers, all with the same axes.

    Args:
        scale: of the numbers to `unit`.
    """
    known = {file: numbers for file, numbers in by_file.items() if numbers}
    if not known:
        return {}
    drawn = [numbers.histogram for numbers in known.values()]
    axes = Axes(
        low=min(one.first for one in drawn),
        high=max(one.end for one in drawn),
        share=_nice_top(max(max(numbers.histogram.counts) / numbers.count for numbers in known.values())),
        is_each=all(one.step == 1 and isinstance(one.first, int) for one in drawn),
        unit=unit,
        scale=scale,
    )
    return {file: Histogram(numbers, axes) for file, numbers in known.items()}


def bar_charts(
    by_file: Mapping[str, Mapping[str, int] | None], corner: str, without: Mapping[str, int] | None = None
) -> dict[str, BarChart]:
    """One for each file that has values; those behind the first dozen are one row without a bar.

    Args:
        without: of each file, how many have no value.
    """
    charts = {}
    for file, counts in by_file.items():
        if not counts:
            continue
        not_given = without[file] if without else 0
        values, others = list(counts.items())[:MAX_BARS], list(counts.items())[MAX_BARS:]
        rest = [(f"{OTHERS} ({len(others)})", sum(number for _, number in others)), (NOT_GIVEN, not_given)]
        charts[file] = BarChart(
            corner,
            values=values,
            rest=[(name, number) for name, number in rest if number],
            longest=max(number for _, number in values),
            total=sum(counts.values()) + not_given,
        )
    return charts


def _nice_top(most: float) -> float:
    """The next even number above."""
    scale = 10.0 ** math.floor(math.log10(most))
    return next(nice * scale for nice in (1, 2, 4, 6, 8, 10) if nice * scale >= most)
