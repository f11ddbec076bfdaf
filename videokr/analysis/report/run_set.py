"""The runs of a report, side by side: named apart, asked alike, scored once; and their cards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from videokr.analysis.report.figures import NOTHING
from videokr.budget import BY_TIME, VideoBudget
from videokr.dialogue import tells_of_tool
from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import TITLES
from videokr.evaluation.card import COMPARABLE, WORTH_SAYING, RunCard, differences
from videokr.evaluation.probe import Probe
from videokr.evaluation.run import Run, read_run
from videokr.evaluation.summary import Score, Summary, summarize
from videokr.evaluation.verdict import NOT_ASKED
from videokr.page.table import Cell, Row, Section, Table, Tone

# A probe changes what is shown on purpose, and is held against the run without it.
ALIKE = tuple(name for name in COMPARABLE if name != "probe")
DIFFERS = "\u2260"
DIGEST_LENGTH = 12  # characters shown
NO_VALUE = "none"


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of the report."""

    number: int  # from 1, in the order given
    label: str  # its folder's name, made unlike the others'; never a path
    run: Run
    answers: Mapping[str, Sequence[Answered]]  # by benchmark, in the order of `benchmark_order`, as `summaries`
    summaries: Mapping[str, Summary]

    @property
    def card(self) -> RunCard:
        return self.run.card

    @property
    def colour(self) -> str:
        """Its class in the style sheet, which has six."""
        return f"run-{(self.number - 1) % 6}"

    @property
    def model(self) -> str:
        """The model's own name, without the folders that it lies in on some machine."""
        return model_name(self.card.model)

    @property
    def about(self) -> str:
        """What the label does not say; may be empty."""
        model = [self.model] if self.model != self.label else []
        return ", ".join(model + ([f"probe: {self.card.probe}"] if self.card.probe else []))

    @property
    def scores(self) -> dict[str, Score]:
        return {benchmark: summary.overall for benchmark, summary in self.summaries.items()}

    def is_same_model(self, other: "RunView") -> bool:
        mine, theirs = self.card, other.card
        if mine.model_fingerprint or theirs.model_fingerprint:
            return mine.model_fingerprint == theirs.model_fingerprint
        return (mine.model, mine.model_revision) == (theirs.model, theirs.model_revision)


@dataclass(frozen=True, slots=True)
class RunSet:
    """The runs of one report."""

    views: Sequence[RunView]
    mixed: Sequence[tuple[RunView, str]]  # not asked like the first, and in what; none but where that was allowed
    unlike: Sequence[tuple[RunView, str]]  # differs from the first in something else, and its name

    @property
    def whole(self) -> list[RunView]:
        """The runs that saw the videos as they are."""
        return [view for view in self.views if view.card.probe is None]

    @property
    def probes(self) -> list[RunView]:
        return [view for view in self.views if view.card.probe is not None]

    @property
    def scored(self) -> list[RunView]:
        """The runs whose scores stand for themselves: the whole ones, or the probes where there are no others."""
        return self.whole or list(self.views)

    @property
    def benchmarks(self) -> list[str]:
        """That any run was asked, in order."""
        return sorted({name for view in self.views for name in view.answers}, key=benchmark_order)

    @property
    def budgets(self) -> str:
        """The frame budgets of the runs, each once."""
        return "; or ".join(dict.fromkeys(budget_text(view.card.budget) for view in self.views))


def read_run_set(folders: Sequence[Path], mixed: bool) -> RunSet:
    """Reads and scores the runs.

    UserError where a folder holds no run, or is given twice; unless `mixed`, where runs were asked differently.
    """
    places = [folder.resolve() for folder in folders]
    twice = next((folder for number, folder in enumerate(folders) if places[number] in places[:number]), None)
    if twice is not None:
        raise UserError(f"'{twice}' is given twice: every run once")
    runs = [read_run(folder) for folder in folders]
    lines_of = [differences(runs[0].card, run.card, ALIKE) for run in runs]
    for run, lines in zip(runs, lines_of, strict=True):
        if lines and not mixed:
            raise UserError(
                f"'{runs[0].folder}' and '{run.folder}' were not asked in the same way ({'; '.join(lines)}): their "
                "scores are not comparable; add --mixed to show them side by side all the same"
            )
    views = []
    names: Counter[str] = Counter()
    for number, run in enumerate(runs, start=1):
        names[run.name] += 1
        label = run.name if names[run.name] == 1 else f"{run.name} ({names[run.name]})"
        by_benchmark = run.by_benchmark()
        answers = {name: by_benchmark[name] for name in sorted(by_benchmark, key=benchmark_order)}
        views.append(RunView(number, label, run, answers, {name: summarize(of) for name, of in answers.items()}))
    return RunSet(
        views=views,
        mixed=[(view, line) for view, lines in zip(views, lines_of, strict=True) for line in lines],
        unlike=[(view, name) for view in views for name in _unlike(runs[0].card, view.card)],
    )


