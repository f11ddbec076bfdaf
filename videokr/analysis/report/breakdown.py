"""Scores by kind, subject, duration and the like, as bars with the whiskers of their 95% intervals."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.figures import NOTHING, accuracy, count, span
from videokr.analysis.report.lineup import Entry, Lineup
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import NOT_GIVEN, Score, score_of
from videokr.page.markup import Markup, element
from videokr.page.table import Cell, Row, Section, Table, Tone, shown_by

TRACK = "track"  # the tasks that one benchmark is made of
ORDERED = ("duration_bucket",)  # groupings whose values have an order of their own
_LENGTHS = ("short", "medium", "long")
_GRID = (25, 50, 75)  # per cent


@dataclass(frozen=True, slots=True)
class Bar:
    """A value's score in one run; None where the run was asked nothing of it."""

    entry: Entry
    score: Score | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """
    Attributes:
        grouping: what it is by, as in `Answered.group`; `TRACK` is by task.
        values: from the best to the worst in the first run, or in their own order.
    """

    benchmark: str
    grouping: str
    values: Mapping[str, Sequence[Bar]]

    @property
    def title(self) -> str:
        return f"{title_of(self.benchmark)} by {grouping_title(self.grouping)}"


def breakdowns(lineup: Lineup) -> dict[str, list[Breakdown]]:
    """By benchmark, one for each grouping with two values or more."""
    found: dict[str, list[Breakdown]] = {}
    for benchmark in lineup.benchmarks:
        entries = [entry for entry in lineup.shown if benchmark in entry.scores]
        if not entries:
            continue
        groupings = {
            name: [entry.summaries[benchmark].by.get(name, {}) for entry in entries]
            for name in dict.fromkeys(name for entry in entries for name in entry.summaries[benchmark].by)
        }
        groupings[TRACK] = [_tracks(entry.answers[benchmark]) for entry in entries]
        for name, of_entries in groupings.items():
            values = dict.fromkeys(value for scores in of_entries for value in scores)
            if len(values) > 1:
                bars = {
                    value: [Bar(entry, scores.get(value)) for entry, scores in zip(entries, of_entries, strict=True)]
                    for value in values
                }
                ordered = dict(sorted(bars.items(), key=_order(name)))
                found.setdefault(benchmark, []).append(Breakdown(benchmark, name, ordered))
    return found


def grouping_title(grouping: str) -> str:
    return grouping.replace("_", " ")


def as_table(breakdown: Breakdown) -> Table:
    """The numbers alone."""
    entries = [bar.entry for bar in next(iter(breakdown.values.values()))]
    return Table(
        caption=breakdown.title,
        corner=grouping_title(breakdown.grouping),
        columns=[name for entry in entries for name in ("questions", entry.label, "95% interval")],
        sections=[
            Section(
                None,
                [
                    Row(value, [cell for bar in bars for cell in _cells(bar)])
                    for value, bars in breakdown.values.items()
                ],
            )
        ],
    )


def as_html(breakdown: Breakdown) -> Markup:
    """A table whose rows hold a bar; the numbers stand beside it."""
    shows = {
        value: {"benchmark": breakdown.benchmark}
        | ({} if value == NOT_GIVEN else {"group": f"{breakdown.grouping}:{value}"})
        for value in breakdown.values
    }
    return _bars(breakdown.title, grouping_title(breakdown.grouping), breakdown.values, shows)


def overview(lineup: Lineup) -> Markup:
    """The same of whole benchmarks."""
    values = {
        title_of(benchmark): [Bar(entry, entry.scores.get(benchmark)) for entry in lineup.shown]
        for benchmark in lineup.benchmarks
        if any(benchmark in entry.scores for entry in lineup.shown)
    }
    shows = {title_of(benchmark): {"benchmark": benchmark} for benchmark in lineup.benchmarks}
    return _bars("Benchmarks", "benchmark", values, shows)


