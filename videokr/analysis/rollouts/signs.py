"""Signs that the policy earns its reward by a trick, each held against a threshold.

They are looked for in the last third of the steps, which is the policy as it is now; in all steps of a dump with fewer
than six. A sign is a reason to read the examples, and no proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from videokr.analysis.rollouts.tally import Example, Habit, Tally, Totals, share

LEAST_STEPS = 6  # with fewer there are no thirds to compare
LEAST_ROLLOUTS = 50  # a share of fewer says little
LEAST_CHOICE_PROMPTS = 30  # of fewer prompts the letters of the gold answers are uneven by chance

HABIT_SHARE = 0.05
LENGTH_GROWTH, FLAT_GAIN = 0.30, 0.02
MEAN_FORMAT, GAIN_OVER_CHANCE = 0.9, 0.1
LETTER_EXCESS = 0.3


class Name(StrEnum):
    ANSWER_STUFFING = "answer_stuffing"
    REPEATED_BLOCKS = "repeated_blocks"
    REPEATED_TEXT = "repeated_text"
    GROWING_LENGTH = "growing_length"
    EMPTY_FORM = "format_without_substance"
    ONE_LETTER = "one_letter"


@dataclass(frozen=True, slots=True)
class Sign:
    """
    Attributes:
        figure: what is held against the threshold; None where it cannot be had.
        fires_below: the sign fires where the figure is below the threshold, not above it.
        fires: None where there is no verdict; `detail` says why.
        examples: the worst first.
    """

    name: Name
    figure: float | None
    threshold: float
    fires_below: bool
    fires: bool | None
    detail: str
    examples: tuple[Example, ...] = ()


def window_of(steps: Sequence[int]) -> frozenset[int]:
    """The steps that signs are looked for in."""
    return frozenset(steps[-(len(steps) // 3) :] if len(steps) >= LEAST_STEPS else steps)


def find_signs(tally: Tally) -> list[Sign]:
    """All signs, whether they fire or not."""
    window = Totals.of(totals for step, totals in tally.steps.items() if step in tally.window)
    return [
        _habit(
            Name.ANSWER_STUFFING,
            tally,
            window,
            Habit.STUFFED_ANSWER,
            window.answered,
            "answers give several options or numbers, or are long and earn part of the reward",
        ),
        _habit(
            Name.REPEATED_BLOCKS,
            tally,
            window,
            Habit.REPEATED_BLOCKS,
            window.rollouts,
            "outputs open two think or answer blocks or more",
        ),
        _habit(
            Name.REPEATED_TEXT,
            tally,
            window,
            Habit.REPEATED_TEXT,
            window.rollouts,
            "outputs say the same eight words three times or more",
        ),
        _growing_length(tally),
        _empty_form(tally, window),
        _one_letter(tally, window),
    ]


def _habit(name: Name, tally: Tally, window: Totals, habit: Habit, among: int, says: str) -> Sign:
    count, worst = window.habits[habit], tally.by_habit[habit].examples()
    figure = share(count, among)
    detail = f"{count:,} of {among:,} {says}"
    if among < LEAST_ROLLOUTS:
        return Sign(name, figure, HABIT_SHARE, False, None, _too_few(among), worst)
    return Sign(name, figure, HABIT_SHARE, False, figure is not None and figure > HABIT_SHARE, detail, worst)


def _growing_length(tally: Tally) -> Sign:
    name, steps = Name.GROWING_LENGTH, list(tally.steps.values())
    if len(steps) < LEAST_STEPS:
        few = f"too few steps: {len(steps)}, and {LEAST_STEPS} are needed"
        return Sign(name, None, LENGTH_GROWTH, False, None, few)
    third = len(steps) // 3
    first, last = Totals.of(steps[:third]), Totals.of(steps[-third:])
    if not first.mean_length or last.mean_length is None:
        return Sign(name, None, LENGTH_GROWTH, False, None, "the outputs of the first steps are empty")
    growth = last.mean_length / first.mean_length - 1
    lengths = f"{first.mean_length:,.0f} to {last.mean_length:,.0f} characters from the first to the last third"
    if first.mean_accuracy is None or last.mean_accuracy is None:
        return Sign(name, growth, LENGTH_GROWTH, False, None, f"{lengths}; no accuracy to hold it against")
    gain = last.mean_accuracy - first.mean_accuracy
    fires = growth > LENGTH_GROWTH and gain < FLAT_GAIN
    detail = f"{lengths}, accuracy {gain:+.3f} (flat: below {FLAT_GAIN:+})"
    return Sign(name, growth, LENGTH_GROWTH, False, fires, detail, tally.longest.examples() if fires else ())


def _empty_form(tally: Tally, window: Totals) -> Sign:
    name = Name.EMPTY_FORM
    figure = share(window.above_chance, window.placed)
    if window.placed < LEAST_ROLLOUTS or figure is None or window.mean_format is None:
        return Sign(name, figure, GAIN_OVER_CHANCE, True, None, _too_few(window.placed))
    fires = window.mean_format >= MEAN_FORMAT and figure < GAIN_OVER_CHANCE
    detail = (
        f"accuracy over that of blind answers, at mean format {window.mean_format:.3f} ({MEAN_FORMAT} or more fires)"
    )
    return Sign(name, figure, GAIN_OVER_CHANCE, True, fires, detail, tally.empty_form.examples() if fires else ())


def _one_letter(tally: Tally, window: Totals) -> Sign:
    name, answers = Name.ONE_LETTER, window.letters.total()
    if answers < LEAST_ROLLOUTS:
        return Sign(
            name,
            None,
            LETTER_EXCESS,
            False,
            None,
            f"too few answers with a letter: {answers}, and {LEAST_ROLLOUTS} are needed",
        )
    if window.choice_prompts < LEAST_CHOICE_PROMPTS:
        few = f"too few multiple-choice prompts: {window.choice_prompts}, and {LEAST_CHOICE_PROMPTS} are needed"
        return Sign(name, None, LETTER_EXCESS, False, None, few)
    letter = max(sorted(window.letters), key=lambda named: window.letters[named])
    said, gold = window.letters[letter] / answers, window.gold_letters[letter] / answers
    fires = said - gold > LETTER_EXCESS
    detail = f"{letter} is {said:.1%} of {answers:,} answers and {gold:.1%} of their gold ones"
    worst = tally.by_letter[letter].examples() if fires and letter in tally.by_letter else ()
    return Sign(name, said - gold, LETTER_EXCESS, False, fires, detail, worst)


def _too_few(rollouts: int) -> str:
    return f"too few rollouts to say: {rollouts}, and {LEAST_ROLLOUTS} are needed"
