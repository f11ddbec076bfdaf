"""The published table with our rows under it, other benchmarks, and what became of the questions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.figures import NOTHING, accuracy, points, signed, span
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.evaluation.benchmarks import COLUMNS, MEANS, PUBLISHED, TRACKS, benchmark_of, missing_for, title_of
from videokr.evaluation.run import other_scores
from videokr.evaluation.summary import mean_score, shown_verdicts
from videokr.evaluation.verdict import NOT_ASKED, OPEN, Verdict
from videokr.page.table import Cell, Row, Section, Table, Tone

AGAINST = "VideoKR-Qwen3-VL-8B"  # the published row that ours are held against
PARTIAL = "\u2020"
VERDICT_NAMES = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}
_NONE = Cell(NOTHING, Tone.QUIET)


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """A run's accuracy on a benchmark, or the mean of several; shares of 1."""

    lowest: float  # that it can be
    highest: float  # the same as `lowest` where every question has a verdict
    interval: tuple[float, float]  # 95%
    questions: int  # that the run was asked
    available: int  # questions that there are, as far as is known
    missing_tracks: Sequence[str]  # of the benchmark, those that were not asked

    @property
    def is_partial(self) -> bool:
        return self.questions < self.available or bool(self.missing_tracks)

    @property
    def is_exact(self) -> bool:
        return self.lowest == self.highest


Results = Mapping[str, BenchmarkResult]  # by benchmark or mean


def published_table(run_set: RunSet) -> Table:
    """Every published row, then of each of our runs: scores, intervals, differences, questions."""
    published = [Row(model, [Cell(f"{scores[name]:.1f}") for name in COLUMNS]) for model, scores in PUBLISHED.items()]
    sections = [Section("Published, 128 frames", published)]
    all_results = {view.number: results_of(view, run_set) for view in run_set.whole}
    for view in run_set.whole:
        results = all_results[view.number]
        score, *details = _rows(view, results, COLUMNS)
        differences = [_against(results.get(name), PUBLISHED[AGAINST][name]) for name in COLUMNS]
        sections.append(Section(None, [score, Row(f"against {AGAINST}", differences, is_detail=True), *details]))
    return Table(
        caption="Accuracy in per cent beside the published results",
        corner="Model",
        columns=[title_of(name) for name in COLUMNS],
        groups=[(mean, len(tasks) + 1) for mean, tasks in MEANS.items()],
        sections=sections,
        notes=[
            "Published: arXiv 2606.05259, main results. General and Knowledge are plain means of their benchmarks.",
            f"Against {AGAINST}: points more or less; bold where the published score lies outside of our 95% interval, "
            "which says nothing of the uncertainty of the published one.",
            *_notes(all_results.values(), COLUMNS),
            *filter(None, map(_missing_means, run_set.whole)),
        ],
    )


def other_table(run_set: RunSet) -> Table | None:
    """Benchmarks of ours that the published table has not; None where there are none."""
    names = [name for name in run_set.benchmarks if name not in COLUMNS]
    views = [view for view in run_set.whole if set(names) & set(view.answers)]
    if not views:
        return None
    all_results = {view.number: results_of(view, run_set) for view in views}
    return Table(
        caption="Accuracy in per cent on other benchmarks",
        corner="Run",
        columns=[title_of(name) for name in names],
        sections=[Section(None, _rows(view, all_results[view.number], names)) for view in views],
        notes=_notes(all_results.values(), names),
    )


def verdict_table(run_set: RunSet) -> Table:
    """What became of the questions: of each benchmark, a row a run."""
    notes = ["Accuracy is right over questions. Unparsed: no answer could be read from the response; it is not right."]
    shown = shown_verdicts([score for view in run_set.views for score in view.scores.values()])
    if set(shown) & set(NOT_ASKED):
        notes.append("Too long for the context, missing video: not asked, and not right.")
    if any(score.counts[verdict] for view in run_set.views for score in view.scores.values() for verdict in OPEN):
        notes.append(
            "Unscored: answered, and no judge was there. Judge failed: answered, and the judge gave no verdict."
        )
    for view in run_set.views:
        for name, answers in view.answers.items():
            for score in other_scores(view.card, name, answers).values():
                notes += [f"{view.label}, {title_of(name)}: {line}." for line in score.lines()]
    is_alone = len(run_set.views) == 1
    if is_alone:
        (view,) = run_set.views
        sections = [Section(None, [Row(title_of(name), _verdict_cells(view, name, shown)) for name in view.scores])]
    else:
        sections = []
        for name in run_set.benchmarks:
            rows = [Row(view.label, _verdict_cells(view, name, shown)) for view in run_set.views if name in view.scores]
            sections.append(Section(title_of(name), rows))
    return Table(
        caption="Verdicts",
        corner="Benchmark" if is_alone else "Run",
        columns=["questions", *(VERDICT_NAMES[verdict] for verdict in shown), "accuracy", "95% interval"],
        sections=sections,
        notes=notes,
    )


