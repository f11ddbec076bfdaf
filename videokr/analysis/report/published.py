"""The published table with our rows under it, and what lies between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.figures import NOTHING, count, points, signed, span
from videokr.analysis.report.lineup import Asked, Entry, Lineup, asked_of
from videokr.errors import UserError
from videokr.evaluation.benchmarks import COLUMNS, MEANS, PUBLISHED, missing_for, title_of
from videokr.evaluation.summary import mean_score
from videokr.page.table import Cell, Row, Section, Table, Tone

AGAINST = "VideoKR-Qwen3-VL-8B"
PARTIAL = "\u2020"
_NONE = Cell(NOTHING, Tone.QUIET)


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's accuracy on a benchmark, or the mean of several; shares of 1.

    Attributes:
        lowest, highest: that it can be; the same where every question has a verdict.
        interval: 95%.
        asked: how many questions.
    """

    lowest: float
    highest: float
    interval: tuple[float, float]
    asked: Asked

    @property
    def text(self) -> str:
        return points(self.lowest) if self.lowest == self.highest else span(self.lowest, self.highest)


def check_against(name: str) -> None:
    """
    Raises:
        UserError: no such row is published.
    """
    if name not in PUBLISHED:
        raise UserError(f"--against '{name}': published rows are {', '.join(PUBLISHED)}")


def published_table(lineup: Lineup, against: str) -> Table:
    """Every published row, then of each of our runs: scores, intervals, differences, questions.

    Args:
        against: the published row that ours are held against.
    """
    published = [Row(model, [Cell(f"{scores[name]:.1f}") for name in COLUMNS]) for model, scores in PUBLISHED.items()]
    of_runs = [(entry, standings(entry, lineup)) for entry in lineup.whole]
    ours = []
    for entry, stands in of_runs:
        rows = _rows(entry, stands, COLUMNS)
        rows.insert(
            1, Row(f"against {against}", [_against(stands.get(n), PUBLISHED[against][n]) for n in COLUMNS], True)
        )
        ours.append(Section(None, rows))
    told = [stand for _, stands in of_runs for name, stand in stands.items() if name in COLUMNS]
    return Table(
        caption="Accuracy in per cent beside the published results",
        corner="Model",
        columns=[title_of(name) for name in COLUMNS],
        groups=[(mean, len(tasks) + 1) for mean, tasks in MEANS.items()],
        sections=[Section("Published, 128 frames", published), *ours],
        notes=[
            "Published: arXiv 2606.05259, main results. General and Knowledge are plain means of their benchmarks.",
            f"Against {against}: points more or less; bold where the published score lies outside of our 95% interval, "
            "which says nothing of the uncertainty of the published one.",
            *_notes(told),
            *(_missing(entry) for entry in lineup.whole if _missing(entry)),
        ],
    )


def other_table(lineup: Lineup) -> Table | None:
    """Benchmarks of ours that the published table has not; None where there are none."""
    names = [name for name in lineup.benchmarks if name not in COLUMNS]
    of_runs = [(entry, standings(entry, lineup)) for entry in lineup.whole if set(names) & set(entry.answers)]
    if not of_runs:
        return None
    return Table(
        caption="Accuracy in per cent on other benchmarks",
        corner="Run",
        columns=[title_of(name) for name in names],
        sections=[Section(None, _rows(entry, stands, names)) for entry, stands in of_runs],
        notes=_notes(stand for _, stands in of_runs for name, stand in stands.items() if name in names),
    )


def standings(entry: Entry, lineup: Lineup) -> dict[str, Standing]:
    """By benchmark, and by mean where all of its benchmarks were asked."""
    stands = {
        name: Standing(score.lowest.value, score.highest.value, score.interval, asked_of(entry, name, lineup))
        for name, score in entry.scores.items()
    }
    for mean, names in MEANS.items():
        if missing_for(mean, stands):
            continue
        parts = [stands[name] for name in names]
        _, interval = mean_score([entry.scores[name] for name in names])
        stands[mean] = Standing(
            sum(part.lowest for part in parts) / len(parts),
            sum(part.highest for part in parts) / len(parts),
            interval,
            Asked(
                sum(part.asked.questions for part in parts),
                sum(part.asked.available for part in parts),
                [track for part in parts for track in part.asked.missing],
            ),
        )
    return stands


def _rows(entry: Entry, stands: Mapping[str, Standing], names: Sequence[str]) -> list[Row]:
    of = [(name, stands.get(name)) for name in names]
    return [
        Row(entry.label, [_score(entry, name, stand) for name, stand in of]),
        Row("95% interval", [_NONE if stand is None else Cell(span(*stand.interval)) for _, stand in of], True),
        Row(
            "questions", [_questions(stand.asked) if stand and name not in MEANS else _NONE for name, stand in of], True
        ),
    ]


def _score(entry: Entry, name: str, stand: Standing | None) -> Cell:
    if stand is None:
        return _NONE
    mark = f"{PARTIAL} " if stand.asked.is_partial else ""
    tone = Tone.STRONG if stand.lowest == stand.highest else Tone.BOUNDS
    shows = {"benchmark": name, "run": str(entry.number)} if name in entry.answers else None
    return Cell(mark + stand.text, tone, shows)


def _questions(asked: Asked) -> Cell:
    of_all = f" of {count(asked.available)}" if asked.questions < asked.available else ""
    without = f", no {', '.join(track.rpartition('_')[2] for track in asked.missing)}" if asked.missing else ""
    return Cell(f"{count(asked.questions)}{of_all}{without}", Tone.WARNING if asked.is_partial else Tone.PLAIN)


def _against(stand: Standing | None, published: float) -> Cell:
    """Points between the scores as they are shown, so that they add up."""
    if stand is None:
        return _NONE
    low, high = (100 * end for end in stand.interval)
    tone = Tone.BETTER if published < low else Tone.WORSE if published > high else Tone.PLAIN
    ends = dict.fromkeys(signed(round(100 * end, 1) - published) for end in (stand.lowest, stand.highest))
    return Cell(" to ".join(ends), tone)


def _notes(stands: Iterable[Standing]) -> list[str]:
    stands = list(stands)
    notes = []
    if any(stand.lowest != stand.highest for stand in stands):
        notes.append(
            "Two numbers: what the accuracy lies between, with every question that has no verdict wrong, or right."
        )
    if any(stand.asked.is_partial for stand in stands):
        notes.append(f"{PARTIAL} Not every question was asked: this is no score of the benchmark.")
    return notes


def _missing(entry: Entry) -> str:
    """Which means a run has not, and for want of what."""
    parts = []
    for mean in MEANS:
        missing = missing_for(mean, entry.answers)
        if missing:
            parts.append(f"{mean} without {', '.join(title_of(name) for name in missing)}")
    return f"{entry.label}: no mean of {'; '.join(parts)}." if parts else ""
