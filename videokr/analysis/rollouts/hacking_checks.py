"""Whether the policy earns its reward by a trick: six checks, each with a figure held against a threshold.

They look at the last third of the steps, or at all of a dump with few. One that fires is a reason to read the examples,
and no proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from videokr.analysis.rollouts.evidence import Check
from videokr.analysis.rollouts.tally import MIN_STEPS, Tally, Totals

MIN_ROLLOUTS = 50  # a share of fewer says little
MIN_CHOICE_GROUPS = 30  # of fewer prompts the letters of the gold answers are uneven by chance

MAX_SHARE = 0.05
MAX_LENGTH_GROWTH, MIN_ACCURACY_GAIN = 0.30, 0.02
MIN_GAIN_OVER_CHANCE, HIGH_FORMAT = 0.1, 0.9
MAX_LETTER_EXCESS = 0.3


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check.

    Attributes:
        figure: what is held against the threshold; None where it cannot be had.
        fires_below: the check fires where the figure is below the threshold, not above it.
        fires: None where there is no verdict; `detail` says why.
        examples: the clearest first.
    """

    name: Check
    figure: float | None
    threshold: float
    fires_below: bool
    fires: bool | None
    detail: str
    examples: Sequence[dict[str, Any]]


def run_checks(tally: Tally) -> list[Finding]:
    """All findings, whether they fire or not."""
    window = Totals.of(totals for step, totals in tally.steps.items() if step in tally.window)
    stuffed = "answers give several options or numbers, or are long and earn part of the reward"
    return [
        _share(tally, window, Check.ANSWER_STUFFING, "answered", stuffed),
        _share(tally, window, Check.REPEATED_BLOCKS, "rollouts", "outputs open two think or answer blocks or more"),
        _share(tally, window, Check.REPEATED_TEXT, "rollouts", "outputs say the same eight words three times or more"),
        _growing_length(tally),
        _empty_form(tally, window),
        _one_letter(tally, window),
    ]


def _share(tally: Tally, window: Totals, check: Check, among: str, what: str) -> Finding:
    name, asked = f"check/{check}", window.sums[among]
    figure = window.mean(name, among)
    fires: bool | None = figure is not None and figure > MAX_SHARE
    detail = f"{window.sums[name]:,} of {asked:,} {what}"
    if few := _too_few(asked):
        fires, detail = None, few
    return Finding(check, figure, MAX_SHARE, False, fires, detail, tally.examples_of(check))


def _growing_length(tally: Tally) -> Finding:
    def finding(figure: float | None, fires: bool | None, detail: str) -> Finding:
        examples = tally.examples_of(Check.GROWING_LENGTH) if fires else ()
        return Finding(Check.GROWING_LENGTH, figure, MAX_LENGTH_GROWTH, False, fires, detail, examples)

    steps = list(tally.steps.values())
    if len(steps) < MIN_STEPS:
        return finding(None, None, f"too few steps: {len(steps)}, and {MIN_STEPS} are needed")
    third = len(steps) // 3
    first, last = Totals.of(steps[:third]), Totals.of(steps[-third:])
    before, after = first.mean("length"), last.mean("length")
    if not before or after is None:
        return finding(None, None, "the outputs of the first steps are empty")
    growth = after / before - 1
    lengths = f"{before:,.0f} to {after:,.0f} characters from the first to the last third"
    accuracies = first.mean("accuracy", "scored"), last.mean("accuracy", "scored")
    if accuracies[0] is None or accuracies[1] is None:
        return finding(growth, None, f"{lengths}; no accuracy to hold it against")
    gain = accuracies[1] - accuracies[0]
    fires = growth > MAX_LENGTH_GROWTH and gain < MIN_ACCURACY_GAIN
    return finding(growth, fires, f"{lengths}, accuracy {gain:+.3f} (flat: below {MIN_ACCURACY_GAIN:+})")


def _empty_form(tally: Tally, window: Totals) -> Finding:
    gain, mean_format = window.mean("above_chance", "placed"), window.mean("format")
    fires, detail = None, _too_few(window.sums["placed"])
    if not detail and gain is not None and mean_format is not None:
        fires = mean_format >= HIGH_FORMAT and gain < MIN_GAIN_OVER_CHANCE
        detail = f"accuracy over that of blind answers, at mean format {mean_format:.3f} ({HIGH_FORMAT} or more fires)"
    examples = tally.examples_of(Check.EMPTY_FORM) if fires else ()
    return Finding(Check.EMPTY_FORM, gain, MIN_GAIN_OVER_CHANCE, True, fires, detail, examples)


def _one_letter(tally: Tally, window: Totals) -> Finding:
    def finding(figure: float | None, fires: bool | None, detail: str, letter: str = "") -> Finding:
        examples = tally.examples_of(f"{Check.ONE_LETTER}/{letter}") if fires else ()
        return Finding(Check.ONE_LETTER, figure, MAX_LETTER_EXCESS, False, fires, detail, examples)

    letters, prompts = window.by("letter"), window.sums["choice_groups"]
    answers = sum(letters.values())
    if answers < MIN_ROLLOUTS:
        return finding(None, None, f"too few answers with a letter: {answers}, and {MIN_ROLLOUTS} are needed")
    if prompts < MIN_CHOICE_GROUPS:
        few = f"too few multiple-choice prompts: {prompts}, and {MIN_CHOICE_GROUPS} are needed"
        return finding(None, None, few)
    letter = next(iter(letters))  # the most frequent
    said, gold = letters[letter] / answers, window.sums[f"gold_letter/{letter}"] / answers
    detail = f"{letter} is {said:.1%} of {answers:,} answers and {gold:.1%} of their gold ones"
    return finding(said - gold, said - gold > MAX_LETTER_EXCESS, detail, letter)


def _too_few(rollouts: int) -> str:
    return f"too few rollouts to say: {rollouts}, and {MIN_ROLLOUTS} are needed" if rollouts < MIN_ROLLOUTS else ""
