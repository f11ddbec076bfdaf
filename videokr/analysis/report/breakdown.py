"""Scores by kind, subject, duration and the like. `bars.jinja` draws them as bars with their 95% intervals."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.figures import NOTHING, accuracy, span
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import NOT_GIVEN, Score, score_of
from videokr.page.table import Cell, Row, Section, Table, Tone

TRACK = "track"  # the tasks that one benchmark is made of
ORDERED = ("duration_bucket",)  # groupings whose values have an order of their own
_LENGTHS = ("short", "medium", "long")


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The scores of several runs for each value of a grouping.

    Attributes:
        corner: what the values are.
        values: from the best to the worst in the first run, or in their own order. For each the scores of `views`;
            None where a run was asked nothing of it.
        shows: the filters that show the examples of a value.
    """

    title: str
    corner: str
    views: Sequence[RunView]
    values: Mapping[str, Sequence[Score | None]]
    shows: Mapping[str, Mapping[str, str]]


def breakdowns(run_set: RunSet) -> dict[str, list[Breakdown]]:
    """By benchmark, one for each grouping with two values or more."""
    found: dict[str, list[Breakdown]] = {}
    for benchmark in run_set.benchmarks:
        views = [view for view in run_set.scored if benchmark in view.scores]
        if not views:
            continue
        summaries = [view.summaries[benchmark] for view in views]
        groupings = {
            name: [summary.by.get(name, {}) for summary in summaries]
            for name in dict.fromkeys(name for summary in summaries for name in summary.by)
        }
        groupings[TRACK] = [_tracks(view.answers[benchmark]) for view in views]
        for name, scores in groupings.items():
            by_value = {value: [one.get(value) for one in scores] for one in scores for value in one}
            if len(by_value) > 1:
                found.setdefault(benchmark, []).append(_breakdown(benchmark, name, views, by_value))
    return found


def overview(run_set: RunSet) -> Breakdown:
    """The same of whole benchmarks."""
    views = run_set.scored
    names = [name for name in run_set.benchmarks if any(name in view.scores for view in views)]
    return Breakdown(
        "Benchmarks",
        "benchmark",
        views,
        {title_of(name): [view.scores.get(name) for view in views] for name in names},
        {title_of(name): {"benchmark": name} for name in names},
    )


def grouping_title(grouping: str) -> str:
    return grouping.replace("_", " ")


def breakdown_table(breakdown: Breakdown) -> Table:
    """The numbers alone."""
    rows = [Row(value, [cell for one in scores for cell in _cells(one)]) for value, scores in breakdown.values.items()]
    columns = [name for view in breakdown.views for name in ("questions", view.label, "95% interval")]
    return Table(breakdown.title, breakdown.corner, columns, [Section(None, rows)])


def _breakdown(
    benchmark: str, grouping: str, views: Sequence[RunView], by_value: Mapping[str, Sequence[Score | None]]
) -> Breakdown:
    shows = {value: {"benchmark": benchmark, "group": f"{grouping}:{value}"} for value in by_value}
    if NOT_GIVEN in shows:  # no filter finds what has no value
        del shows[NOT_GIVEN]["group"]
    ordered = dict(sorted(by_value.items(), key=_by_size if grouping in ORDERED else _by_score))
    title = grouping_title(grouping)
    return Breakdown(f"{title_of(benchmark)} by {title}", title, views, ordered, shows)


def _tracks(answers: Sequence[Answered]) -> dict[str, Score]:
    by_task: dict[str, list[Answered]] = defaultdict(list)
    for answered in answers:
        by_task[answered.task].append(answered)
    return {task: score_of(answers) for task, answers in by_task.items()}


def _by_size(item: tuple[str, Sequence[Score | None]]) -> tuple[object, ...]:
    value = item[0]
    number = re.search(r"\d+", value)
    word = _LENGTHS.index(value) if value in _LENGTHS else len(_LENGTHS)
    return value == NOT_GIVEN, word, int(number[0]) if number else 0, value


def _by_score(item: tuple[str, Sequence[Score | None]]) -> tuple[object, ...]:
    value, scores = item
    first = next(score for score in scores if score is not None)
    return value == NOT_GIVEN, -first.lowest.value, value


def _cells(score: Score | None) -> list[Cell]:
    if score is None:
        return [Cell(NOTHING, Tone.QUIET)] * 3
    tone = Tone.STRONG if score.is_known else Tone.BOUNDS
    return [Cell(f"{score.asked:,}"), Cell(accuracy(score), tone), Cell(span(*score.interval))]
