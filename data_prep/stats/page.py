"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from data_prep.stats.distribution import NICE_STEPS, Distribution
from data_prep.stats.file_stats import FileStats
from data_prep.stats.summary import FRAMES, ROWS, SECTIONS, VIDEOS, Facts, count, decimal, facts_of
from videokr.page.document import document
from videokr.page.table import Cell, Row, Section, Table

TITLE = "VideoKR data"
STAGES = {"sft": "SFT", "rl": "RL", "eval": "evaluation"}
MINUTES = 1 / 60  # of a second
MINUTES_FROM = 300  # seconds: of a longest video that is shown in them
TOP, BOTTOM = 16, 136  # pixels: of the highest bar and the base line
MAX_TICKS = 6
GAP = 0.12  # of a bar's width


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars of shares in the axes of all files, so that they can be held against each other.

    Attributes:
        title: of the chart.
        low, high: of the axis from left to right; top: the share at its upper end.
        is_each: whether a bar stands for one whole number, and is named in its middle.
        scale: of the numbers to `unit`.
    """

    title: str
    numbers: Distribution
    low: float
    high: float
    top: float
    is_each: bool
    unit: str
    scale: float
    bottom: int = BOTTOM

    @property
    def caption(self) -> str:
        numbers, above = self.numbers, self.numbers.histogram.above
        text = f"mean {self._text(numbers.mean)}, median {self._text(numbers.median)} {self.unit}"
        return text + f"; {count(above)} more up to {self._text(numbers.most)}" if above else text

    @property
    def bars(self) -> Iterator[tuple[float, float, float, str]]:
        """(x, width, y, text) of each bin that holds something."""
        drawn = self.numbers.histogram
        width = 100 * (1 - GAP) * drawn.step / (self.high - self.low)
        for place, number in enumerate(drawn.counts):
            if number:
                start = drawn.first + place * drawn.step
                name = self._text(start) + ("" if self.is_each else f" to {self._text(start + drawn.step)}")
                text = f"{name} {self.unit}: {count(number)} ({number / self.numbers.count:.1%})"
                yield self._x(start + GAP / 2 * drawn.step), width, self._y(number / self.numbers.count), text

    @property
    def lines(self) -> list[tuple[float, str]]:
        """(y, text) of the horizontal lines."""
        return [(self._y(share), f"{decimal(round(100 * share, 6))}%") for share in (self.top, self.top / 2)]

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
        return [(self._x(number / self.scale + middle), decimal(number)) for number in numbers]

    def _x(self, number: float) -> float:
        """Where a number stands from left to right, in per cent."""
        return 100 * (number - self.low) / (self.high - self.low)

    def _y(self, share: float) -> float:
        """Where a bar of so large a share ends, in pixels from the top."""
        return TOP + (BOTTOM - TOP) * (1 - share / self.top)

    def _text(self, number: float) -> str:
        return decimal(number * self.scale)


def page(files: Sequence[FileStats]) -> Iterator[str]:
    """The page in pieces."""
    facts = [facts_of(stats) for stats in files]
    shown = [title for title in SECTIONS if any(of_file[title] for of_file in facts)]
    names = [stats.name for stats in files]
    unknown = [f"Not known: {what} ({way})." for stats in files for what, way in stats.unknown.items()]
    return document(
        "data_prep.stats/page.jinja",
        f"{TITLE}: {', '.join(names)}",
        heading=TITLE,
        files=files,
        stages=STAGES,
        unknown=list(dict.fromkeys(unknown)),
        sections={title.lower().replace(" ", "-"): title for title in shown},
        tables={title: _table(title, names, [of_file[title] for of_file in facts]) for title in shown},
        charts=_charts(files),
    )


def _table(title: str, names: Sequence[str], facts: Sequence[Facts]) -> Table:
    """A column for each file, and a row for each line of a fact."""
    rows = [
        Row("" if number else label, [Cell(text) for text in texts], is_detail=number > 0)
        for label in dict.fromkeys(label for of_file in facts for label in of_file)
        for number, texts in enumerate(zip_longest(*(of_file.get(label, []) for of_file in facts), fillvalue=""))
    ]
    return Table(title, "", names, [Section(None, rows)], is_numeric=False)


def _charts(files: Sequence[FileStats]) -> dict[str, list[Histogram]]:
    """By section: what they show of each file, all files in the same axes."""
    names = [stats.name for stats in files]
    footage, shown = [stats.footage for stats in files], [stats.shown for stats in files]
    seconds = [found.seconds if found else None for found in footage]
    is_long = max((found.most for found in seconds if found), default=0) >= MINUTES_FROM
    unit, scale = ("minutes", MINUTES) if is_long else ("seconds", 1.0)
    frames = _histograms("Frames a row", names, [found.frames if found else None for found in shown], "frames")
    for family in dict.fromkeys(name for found in shown if found for name in found.tokens):
        tokens = [found.tokens[family] if found else None for found in shown]
        frames += _histograms(f"Video tokens a row, {family}", names, tokens, "tokens")
    lengths = [stats.token_lengths.lengths if stats.token_lengths else None for stats in files]
    return {
        ROWS: [
            *_histograms("Question", names, [stats.lengths["question_words"] for stats in files], "words"),
            *_histograms("Rationale", names, [stats.lengths.get("rationale_words") for stats in files], "words"),
        ],
        VIDEOS: [
            *_histograms("Duration", names, seconds, unit, scale),
            *_histograms("Rows a video", names, [stats.rows_a_video for stats in files], "rows"),
        ],
        FRAMES: [*frames, *_histograms("Tokens a row, of the sample", names, lengths, "tokens")],
    }


def _histograms(
    title: str, names: Sequence[str], numbers: Sequence[Distribution | None], unit: str, scale: float = 1.0
) -> list[Histogram]:
    """One for each file that has the numbers; `scale` is of these to `unit`."""
    known = {name: own for name, own in zip(names, numbers, strict=True) if own}
    if not known:
        return []
    drawn = [own.histogram for own in known.values()]
    low, high = min(one.first for one in drawn), max(one.end for one in drawn)
    top = _nice_top(max(max(own.histogram.counts) / own.count for own in known.values()))
    is_each = all(one.step == 1 and isinstance(one.first, int) for one in drawn)
    titles = [f"{title}, {name}" if len(names) > 1 else title for name in known]
    return [
        Histogram(own_title, own, low, high, top, is_each, unit, scale)
        for own_title, own in zip(titles, known.values(), strict=True)
    ]


def _nice_top(share: float) -> float:
    """The next even number above."""
    scale = 10.0 ** math.floor(math.log10(share))
    return next(nice * scale for nice in (1, 2, 4, 6, 8, 10) if nice * scale >= share)
