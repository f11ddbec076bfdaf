"""A run's folder: its card, its answered questions by task, and what follows from them."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from videokr.dialogue import tells_of_tool
from videokr.errors import UserError
from videokr.evaluation.answered import Answered, read_answers
from videokr.evaluation.benchmarks import MEANS, benchmark_of, title_of
from videokr.evaluation.card import CARD_FILE, RunCard, read_card
from videokr.evaluation.grounding import grounding_of
from videokr.evaluation.looks import looks_of
from videokr.evaluation.question_groups import GROUPED, group_scores
from videokr.evaluation.summary import Score, format_summary, mean_score, percent, score_of, summarize
from videokr.evaluation.unparsed import unparsed_lines
from videokr.evaluation.verdict import Verdict
from videokr.outputs import atomic_write
from videokr.response import Kind

ANSWERS_FOLDER = "answers"
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its card and its answers.

    Attributes:
        name: its folder's, for tables.
        answers: by task, each in the order asked.
    """

    folder: Path
    name: str
    card: RunCard
    answers: Mapping[str, tuple[Answered, ...]]

    def by_benchmark(self) -> dict[str, tuple[Answered, ...]]:
        """The answers with a benchmark's tracks together, under its task's name."""
        together: dict[str, list[Answered]] = defaultdict(list)
        for task, answers in self.answers.items():
            together[benchmark_of(task) or task].extend(answers)
        return {name: tuple(answers) for name, answers in together.items()}

    def means(self) -> dict[str, tuple[float | None, tuple[float, float]]]:
        """The published means of which every benchmark was asked, with their 95% intervals."""
        scores: dict[str, Score] = {name: score_of(answers) for name, answers in self.by_benchmark().items()}
        return {
            mean: mean_score([scores[name] for name in names])
            for mean, names in MEANS.items()
            if all(name in scores for name in names)
        }


def answers_path(folder: Path, task: str) -> Path:
    return folder / ANSWERS_FOLDER / f"{task}.jsonl"


def read_run(folder: Path) -> Run:
    """Reads a run from its folder.

    Raises:
        UserError: the folder holds no finished run, or one that cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder: give the folder of a run of local_script/eval_videokr.sh")
    card = read_card(folder)
    paths = sorted((folder / ANSWERS_FOLDER).glob("*.jsonl"))
    if not paths:
        raise UserError(f"'{folder}' holds a {CARD_FILE} and no answers: its run has not ended; start it again")
    name = folder.name or folder.resolve().name
    return Run(folder, name, card, {path.stem: tuple(read_answers(path)) for path in paths})


def write_summary(run: Run) -> None:
    """Everything that `format_run` shows, for machines, into the run's folder."""
    summaries = {}
    for name, answers in run.by_benchmark().items():
        others = {key: score.to_dict() for key, score in other_scores(run.card, name, answers).items()}
        summaries[name] = summarize(answers).to_dict() | others
    means = {
        mean: {"accuracy": value, "interval_95": list(interval)} for mean, (value, interval) in run.means().items()
    }
    with atomic_write(run.folder / SUMMARY_FILE) as aside:
        text = json.dumps({"benchmarks": summaries, "means": means}, indent=2, ensure_ascii=False)
        aside.write_text(f"{text}\n", encoding="utf-8")


def judge_gave_nothing(run: Run) -> bool:
    """Whether a judge was asked, and failed at each answer."""
    judged = [one.verdict for answers in run.answers.values() for one in answers if one.judge_reply is not None]
    return bool(judged) and all(verdict is Verdict.JUDGE_FAILED for verdict in judged)


def is_decided_by_rule(one: Answered) -> bool:
    """Whether an open answer is right or wrong, and no judge was asked."""
    is_decided = one.verdict in (Verdict.RIGHT, Verdict.WRONG) and one.judge_reply is None
    return one.example.kind is Kind.OPEN_ENDED and is_decided


def format_run(run: Run) -> str:
    """Every benchmark's table, then the published means."""
    parts = []
    for name, answers in run.by_benchmark().items():
        failed = [one.judge_reply for one in answers if one.verdict is Verdict.JUDGE_FAILED]
        notes = [f"Most of them: {Counter(failed).most_common(1)[0][0]}"] if failed else []
        ruled = Counter(one.verdict for one in answers if is_decided_by_rule(one))
        if ruled:
            right, wrong = ruled[Verdict.RIGHT], ruled[Verdict.WRONG]
            notes.append(f"{right + wrong} open answers are decided by rule alone: {right} right, {wrong} wrong.")
        notes += unparsed_lines(answers)
        notes += [line for score in other_scores(run.card, name, answers).values() for line in score.lines()]
        parts.append("\n".join([format_summary(title_of(name), summarize(answers)), *notes]))
    for mean, (value, (low, high)) in run.means().items():
        shown = "unknown" if value is None else percent(value)
        parts.append(f"{mean}: {shown}, 95% interval {percent(low)} to {percent(high)}")
    return "\n\n".join(parts)


class OtherScore(Protocol):
    """A score that stands beside accuracy."""

    def to_dict(self) -> dict[str, object]: ...

    def lines(self) -> list[str]: ...


def other_scores(card: RunCard, benchmark: str, answers: Sequence[Answered]) -> dict[str, OtherScore]:
    """What a benchmark's answers have beside accuracy, by the name that it has in the summary."""
    found: dict[str, OtherScore] = {}
    if benchmark in GROUPED:
        found["group_score"] = group_scores(
            (one.example.id, one.example.groups, one.verdict is Verdict.RIGHT) for one in answers
        )
    if grounding := grounding_of(answers):
        found["grounding"] = grounding
    if tells_of_tool(card.system_prompt):
        found["looks"] = looks_of(answers)
    return found
