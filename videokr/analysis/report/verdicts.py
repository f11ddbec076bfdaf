"""What became of the questions: five counts that are never added up under another's name."""

from videokr.analysis.report.figures import accuracy, count, span
from videokr.analysis.report.lineup import Entry, Lineup
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import Score
from videokr.evaluation.verdict import OPEN, Verdict
from videokr.page.table import Cell, Row, Section, Table, Tone

NAMES = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


def verdict_table(lineup: Lineup) -> Table:
    """Of each benchmark, a row a run."""
    open_ones = any(
        score.tally.counts[verdict] for entry in lineup.entries for score in entry.scores.values() for verdict in OPEN
    )
    if len(lineup.entries) == 1:
        (entry,) = lineup.entries
        rows = [Row(title_of(name), _cells(entry, name, score)) for name, score in entry.scores.items()]
        sections = [Section(None, rows)]
    else:
        sections = [
            Section(
                title_of(name),
                [
                    Row(entry.label, _cells(entry, name, entry.scores[name]))
                    for entry in lineup.entries
                    if name in entry.scores
                ],
            )
            for name in lineup.benchmarks
        ]
    return Table(
        caption="Verdicts",
        corner="Benchmark" if len(lineup.entries) == 1 else "Run",
        columns=["asked", *NAMES.values(), "accuracy", "95% interval"],
        sections=sections,
        notes=[
            "Accuracy is right over asked. Unparsed: no answer could be read from the response; it counts as wrong.",
            *(
                ["Unscored: answered, and no judge was there. Judge failed: answered, and the judge gave no verdict."]
                if open_ones
                else []
            ),
        ],
    )


def _cells(entry: Entry, benchmark: str, score: Score) -> list[Cell]:
    shows = {"benchmark": benchmark, "run": str(entry.number)}
    counts = [score.tally.counts[verdict] for verdict in Verdict]
    return [
        Cell(count(score.tally.asked), shows=shows),
        *(
            Cell(count(number), Tone.PLAIN if number else Tone.QUIET, shows | {"verdict": verdict} if number else None)
            for verdict, number in zip(Verdict, counts, strict=True)
        ),
        Cell(accuracy(score), Tone.STRONG if score.tally.is_known else Tone.BOUNDS),
        Cell(span(*score.interval)),
    ]
