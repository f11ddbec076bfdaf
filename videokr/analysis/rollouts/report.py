"""What a dump says: for people and for machines."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from videokr.analysis.rollouts.evidence import Check
from videokr.analysis.rollouts.hacking_checks import run_checks
from videokr.analysis.rollouts.rollout import NoVerdict
from videokr.analysis.rollouts.tally import DIFFERING, UNVARIED, VARIED, Tally, Totals
from videokr.dialogue import CallFault
from videokr.reward import Accuracy, Reason

WIDTH, MAX_REASON_WIDTH = 110, 30  # columns
MAX_ROWS = 20  # of the table by step; more steps are taken together
TITLES = {
    Check.ANSWER_STUFFING: "answer stuffing",
    Check.REPEATED_BLOCKS: "repeated blocks",
    Check.REPEATED_TEXT: "repeated text",
    Check.GROWING_LENGTH: "growing length, flat accuracy",
    Check.EMPTY_FORM: "format without substance",
    Check.ONE_LETTER: "one letter for everything",
}
# Why a rollout earned no accuracy.
MEANINGS: dict[str, str] = {
    Reason.NO_ANSWER: "no answer block outside the thinking",
    Reason.CUT_OFF: "ends inside a block: most likely at the length limit",
    Reason.EMPTY_ANSWER: "the answer block is empty",
    Reason.SPECIAL_TOKEN: "a mark of the hosts', such as <video>, stands in the answer",
    Reason.WRONG: "another answer than the gold one",
    Reason.NO_LETTER: "the answer names no option, or several",
    Reason.NOT_AN_OPTION: "a letter beyond the options",
    Reason.NO_SPAN: "the answer names no span of time",
    Reason.WRONG_NUMBER: "another number than the gold one",
    Reason.WRONG_UNIT: "the gold number with another unit",
    Reason.TOO_LONG: "the answer is too long to be compared",
    Reason.JUDGED_WRONG: "the judge says that it is wrong",
    NoVerdict.EMPTY_GOLD: "the gold answer is empty: mend the data",
    NoVerdict.BAD_GOLD: "the gold answer names no option or span, or holds a tag: mend the data",
    NoVerdict.UNKNOWN_PROMPT: "the prompt is not of this project, so the kind of question is not known",
    NoVerdict.JUDGE_FAILED: "the judge gave no verdict",
}
VERDICTS = {True: "FIRES", False: "no", None: "-"}
# Columns of the table by step: label, value, format.
STEP_COLUMNS: tuple[tuple[str, Callable[[Totals], float | None], str], ...] = (
    ("score", lambda totals: totals.mean("score"), ".3f"),
    ("accuracy", lambda totals: totals.mean("accuracy", "scored"), ".3f"),
    ("format", lambda totals: totals.mean("format"), ".3f"),
    ("mean length", lambda totals: totals.mean("length"), ",.0f"),
    ("max length", lambda totals: totals.longest, ","),
    ("cut off", lambda totals: totals.mean("reason/cut_off"), ".1%"),
    ("no variance", lambda totals: totals.mean("unvaried", "compared"), ".1%"),
)


def as_json(tally: Tally) -> dict[str, Any]:
    """Everything; lengths in characters, shares in [0, 1], null where there is nothing to take a mean of."""
    total = tally.total
    return {
        "folder": str(tally.folder),
        "scored_by": tally.accuracy.value,
        "files": tally.files,
        "padded": tally.padded,
        "cut_lines": tally.cut_lines,
        "differing_scores": {"count": total.sums[DIFFERING], "examples": tally.examples_of(DIFFERING)},
        "zeros": [
            {
                "reason": reason,
                "meaning": MEANINGS.get(reason),
                "count": count,
                "share": total.mean(f"zero/{reason}"),
                "example": tally.examples_of(f"zero/{reason}")[0],
            }
            for reason, count in total.by("zero").items()
        ],
        "over_all": _numbers(total, tally.group_size),
        "by_step": [{"step": step, **_numbers(totals, tally.group_size)} for step, totals in tally.steps.items()],
        "signs": [asdict(finding) for finding in run_checks(tally)],
        "signs_looked_for_in_steps": tally.window_steps,
    }


def _numbers(totals: Totals, group_size: int) -> dict[str, Any]:
    sums = totals.sums
    return {
        "rollouts": sums["rollouts"],
        "without_verdict": sums["rollouts"] - sums["scored"],
        "mean_score": totals.mean("score"),
        "mean_accuracy": totals.mean("accuracy", "scored"),
        "mean_format": totals.mean("format"),
        "mean_length": totals.mean("length"),
        "max_length": totals.longest,
        "cut_off_share": totals.mean("reason/cut_off"),
        "reasons": totals.by("reason"),
        "zeros": totals.by("zero"),
        "groups": {
            "size": group_size,
            "count": sums["groups"],
            "left_out": totals.groups_below(group_size),
            "of_one": sums["group_size/1"],
            **{spread: sums[f"spread/{spread}"] for spread in (VARIED, *UNVARIED)},
            "without_variance_share": totals.mean("unvaried", "compared"),
        },
        "dialogues": {name: sums[name] for name in ("dialogues", "looked", "rounds", "calls", "broken_calls")}
        | {"iou": totals.mean("iou", "paid_looks")}
        | {"broken": totals.by("broken")},
    }


def as_text(tally: Tally) -> str:
    """Zeros, groups, steps and checks, not wider than `WIDTH` columns."""
    sections = map(
        list, (_head(tally), _zeros(tally), _dialogues(tally), _groups(tally), _steps(tally), _checks(tally))
    )
    return "\n\n".join("\n".join(_clipped(line, WIDTH) for line in section) for section in sections if section) + "\n"


def _head(tally: Tally) -> Iterator[str]:
    rollouts, differing, steps = tally.total.sums["rollouts"], tally.total.sums[DIFFERING], list(tally.steps)
    yield f"{tally.folder}"
    of_steps = f"{_counted(len(steps), 'step')} ({_span(steps)})"
    yield f"{_counted(rollouts, 'rollout')} of {of_steps}, scored again by '{tally.accuracy}'"
    if empty := tally.files - len(steps):
        yield f"{_counted(empty, 'file')} without a whole rollout"
    if tally.padded:
        yield f"{_counted(tally.padded, 'rollout')} failed, and verl filled up with nothing: in no count below"
    for line in tally.cut_lines:
        yield f"{line['file']}, line {line['line']}: cut line, skipped"
    if differing:
        other = next(accuracy for accuracy in Accuracy if accuracy is not tally.accuracy)
        yield (
            f"{differing:,} of them ({differing / rollouts:.1%}) have another score in the dump: scored with "
            f"another accuracy? --accuracy {other}"
        )


def _zeros(tally: Tally) -> Iterator[str]:
    reasons, rollouts = tally.total.by("zero"), tally.total.sums["rollouts"]
    zeros, unscored = sum(reasons.values()), rollouts - tally.total.sums["scored"]
    without = f" or none, {unscored:,} of them no verdict" if unscored else ""
    yield f"Zeros: {zeros:,} of {rollouts:,} rollouts have accuracy 0{without}"
    if not zeros:
        return
    width = min(max(map(len, ("reason", *reasons))), MAX_REASON_WIDTH)
    yield f"  {'reason':<{width}}{'count':>10}{'of zeros':>10}{'of all':>9}"
    for reason, count in reasons.items():
        numbers = f"{count:>10,}{count / zeros:>10.1%}{count / rollouts:>9.1%}"
        yield f"  {_clipped(reason, width):<{width}}{numbers}  {MEANINGS.get(reason, 'as the dump says')}"
        yield _example(tally.examples_of(f"zero/{reason}")[0])


def _dialogues(tally: Tally) -> Iterator[str]:
    total, steps = tally.total, list(tally.steps)
    if not total.sums["dialogues"]:
        return
    first, last = (_number(tally.steps[step].mean("looked", "dialogues"), ".1%") for step in (steps[0], steps[-1]))
    over_all, rounds = total.mean("looked", "dialogues"), total.mean("rounds", "looked")
    yield f"Dialogues: {_number(over_all, '.1%')} look again ({first} in step {steps[0]}, {last} in step {steps[-1]})"
    broken, calls = _number(total.mean("broken_calls", "calls"), ".1%"), total.sums["calls"]
    yield f"  rounds of those that look {_number(rounds, '.2f')}, broken calls {broken} of {calls:,}"
    if total.sums["paid_looks"]:
        found = _number(total.mean("iou", "paid_looks"), ".1%")
        yield f"  IoU of the last look {found}, of the {total.sums['paid_looks']:,} right answers that look"
    for name, count in total.by("broken").items():
        yield f"  {name:<12}{count:>10,}  {CallFault[name.upper()]}"


def _groups(tally: Tally) -> Iterator[str]:
    sums, size = tally.total.sums, tally.group_size
    compared = sums["compared"]
    if not compared:
        yield "Groups: none, as every prompt has one rollout"
        return
    yield f"Groups: {sums['groups']:,} prompts, {size} rollouts each"
    rows = {"scores vary": sums[f"spread/{VARIED}"], "no variance, GRPO learns nothing": sums["unvaried"]}
    rows |= {f"  {label}": sums[f"spread/{spread}"] for spread, label in UNVARIED.items()}
    for label, count in rows.items():
        yield f"  {label:<34}{count:>10,}{count / compared:>9.1%}"
    if sums["group_size/1"]:
        yield f"  {'of one rollout, in no share':<34}{sums['group_size/1']:>10,}"
    yield f"  {f'left out: fewer than {size} rollouts':<34}{tally.total.groups_below(size):>10,}"


def _steps(tally: Tally) -> Iterator[str]:
    steps = list(tally.steps)
    together = -(-len(steps) // MAX_ROWS)
    parts = [steps[start : start + together] for start in range(0, len(steps), together)]
    width = max(len("step"), *(len(_span(part)) for part in parts))
    shown_together = f", {together} together" if together > 1 else ""
    yield f"By step{shown_together}: means; length in characters; groups without variance"
    yield f"  {'step':<{width}}{'rollouts':>10}" + "".join(f"  {label}" for label, _, _ in STEP_COLUMNS)
    for part in parts:
        totals = Totals.of(tally.steps[step] for step in part)
        cells = (f"  {_number(value(totals), form):>{len(label)}}" for label, value, form in STEP_COLUMNS)
        yield f"  {_span(part):<{width}}{totals.sums['rollouts']:>10,}" + "".join(cells)


def _checks(tally: Tally) -> Iterator[str]:
    findings, window = run_checks(tally), tally.window_steps
    firing = sum(finding.fires is True for finding in findings)
    where = f"{'step' if len(window) == 1 else 'steps'} {_span(window)}" if window else "no steps"
    yield f"Signs of reward hacking: {firing} of {len(findings)} fire ({where})"
    yield f"  {'sign':<30}{'figure':>8}{'fires':>9}  {'verdict'}"
    for finding in findings:
        limit = f"{'<' if finding.fires_below else '>'} {finding.threshold:.0%}"
        figure = _number(finding.figure, ".1%")
        yield f"  {TITLES[finding.name]:<30}{figure:>8}{limit:>9}  {VERDICTS[finding.fires]}"
        yield f"    {finding.detail}"
        if finding.fires:
            yield from map(_example, finding.examples)


def _example(example: dict[str, Any]) -> str:
    """Where it stands and what it says, in one line; the uid is cut short, and whole in the JSON."""
    answer = f"answer {example['answer']!r}"
    if example["answer"] is None:
        answer = f"output ends {example['output_end'][-50:]!r}"
    uid = f" {_short_uid(example['uid'])}" if example["uid"] else ""
    note = f" ({example['note']})" if example["note"] else ""
    gold = _clipped(repr(example["gold"]), 30)
    return f"      {example['step']}.jsonl:{example['line']}{uid}{note}: gold {gold}, {answer}"


def _short_uid(uid: str) -> str:
    prompt, *numbers = uid.rsplit("_", 2)
    return "_".join((f"{prompt[:8]}..." if len(prompt) > 12 else prompt, *numbers))


def _span(steps: Sequence[int]) -> str:
    return f"{steps[0]}-{steps[-1]}" if len(steps) > 1 else f"{steps[0]}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _clipped(text: str, columns: int) -> str:
    """The text in so many columns, its end left out where it is wider."""
    widths = [2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text]
    if sum(widths) <= columns:
        return text
    return text[: sum(end <= columns - 3 for end in accumulate(widths))] + "..."