def _unlike(first: RunCard, second: RunCard) -> list[str]:
    """What differs, by name. Questions with swapped videos are other questions to a card, and that is their point."""
    swapped = Probe.SWAPPED in (first.probe, second.probe)
    names = [name for name in WORTH_SAYING if not (swapped and name == "data")]
    return [line.partition(": ")[0] for line in differences(first, second, tuple(names))]


def model_name(model: str) -> str:
    return PurePosixPath(model).name or model


def budget_text(budget: VideoBudget) -> str:
    """A frame budget in one line."""
    return (
        f"{budget.fps:g} frames a second, at most {budget.max_frames:,}, each of at most "
        f"{budget.max_pixels:,} pixels{', even in time' if budget.sampling == BY_TIME else ''}"
    )


def benchmark_order(name: str) -> tuple[int, str]:
    """Those we know in their own order, then the others by name."""
    known = list(TITLES)
    return (known.index(name) if name in known else len(known)), name


def card_table(run_set: RunSet) -> Table:
    """One column a run, one row a fact; a row in which the runs differ is marked."""
    cards = [view.card for view in run_set.views]
    tasks = list(dict.fromkeys(task for card in cards for task in card.data))
    packages = list(dict.fromkeys(name for card in cards for name in card.versions))
    facts = [_facts(card, tasks, packages) for card in cards]
    sections = []
    notes = [f"Of digests (SHA-256), the first {DIGEST_LENGTH} characters."]
    for title, labels in facts[0].items():
        rows = []
        for label in labels:
            texts = [of_card[title][label] for of_card in facts]
            if len(set(texts)) == 1:
                rows.append(Row(label, [Cell(text) for text in texts]))
            else:
                rows.append(Row(f"{label} {DIFFERS}", [Cell(text, Tone.WARNING) for text in texts]))
                notes[1:] = [f"{DIFFERS} The runs differ."]
        sections.append(Section(title, rows))
    return Table("Run cards", "Run", [view.label for view in run_set.views], sections, notes=notes, is_numeric=False)


def _facts(card: RunCard, tasks: Sequence[str], packages: Sequence[str]) -> dict[str | None, dict[str, str]]:
    """What a card says, by section and label, of these tasks and packages."""
    return {
        None: {
            "model": model_name(card.model),
            "model fingerprint": _digest(card.model_fingerprint),
            "model revision": _digest(card.model_revision),
            "prompt": _digest(card.prompt_sha256),
            "wording": _text(card.wording),
            "system prompt": "tells of the crop tool"
            if tells_of_tool(card.system_prompt)
            else _text(card.system_prompt),
            "probe": _text(card.probe),
            "judge": _judge(card.judge),
            "answers read by": _text(card.extractor),
            "generation": card.generation or "as the tasks have it",
            "seed": _text(card.sampling_seed),
            "probe's seed": _text(card.seed),
            "backend": _text(card.backend),
            "context, tokens": f"{card.max_model_len:,}",
            "videos": _videos(card.videos),
        },
        "Video budget": {
            part.name.replace("_", " "): _number(getattr(card.budget, part.name)) for part in fields(VideoBudget)
        },
        "Questions": {task: _questions(card.data.get(task)) for task in tasks},
        "Versions": {name: _text(card.versions.get(name)) for name in packages},
    }


def _questions(data: Mapping[str, object] | None) -> str:
    if data is None:
        return NOTHING
    not_asked = [f"{data[verdict]} {verdict.replace('_', ' ')}" for verdict in NOT_ASKED if data.get(verdict)]
    return ", ".join([_number(data.get("questions")), *not_asked, _digest(data.get("sha256"))])


def _judge(judge: Mapping[str, str] | None) -> str:
    if judge is None:
        return NO_VALUE
    # Without its address: the page is published, and that may be a machine of one's own.
    published = {name: value for name, value in judge.items() if name != "address"}
    return ", ".join(_digest(value) if name.endswith("sha256") else value for name, value in published.items())


def _videos(reading: Mapping[str, bool] | None) -> str:
    if reading is None:
        return NOTHING
    read = "proxies where there are any" if reading["proxies"] else "originals"
    return read if reading["fast"] else f"{read}, fast path off"


def _digest(value: object) -> str:
    return _text(value) if value is None else str(value)[:DIGEST_LENGTH]


def _text(value: object) -> str:
    return NO_VALUE if value is None else str(value)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else _text(value)
