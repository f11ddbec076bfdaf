"""Histograms and bars as HTML and SVG, in a browser's own type and colours: sharp at any width, light or dark."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data_prep.stats.distribution import NICE_STEPS, Distribution
from data_prep.stats.figures import count, decimal, percent
from videokr.page.markup import Markup, element

HEIGHT, ABOVE, BELOW = 120, 16, 20  # pixels: of the bars, of what stands over and under them
TICKS_MOST = 6
GAP = 0.12  # of a bar's width
BARS_MOST = 12
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

    def at(self, number: float) -> str:
        """Where a number stands from left to right."""
        return f"{100 * (number - self.low) / (self.high - self.low):.3f}%"

    def text(self, number: float) -> str:
        return decimal(number * self.scale)


def axes_of(numbers: Sequence[Distribution], unit: str, scale: float = 1.0) -> Axes:
    drawn = [own.histogram for own in numbers]
    return Axes(
        low=min(own.first for own in drawn),
        high=max(own.end for own in drawn),
        share=_nice_top(max(max(own.histogram.counts) / own.count for own in numbers)),
        is_each=all(own.step == 1 and isinstance(own.first, int) for own in drawn),
        unit=unit,
        scale=scale,
    )


def histogram(title: str, numbers: Distribution, axes: Axes) -> Markup:
    """Bars of shares; the numbers themselves are shown where the pointer stands."""
    drawn = numbers.histogram
    parts = []
    for share in (axes.share, axes.share / 2):
        y = _y(share, axes)
        parts.append(element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y))
        parts.append(element("text", f"{decimal(round(100 * share, 6))}%", x=-6, y=y + 4, text_anchor="end"))
    for place, number in enumerate(drawn.counts):
        if number:
            start = drawn.first + place * drawn.step
            bar = f"{axes.text(start)}" if axes.is_each else f"{axes.text(start)} to {axes.text(start + drawn.step)}"
            about = element("title", f"{bar} {axes.unit}: {count(number)} ({percent(number, numbers.count)})")
            y = _y(number / numbers.count, axes)
            width = f"{100 * (1 - GAP) * drawn.step / (axes.high - axes.low):.3f}%"
            x = axes.at(start + GAP / 2 * drawn.step)
            parts.append(element("rect", about, class_="sure", x=x, width=width, y=y, height=ABOVE + HEIGHT - y))
    parts.append(element("line", class_="base", x1=0, x2="100%", y1=ABOVE + HEIGHT, y2=ABOVE + HEIGHT))
    middle = 0.5 if axes.is_each else 0.0
    for tick in _ticks(axes):
        x = axes.at(tick / axes.scale + middle)
        parts.append(element("text", decimal(tick), x=x, y=ABOVE + HEIGHT + 14, text_anchor="middle"))
    about_all = f"mean {axes.text(numbers.mean)}, median {axes.text(numbers.median)} {axes.unit}"
    if drawn.above:
        about_all += f"; {count(drawn.above)} more up to {axes.text(numbers.most)}"
    return element(
        "figure",
        element("figcaption", element("b", title), " ", element("span", about_all)),
        element(
            "svg", *parts, class_="run-0 plot", height=ABOVE + HEIGHT + BELOW, role="img",
            aria_label=f"{title}: {about_all}",
        ),
        class_="chart",
    )  # fmt: skip


def bars(title: str, corner: str, counts: Mapping[str, int], without: int = 0) -> Markup:
    """A row for each value, with a bar as long as its share; those behind the first dozen are one, without a bar.

    Args:
        without: how many have no value.
    """
    shown = dict(list(counts.items())[:BARS_MOST])
    longest, total = max(shown.values()), sum(counts.values()) + without
    rest = {f"{OTHERS} ({len(counts) - len(shown)})": sum(counts.values()) - sum(shown.values()), NOT_GIVEN: without}
    head = element("tr", *(element("th", name, scope="col") for name in (corner, "n", "", "share")))
    rows = [
        element(
            "tr",
            element("th", value, scope="row"),
            element("td", count(number)),
            element("td", _bar(number / longest) if value in shown else None, class_="drawn"),
            element("td", percent(number, total)),
        )
        for value, number in (*shown.items(), *((name, number) for name, number in rest.items() if number))
    ]
    table = element(
        "table", element("caption", title, class_="unseen"), element("thead", head), element("tbody", *rows)
    )
    return element(
        "figure",
        element("figcaption", element("b", title)),
        element("div", table, class_="bars"),
        class_="chart",
    )


def _bar(share: float) -> Markup:
    bar = element("rect", class_="sure", x=0, y=2, width=f"{100 * share:.2f}%", height=12)
    return element("svg", bar, class_="run-0", width="100%", height=16, aria_hidden="true")


def _ticks(axes: Axes) -> Iterable[float]:
    """Even numbers of the axes' unit."""
    low, high = axes.low * axes.scale, axes.high * axes.scale
    power = math.floor(math.log10((high - low) / TICKS_MOST))
    step = next(
        nice * 10.0**larger
        for larger in range(power, power + 2)
        for nice in NICE_STEPS[:3]
        if (high - low) / (nice * 10.0**larger) <= TICKS_MOST
    )
    step = max(step, 1.0) if axes.is_each else step
    end = high - 1 if axes.is_each else high
    return [tick * step for tick in range(math.ceil(low / step), math.floor(end / step) + 1)]


def _nice_top(most: float) -> float:
    """The next even number above."""
    scale = 10.0 ** math.floor(math.log10(most))
    return next(nice * scale for nice in (1, 2, 4, 6, 8, 10) if nice * scale >= most)


def _y(share: float, axes: Axes) -> float:
    return ABOVE + HEIGHT * (1 - share / axes.share)
