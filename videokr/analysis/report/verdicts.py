"""What became of the questions: five counts that are never added up under another's name."""

from videokr.analysis.report.figures import accuracy, span
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import Score
from videokr.evaluation.verdict import OPEN, Verdict
from videokr.page.table import Cell, Row, Section, Table, Tone

NAMES = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


def verdict_table(run_set: RunSet) -> Table:
    """Of each benchmark, a row a run."""
    notes = ["Accuracy is right over asked. Unparsed: no answer could be read from the response; it counts as wrong."]
    if any(score.tally.counts[verdict] for view in run_set.views for score in view.scores.values() for verdict in OPEN):
        notes.append(
            "Unscored: answered, and no judge was there. Judge failed: answered, and the judge gave no verdict."
        )
    is_alone = len(run_set.views) == 1
    if is_alone:
        (view,) = run_set.views
        rows = [Row(title_of(name), _cells(view, name, score)) for name, score in view.scores.items()]
        sections = [Section(None, rows)]
    else:
        sections = []
        for name in run_set.benchmarks:
            rows = [
                Row(view.label, _cells(view, name, view.scores[name])) for view in run_set.views if name in view.scores
            ]
            sections.append(Section(title_of(name), rows))
    return Table(
        caption="Verdicts",
        corner="Benchmark" if is_alone else "Run",
        columns=["asked", *NAMES.values(), "accuracy", "95% interval"],
        sections=sections,
        notes=notes,
    )


def _cells(view: RunView, benchmark: str, score: Score) -> list[Cell]:
    shows = {"benchmark": benchmark, "run": str(view.number)}
    cells = [Cell(f"{score.tally.asked:,}", shows=shows)]
    for verdict in Verdict:
        number = score.tally.counts[verdict]
        cells.append(Cell(f"{number:,}", shows=shows | {"verdict": verdict}) if number else Cell("0", Tone.QUIET))
    cells.append(Cell(accuracy(score), Tone.STRONG if score.tally.is_known else Tone.BOUNDS))
    return [*cells, Cell(span(*score.interval))]
