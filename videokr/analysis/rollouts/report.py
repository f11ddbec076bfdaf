"""What a dump says: for people and for machines."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from videokr.analysis.rollouts.dump import CutLine
from videokr.analysis.rollouts.explanation import MEANINGS
from videokr.analysis.rollouts.signs import Name, Sign, find_signs
from videokr.analysis.rollouts.tally import Example, Habit, Spread, Tally, Totals, share
from videokr.reward import Accuracy

WIDTH, REASON_WIDTH = 110, 30  # columns
MOST_ROWS = 20  # of the table by step; more steps are taken together
TITLES = {
    Name.ANSWER_STUFFING: "answer stuffing",
    Name.REPEATED_BLOCKS: "repeated blocks",
    Name.REPEATED_TEXT: "repeated text",
    Name.GROWING_LENGTH: "growing length, flat accuracy",
    Name.EMPTY_FORM: "format without substance",
    Name.ONE_LETTER: "one letter for everything",
}
_VERDICTS = {True: "FIRES", False: "no", None: "-"}


@dataclass(frozen=True)
class Report:
    """A whole dump, counted.

    Attributes:
        files: of steps, those without rollouts included.
    """

    folder: Path
    accuracy: Accuracy
    files: int
    cut_lines: Sequence[CutLine]
    tally: Tally

    @cached_property
    def total(self) -> Totals:
        return Totals.of(self.tally.steps.values())

    @cached_property
    def signs(self) -> list[Sign]:
        return find_signs(self.tally)

    @property
    def group_size(self) -> int:
        """The most common number of rollouts in a group; of several the largest."""
        return max(self.total.sizes, key=lambda size: (self.total.sizes[size], size))

    @property
    def zeros(self) -> list[tuple[str, int]]:
        """Reasons of zeros with their counts, the most common first."""
        return sorted(self.total.zeros.items(), key=lambda entry: (-entry[1], entry[0]))


def as_json(report: Report) -> dict[str, Any]:
    """Everything; lengths in characters, shares in [0, 1], null where there is nothing to take a mean of."""
    total, size = report.total, report.group_size
    return {
        "folder": str(report.folder),
        "scored_by": report.accuracy.value,
        "files": report.files,
        "padded": report.tally.padded,
        "cut_lines": [asdict(line) for line in report.cut_lines],
        "differing_scores": {
            "count": report.tally.differing,
            "examples": [asdict(example) for example in report.tally.differing_examples.examples()],
        },
        "zeros": [
            {
                "reason": reason,
                "meaning": MEANINGS.get(reason),
                "count": count,
                "share": share(count, total.rollouts),
                "example": asdict(report.tally.zero_examples[reason]),
            }
            for reason, count in report.zeros
        ],
        "over_all": _numbers(total, size),
        "by_step": [{"step": step, **_numbers(totals, size)} for step, totals in report.tally.steps.items()],
        "signs": [asdict(sign) for sign in report.signs],
        "signs_looked_for_in_steps": sorted(report.tally.window & report.tally.steps.keys()),
    }


def _numbers(totals: Totals, size: int) -> dict[str, Any]:
    return {
        "rollouts": totals.rollouts,
        "without_verdict": totals.rollouts - totals.scored,
        "mean_score": totals.mean_score,
        "mean_accuracy": totals.mean_accuracy,
        "mean_format": totals.mean_format,
        "mean_length": totals.mean_length,
        "max_length": totals.longest,
        "cut_off_share": share(totals.cut_off, totals.rollouts),
        "reasons": _by_count(totals.reasons),
        "zeros": _by_count(totals.zeros),
        "groups": {
            "size": size,
            "count": totals.sizes.total(),
            "left_out": totals.left_out(size),
            "of_one": totals.sizes[1],
            **{spread.value: totals.spreads[spread] for spread in Spread},
            "without_variance_share": totals.unvaried_share,
        },
        "habits": {habit.value: totals.habits[habit] for habit in Habit},
        "letters": dict(sorted(totals.letters.items())),
        "gold_letters": dict(sorted(totals.gold_letters.items())),
    }


def _by_count(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def as_text(report: Report) -> str:
    """Zeros, groups, steps and signs, not wider than `WIDTH` columns."""
    sections = (_head(report), _zeros(report), _groups(report), _steps(report), _signs(report))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(report: Report) -> Iterator[str]:
    total, differing = report.total, report.tally.differing
    steps = list(report.tally.steps)
    yield _clipped(f"{report.folder}", WIDTH)
    of_steps = f"{_counted(len(steps), 'step')} ({_span(steps)})"
    yield f"{_counted(total.rollouts, 'rollout')} of {of_steps}, scored again by '{report.accuracy}'"
    if empty := report.files - len(steps):
        yield f"{_counted(empty, 'file')} without a whole rollout"
    if report.tally.padded:
        yield f"{_counted(report.tally.padded, 'rollout')} failed, and verl filled up with nothing: in no count below"
    for line in report.cut_lines:
        yield f"{line.file}, line {line.line}: cut line, skipped"
    if differing:
        other = next(accuracy for accuracy in Accuracy if accuracy is not report.accuracy)
        yield (
            f"{differing:,} of them ({differing / total.rollouts:.1%}) have another score in the dump: scored with "
            f"another accuracy? --accuracy {other}"
        )


def _zeros(report: Report) -> Iterator[str]:
    total = report.total
    zeros, unjudged = total.zeros.total(), total.rollouts - total.scored
    without = f" or none, {unjudged:,} of them no verdict" if unjudged else ""
    yield f"Zeros: {zeros:,} of {total.rollouts:,} rollouts have accuracy 0{without}"
    if not zeros:
        return
    width = min(max(len("reason"), *(len(reason) for reason in total.zeros)), REASON_WIDTH)
    yield f"  {'reason':<{width}}{'count':>10}{'of zeros':>10}{'of all':>9}"
    for reason, count in report.zeros:
        numbers = f"{count:>10,}{count / zeros:>10.1%}{count / total.rollouts:>9.1%}"
        yield _clipped(
            f"  {_clipped(reason, width):<{width}}{numbers}  {MEANINGS.get(reason, 'as the dump says')}", WIDTH
        )
        yield _example(report.tally.zero_examples[reason], 6)


def _groups(report: Report) -> Iterator[str]:
    total, size = report.total, report.group_size
    groups = total.spreads.total()
    if not groups:
        yield "Groups: none, as every prompt has one rollout"
        return
    yield f"Groups: {total.sizes.total():,} prompts, {size} rollouts each"
    for label, count in (
        ("scores vary", total.spreads[Spread.VARIED]),
        ("no variance, GRPO learns nothing", total.unvaried),
        ("  all full marks", total.spreads[Spread.ALL_FULL]),
        ("  all zero", total.spreads[Spread.ALL_ZERO]),
        ("  all equal otherwise", total.spreads[Spread.ALL_EQUAL]),
    ):
        yield f"  {label:<34}{count:>10,}{count / groups:>9.1%}"
    if total.sizes[1]:
        yield f"  {'of one rollout, in no share':<34}{total.sizes[1]:>10,}"
    yield f"  {f'left out: fewer than {size} rollouts':<34}{total.left_out(size):>10,}"


def _steps(report: Report) -> Iterator[str]:
    steps = report.tally.steps
    width = -(-len(steps) // MOST_ROWS)
    together = f", {width} together" if width > 1 else ""
    yield f"By step{together}: means; length in characters; groups without variance"
    labels = ("score", "accuracy", "format", "mean length", "max length", "cut off", "no variance")
    parts = list(_parts(steps, width))
    room = max(len("step"), *(len(_span(part)) for part in parts))
    yield f"  {'step':<{room}}{'rollouts':>10}" + "".join(f"{label:>{len(label) + 2}}" for label in labels)
    for part in parts:
        totals = Totals.of(steps[step] for step in part)
        shares = (share(totals.cut_off, totals.rollouts), totals.unvaried_share)
        values = (
            *(_number(mean, ".3f") for mean in (totals.mean_score, totals.mean_accuracy, totals.mean_format)),
            _number(totals.mean_length, ",.0f"),
            f"{totals.longest:,}",
            *(_number(one, ".1%") for one in shares),
        )
        cells = (f"{value:>{len(label) + 2}}" for label, value in zip(labels, values, strict=True))
        yield f"  {_span(part):<{room}}{totals.rollouts:>10,}" + "".join(cells)


def _signs(report: Report) -> Iterator[str]:
    window = sorted(report.tally.window & report.tally.steps.keys())
    firing = sum(sign.fires is True for sign in report.signs)
    where = f"{'step' if len(window) == 1 else 'steps'} {_span(window)}" if window else "no steps"
    yield f"Signs of reward hacking: {firing} of {len(report.signs)} fire ({where})"
    yield f"  {'sign':<30}{'figure':>8}{'fires':>9}  {'verdict'}"
    for sign in report.signs:
        limit = f"{'<' if sign.fires_below else '>'} {sign.threshold:.0%}"
        yield f"  {TITLES[sign.name]:<30}{_number(sign.figure, '.1%'):>8}{limit:>9}  {_VERDICTS[sign.fires]}"
        yield _clipped(f"    {sign.detail}", WIDTH)
        if sign.fires:
            yield from (_example(example, 6) for example in sign.examples)


def _example(example: Example, indent: int) -> str:
    """Where it stands and what it says, in one line; the uid is cut short, and whole in the JSON."""
    where = f"{example.step}.jsonl:{example.line}"
    said = f"output ends {example.output_end[-50:]!r}" if example.answer is None else f"answer {example.answer!r}"
    note = f" ({example.note})" if example.note else ""
    uid = f" {_short_uid(example.uid)}" if example.uid else ""
    gold = _clipped(repr(example.gold), 30)
    return _clipped(f"{'':<{indent}}{where}{uid}{note}: gold {gold}, {said}", WIDTH)


def _short_uid(uid: str) -> str:
    prompt, *numbers = uid.rsplit("_", 2)
    return "_".join((f"{prompt[:8]}..." if len(prompt) > 12 else prompt, *numbers))


def _parts(steps: Iterable[int], width: int) -> Iterator[list[int]]:
    remaining = iter(steps)
    while part := list(islice(remaining, width)):
        yield part


def _span(steps: Sequence[int]) -> str:
    return f"{steps[0]}-{steps[-1]}" if len(steps) > 1 else f"{steps[0]}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _clipped(text: str, columns: int) -> str:
    """The text in so many columns, its end left out where it is wider."""
    used = 0
    for place, mark in enumerate(text):
        used += 2 if unicodedata.east_asian_width(mark) in "WF" else 1
        if used > columns - 3 and _columns(text) > columns:
            return f"{text[:place]}..."
    return text


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)
