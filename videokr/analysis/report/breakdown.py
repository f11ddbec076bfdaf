"""Scores by kind, subject, duration and the like, and by what was done to the videos (probes).

`report.jinja` draws breakdowns as bars with their 95% intervals.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.compare import Compared, compare_runs
from videokr.analysis.report.figures import NOTHING, accuracy, percent, points, signed, span
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.probe import Probe
from videokr.evaluation.summary import NOT_GIVEN, Score, score_of
from videokr.page.table import Cell, Row, Section, Table, Tone

TRACK = "track"  # the tasks that one benchmark is made of
ORDERED = ("duration_bucket",)  # groupings whose values have an order of their own
_LENGTHS = ("short", "medium", "long")
ROWS = ("whole video", "probe", "needs the video", "95% interval", "share of the score", "questions")
DETAILS = ROWS[3:]
_NONE = Cell(NOTHING, Tone.QUIET)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The scores of several runs for each value of a grouping.

    The values stand from the best to the worst in the first run, or in their own order. Of each there are the scores of
    `views`; None where a run was asked nothing of it.
    """

    title: str
    corner: str  # what the values are
    views: Sequence[RunView]
    values: Mapping[str, Sequence[Score | None]]
    shows: Mapping[str, Mapping[str, str]]  # the filters that show the examples of a value


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
        return [_NONE] * 3
    tone = Tone.STRONG if score.is_known else Tone.BOUNDS
    return [Cell(f"{score.questions:,}"), Cell(accuracy(score), tone), Cell(span(*score.interval))]


def probe_table(run_set: RunSet) -> Table | None:
    """None where no probe stands beside a whole run of its model on the same questions."""
    names = {view.card.probe or "" for view in run_set.probes}
    columns = [name for name in Probe if name in names] + sorted(names - set(Probe))
    sections = []
    lonely = {probe.label for probe in run_set.probes}
    for view in run_set.whole:
        compared: dict[str, dict[str, Compared]] = {}
        for probe in run_set.probes:
            if not probe.is_same_model(view) or not set(probe.answers) & set(view.answers):
                continue
            lonely.discard(probe.label)
            for one in compare_runs(probe.run, view.run):
                compared.setdefault(one.benchmark, {}).setdefault(probe.card.probe or "", one)
        for benchmark in view.answers:
            if benchmark in compared:
                cells = [_probe_cells(compared[benchmark].get(name)) for name in columns]
                rows = [Row(name, [column[name] for column in cells], name in DETAILS) for name in ROWS]
                sections.append(Section(f"{title_of(benchmark)}, {view.label}", rows))
    if not sections:
        return None
    return Table(
        caption="Accuracy in per cent with the video changed on purpose",
        corner="Probe",
        columns=columns,
        sections=sections,
        notes=[
            "blind: no video; single: one frame, drawn at random; four: four, evenly spread; shuffled: all, in an "
            "order drawn at random; swapped: the video of another question.",
            "Needs the video: whole minus probe, in points, over the questions that have a verdict in both runs; those "
            "without, or asked in one run alone, are left out. 95% interval by a bootstrap over videos.",
            *(f"{label} has no run of the same model with whole videos beside it." for label in sorted(lonely)),
        ],
    )


def _probe_cells(compared: Compared | None) -> dict[str, Cell]:
    """By row; the probe is the first run of the comparison, the whole videos are the second."""
    cells = dict.fromkeys(ROWS, _NONE)
    if compared is None:
        return cells
    if compared.second is not None:
        cells["whole video"] = Cell(points(compared.second))
    if compared.first is not None:
        cells["probe"] = Cell(points(compared.first))
    if difference := compared.difference:
        cells["needs the video"] = Cell(signed(100 * difference.value), Tone.STRONG)
        cells["95% interval"] = Cell(f"{signed(100 * difference.low)} to {signed(100 * difference.high)}")
        if compared.second:
            cells["share of the score"] = Cell(percent(difference.value / compared.second))
        left_out = compared.unpaired + compared.unscored
        questions = f"{difference.examples:,}" + (f" ({left_out:,} left out)" if left_out else "")
        cells["questions"] = Cell(questions, Tone.WARNING if left_out else Tone.PLAIN)
    return cells
