"""The runs of a report, side by side: named apart, asked alike, scored once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import TITLES, TRACKS, benchmark_of
from videokr.evaluation.card import COMPARABLE, WORTH_SAYING, RunCard, differences
from videokr.evaluation.probe import Probe
from videokr.evaluation.run import Run, read_run
from videokr.evaluation.summary import Score, Summary, summarize

# A probe changes what is shown on purpose, and is held against the run without it.
ALIKE = tuple(name for name in COMPARABLE if name != "probe")


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of the report.

    Attributes:
        number: from 1, in the order given.
        label: its folder's name, made unlike the others'; never a path.
        answers, summaries: by benchmark, in the order of `benchmark_order`.
    """

    number: int
    label: str
    run: Run
    answers: Mapping[str, Sequence[Answered]]
    summaries: Mapping[str, Summary]

    @property
    def model(self) -> str:
        """The model's own name, without the folders that it lies in on some machine."""
        return model_name(self.run.card.model)

    @property
    def scores(self) -> dict[str, Score]:
        return {benchmark: summary.overall for benchmark, summary in self.summaries.items()}

    def is_same_model(self, other: "Entry") -> bool:
        mine, theirs = self.run.card, other.run.card
        if mine.model_fingerprint or theirs.model_fingerprint:
            return mine.model_fingerprint == theirs.model_fingerprint
        return (mine.model, mine.model_revision) == (theirs.model, theirs.model_revision)


@dataclass(frozen=True, slots=True)
class Lineup:
    """
    Attributes:
        mixed: a run that was not asked like the first, and in what; none but where that was asked for.
        unlike: a run that differs from the first in something else, and its name.
    """

    entries: Sequence[Entry]
    mixed: Sequence[tuple[Entry, str]]
    unlike: Sequence[tuple[Entry, str]]

    @property
    def whole(self) -> list[Entry]:
        """The runs that saw the videos as they are."""
        return [entry for entry in self.entries if entry.run.card.probe is None]

    @property
    def probes(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.run.card.probe is not None]

    @property
    def shown(self) -> list[Entry]:
        """The runs whose scores stand for themselves: the whole ones, or the probes where there are no others."""
        return self.whole or list(self.entries)

    @property
    def benchmarks(self) -> list[str]:
        """That any run was asked, in order."""
        return sorted({name for entry in self.entries for name in entry.answers}, key=benchmark_order)


def line_up(folders: Sequence[Path], mixed: bool) -> Lineup:
    """Reads and scores the runs.

    Args:
        mixed: whether runs that were asked differently may stand side by side.

    Raises:
        UserError: a folder holds no run, is given twice, or was asked with another prompt or budget than the first.
    """
    places = [folder.resolve() for folder in folders]
    twice = next((folder for number, folder in enumerate(folders) if places[number] in places[:number]), None)
    if twice is not None:
        raise UserError(f"'{twice}' is given twice: every run once")
    runs = [read_run(folder) for folder in folders]
    found = [(run, differences(runs[0].card, run.card, ALIKE)) for run in runs[1:]]
    unlike = next(((run, lines) for run, lines in found if lines), None)
    if unlike and not mixed:
        run, lines = unlike
        raise UserError(
            f"'{runs[0].folder}' and '{run.folder}' were not asked in the same way ({'; '.join(lines)}): their scores "
            "are not comparable; add --mixed to show them side by side all the same"
        )
    labels = name_apart([run.name for run in runs])
    entries = [enter(number, label, run) for number, (label, run) in enumerate(zip(labels, runs, strict=True), start=1)]
    return Lineup(
        entries=entries,
        mixed=[(entry, line) for entry, (_, lines) in zip(entries[1:], found, strict=True) for line in lines],
        unlike=[(entry, name) for entry in entries[1:] for name in _unlike(runs[0].card, entry.run.card)],
    )


def _unlike(first: RunCard, second: RunCard) -> list[str]:
    """What differs, by name. Questions with swapped videos are other questions to a card, and that is their point."""
    swapped = Probe.SWAPPED in (first.probe, second.probe)
    names = [name for name in WORTH_SAYING if not (swapped and name == "data")]
    return [line.partition(": ")[0] for line in differences(first, second, tuple(names))]


def enter(number: int, label: str, run: Run) -> Entry:
    by_benchmark = run.by_benchmark()
    answers = {name: by_benchmark[name] for name in sorted(by_benchmark, key=benchmark_order)}
    return Entry(number, label, run, answers, {name: summarize(asked) for name, asked in answers.items()})


def name_apart(names: Sequence[str]) -> list[str]:
    """The names, numbered where one comes more than once."""
    seen: Counter[str] = Counter()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return labels


def model_name(model: str) -> str:
    return PurePosixPath(model).name or model


def benchmark_order(name: str) -> tuple[int, str]:
    """Those we know in their own order, then the others by name."""
    known = list(TITLES)
    return (known.index(name) if name in known else len(known)), name


@dataclass(frozen=True, slots=True)
class Asked:
    """How much of a benchmark a run was asked.

    Attributes:
        available: questions that there are, as far as is known.
        missing: its tracks that were not asked.
    """

    questions: int
    available: int
    missing: Sequence[str] = ()

    @property
    def is_partial(self) -> bool:
        return self.questions < self.available or bool(self.missing)


def asked_of(entry: Entry, benchmark: str, lineup: Lineup) -> Asked:
    """The card says how many questions there are, or another run that was asked more."""
    tasks = [task for task in entry.run.answers if (benchmark_of(task) or task) == benchmark]
    available = 0
    for task in tasks:
        of_any = [len(other.run.answers.get(task, ())) for other in lineup.entries]
        available += max(*of_any, entry.run.card.data.get(task, {}).get("available", 0))
    missing = [] if benchmark in tasks else [track for track in TRACKS.get(benchmark, ()) if track not in tasks]
    return Asked(len(entry.answers[benchmark]), available, missing)