def results_of(view: RunView, run_set: RunSet) -> dict[str, BenchmarkResult]:
    """By benchmark, and by mean where all of its benchmarks were asked."""
    results = {name: _result(view, name, run_set) for name in view.scores}
    for mean, names in MEANS.items():
        if missing_for(mean, results):
            continue
        parts = [results[name] for name in names]
        _, interval = mean_score([view.scores[name] for name in names])
        results[mean] = BenchmarkResult(
            sum(part.lowest for part in parts) / len(parts),
            sum(part.highest for part in parts) / len(parts),
            interval,
            sum(part.questions for part in parts),
            sum(part.available for part in parts),
            [track for part in parts for track in part.missing_tracks],
        )
    return results


def _result(view: RunView, benchmark: str, run_set: RunSet) -> BenchmarkResult:
    """The card says how many questions there are, or another run that was asked more."""
    tasks = [task for task in view.run.answers if (benchmark_of(task) or task) == benchmark]
    available = 0
    for task in tasks:
        of_any = [len(other.run.answers.get(task, ())) for other in run_set.views]
        available += max(*of_any, view.card.data.get(task, {}).get("available", 0))
    missing = [] if benchmark in tasks else [track for track in TRACKS.get(benchmark, ()) if track not in tasks]
    score = view.scores[benchmark]
    questions = len(view.answers[benchmark])
    return BenchmarkResult(score.lowest.value, score.highest.value, score.interval, questions, available, missing)


def _rows(view: RunView, results: Results, names: Sequence[str]) -> list[Row]:
    of = [(name, results.get(name)) for name in names]
    intervals = [Cell(span(*result.interval)) if result else _NONE for _, result in of]
    questions = [_questions(result) if result and name not in MEANS else _NONE for name, result in of]
    return [
        Row(view.label, [_score(view, name, result) if result else _NONE for name, result in of]),
        Row("95% interval", intervals, is_detail=True),
        Row("questions", questions, is_detail=True),
    ]


def _score(view: RunView, name: str, result: BenchmarkResult) -> Cell:
    mark = f"{PARTIAL} " if result.is_partial else ""
    text = points(result.lowest) if result.is_exact else span(result.lowest, result.highest)
    shows = {"benchmark": name, "run": str(view.number)} if name in view.answers else None
    return Cell(mark + text, Tone.STRONG if result.is_exact else Tone.BOUNDS, shows)


def _questions(result: BenchmarkResult) -> Cell:
    text = f"{result.questions:,}"
    if result.questions < result.available:
        text += f" of {result.available:,}"
    if result.missing_tracks:
        text += f", no {', '.join(track.rpartition('_')[2] for track in result.missing_tracks)}"
    return Cell(text, Tone.WARNING if result.is_partial else Tone.PLAIN)


def _against(result: BenchmarkResult | None, published: float) -> Cell:
    """Points between the scores as they are shown, so that they add up."""
    if result is None:
        return _NONE
    low, high = (100 * end for end in result.interval)
    tone = Tone.BETTER if published < low else Tone.WORSE if published > high else Tone.PLAIN
    ends = dict.fromkeys(signed(round(100 * end, 1) - published) for end in (result.lowest, result.highest))
    return Cell(" to ".join(ends), tone)


def _notes(all_results: Iterable[Results], names: Sequence[str]) -> list[str]:
    results = [result for of_run in all_results for name, result in of_run.items() if name in names]
    notes = []
    if not all(result.is_exact for result in results):
        notes.append(
            "Two numbers: what the accuracy lies between, with every question that has no verdict wrong, or right."
        )
    if any(result.is_partial for result in results):
        notes.append(f"{PARTIAL} Not every question was asked: this is no score of the benchmark.")
    return notes


def _missing_means(view: RunView) -> str:
    """Which means a run has not, and for want of what; empty where it has all."""
    missing = {mean: [title_of(name) for name in missing_for(mean, view.answers)] for mean in MEANS}
    parts = [f"{mean} without {', '.join(names)}" for mean, names in missing.items() if names]
    return f"{view.label}: no mean of {'; '.join(parts)}." if parts else ""


def _verdict_cells(view: RunView, benchmark: str, shown: Iterable[Verdict]) -> list[Cell]:
    score = view.scores[benchmark]
    shows = {"benchmark": benchmark, "run": str(view.number)}
    cells = [Cell(f"{score.questions:,}", shows=shows)]
    for verdict in shown:
        number = score.counts[verdict]
        cells.append(Cell(f"{number:,}", shows=shows | {"verdict": verdict}) if number else Cell("0", Tone.QUIET))
    cells.append(Cell(accuracy(score), Tone.STRONG if score.is_known else Tone.BOUNDS))
    return [*cells, Cell(span(*score.interval))]