def _bars(
    title: str, corner: str, values: Mapping[str, Sequence[Bar]], shows: Mapping[str, Mapping[str, str]]
) -> Markup:
    several = len(next(iter(values.values()))) > 1
    head = element(
        "tr",
        *(element("th", name, scope="col") for name in (corner, *(["run"] if several else []), "n")),
        element("th", _axis(), scope="col", class_="axis"),
        element("th", "accuracy", scope="col"),
    )
    bodies = [element("tbody", *_bar_rows(value, bars, shows[value], several)) for value, bars in values.items()]
    drawn = element("table", element("caption", title, class_="unseen"), element("thead", head), *bodies)
    return element("div", drawn, class_="bars scroll", tabindex=0, role="region", aria_label=title)


def _bar_rows(value: str, bars: Sequence[Bar], shows: Mapping[str, str], several: bool) -> Iterable[Markup]:
    for place, bar in enumerate(bars):
        scope = {"scope": "rowgroup", "rowspan": len(bars)} if several else {"scope": "row"}
        score = bar.score
        yield element(
            "tr",
            element("th", value, data_shows=shown_by(shows), **scope) if place == 0 else None,
            element("td", run_key(bar.entry)) if several else None,
            element("td", NOTHING if score is None else count(score.tally.asked)),
            element("td", None if score is None else _drawn(bar.entry, score), class_="drawn"),
            element("td", *([NOTHING] if score is None else _numbers(score))),
        )


def _numbers(score: Score) -> list[Markup | str]:
    return [element("b", accuracy(score)), " ", element("span", span(*score.interval), class_="interval")]


def run_key(entry: Entry) -> Markup:
    """The run's number in its colour."""
    return element("span", str(entry.number), class_=f"key {colour(entry)}", title=entry.label)


def colour(entry: Entry) -> str:
    return f"run-{(entry.number - 1) % 6}"


def _drawn(entry: Entry, score: Score) -> Markup:
    """From 0 to 100 per cent: full up to what is right for certain, pale up to what may be, and the interval."""

    def at(share: float) -> str:
        return f"{100 * share:.2f}%"

    low, high = score.interval
    sure, possible = score.lowest.value, score.highest.value
    open_part = (
        element("rect", class_="open", x=at(sure), y=2, width=at(possible - sure), height=12)
        if possible > sure
        else None
    )
    return element(
        "svg",
        *(element("line", class_="grid", x1=f"{place}%", x2=f"{place}%", y1=0, y2=16) for place in _GRID),
        element("rect", class_="sure", x=0, y=2, width=at(sure), height=12),
        open_part,
        element("line", x1=at(low), x2=at(high), y1=8, y2=8),
        element("line", x1=at(low), x2=at(low), y1=4, y2=12),
        element("line", x1=at(high), x2=at(high), y1=4, y2=12),
        class_=colour(entry),
        width="100%",
        height=16,
        aria_hidden="true",
    )


def _axis() -> Markup:
    return element("span", *(element("i", str(place)) for place in (0, *_GRID, 100)), aria_label="per cent")


def _tracks(answers: Sequence[Answered]) -> dict[str, Score]:
    by_task: dict[str, list[Answered]] = defaultdict(list)
    for answered in answers:
        by_task[answered.task].append(answered)
    return {task: score_of(asked) for task, asked in by_task.items()}


def _order(grouping: str) -> Callable[[tuple[str, Sequence[Bar]]], tuple[object, ...]]:
    def by_size(item: tuple[str, Sequence[Bar]]) -> tuple[object, ...]:
        value = item[0]
        number = re.search(r"\d+", value)
        word = _LENGTHS.index(value) if value in _LENGTHS else len(_LENGTHS)
        return value == NOT_GIVEN, word, int(number[0]) if number else 0, value

    def by_score(item: tuple[str, Sequence[Bar]]) -> tuple[object, ...]:
        value, bars = item
        first = next(bar.score for bar in bars if bar.score is not None)
        return value == NOT_GIVEN, -first.lowest.value, value

    return by_size if grouping in ORDERED else by_score


def _cells(bar: Bar) -> list[Cell]:
    if bar.score is None:
        return [Cell(NOTHING, Tone.QUIET)] * 3
    tone = Tone.STRONG if bar.score.tally.is_known else Tone.BOUNDS
    return [Cell(count(bar.score.tally.asked)), Cell(accuracy(bar.score), tone), Cell(span(*bar.score.interval))]
