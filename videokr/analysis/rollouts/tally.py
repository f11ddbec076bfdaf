"""The counts of a dump, step by step, and a few examples; no texts are kept besides."""

import heapq
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from videokr.analysis.rollouts.dump import Rollout
from videokr.analysis.rollouts.explanation import Explanation
from videokr.analysis.rollouts.habits import LONG_TIMES, answers_given, blocks, most_repeated_run, times_as_long
from videokr.reason import Reason

MOST_EXAMPLES = 3  # of each sign
SHOWN_CHARACTERS = 160  # of a text in an example
SAME_SCORE = 1e-6  # scores that differ by less are the same
STUFFED_ANSWERS, REPEATED_BLOCKS, REPEATED_RUNS = 2, 2, 3  # from so many on it is one of these habits


class Spread(StrEnum):
    """The scores of a group; only from those that vary does GRPO learn."""

    VARIED = "varied"
    ALL_FULL = "all_full"
    ALL_ZERO = "all_zero"
    ALL_EQUAL = "all_equal"  # otherwise


class Habit(StrEnum):
    STUFFED_ANSWER = "stuffed_answer"
    REPEATED_BLOCKS = "repeated_blocks"
    REPEATED_TEXT = "repeated_text"


@dataclass(frozen=True, slots=True)
class Example:
    """A rollout to look up, with its texts cut short.

    Attributes:
        answer: None where the output has none.
        output_end: the last characters of the output.
        note: what it is an example of.
    """

    step: int
    line: int
    uid: str | None
    gold: str
    answer: str | None
    output_end: str
    note: str = ""


@dataclass(slots=True)
class Totals:
    """Counts and sums over rollouts of one or more steps.

    Attributes:
        scored: rollouts with a verdict, which `accuracy` is summed over.
        placed: those of them whose kind of question is known; `above_chance` is their accuracy less a blind answer's.
        length, longest: of the outputs, in characters.
        zeros: reason -> rollouts without accuracy or verdict; `reasons` has all rollouts.
        sizes: rollouts in a group -> groups; `spreads` has those with two rollouts or more.
        letters, gold_letters: of multiple-choice answers that name one.
    """

    rollouts: int = 0
    score: float = 0.0
    scored: int = 0
    accuracy: float = 0.0
    placed: int = 0
    above_chance: float = 0.0
    format: float = 0.0
    length: int = 0
    longest: int = 0
    cut_off: int = 0
    answered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    zeros: Counter[str] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    spreads: Counter[Spread] = field(default_factory=Counter)
    habits: Counter[Habit] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    gold_letters: Counter[str] = field(default_factory=Counter)
    choice_prompts: int = 0

    @classmethod
    def of(cls, parts: Iterable["Totals"]) -> "Totals":
        """All of them as one."""
        total = cls()
        for part in parts:
            for name in cls.__dataclass_fields__:
                mine, theirs = getattr(total, name), getattr(part, name)
                if isinstance(mine, Counter):
                    mine.update(theirs)
                else:
                    setattr(total, name, max(mine, theirs) if name == "longest" else mine + theirs)
        return total

    @property
    def mean_score(self) -> float | None:
        return share(self.score, self.rollouts)

    @property
    def mean_accuracy(self) -> float | None:
        return share(self.accuracy, self.scored)

    @property
    def mean_format(self) -> float | None:
        return share(self.format, self.rollouts)

    @property
    def mean_length(self) -> float | None:
        return share(self.length, self.rollouts)

    @property
    def unvaried(self) -> int:
        return self.spreads.total() - self.spreads[Spread.VARIED]

    @property
    def unvaried_share(self) -> float | None:
        return share(self.unvaried, self.spreads.total())

    def left_out(self, size: int) -> int:
        """Groups that have fewer rollouts than this."""
        return sum(groups for rollouts, groups in self.sizes.items() if rollouts < size)


def share(part: float, whole: int) -> float | None:
    """None of nothing."""
    return part / whole if whole else None


@dataclass(slots=True)
class Worst:
    """The few examples that rank highest; of equals the earlier ones."""

    kept: list[tuple[float, int, Example]] = field(default_factory=list)
    seen: int = 0

    def would_keep(self, rank: float) -> bool:
        return len(self.kept) < MOST_EXAMPLES or rank > self.kept[0][0]

    def offer(self, rank: float, explanation: Explanation, note: str) -> None:
        self.seen += 1
        if self.would_keep(rank):
            push = heapq.heappush if len(self.kept) < MOST_EXAMPLES else heapq.heapreplace
            push(self.kept, (rank, -self.seen, example(explanation, note)))

    def examples(self) -> tuple[Example, ...]:
        """The worst first."""
        return tuple(kept for _, _, kept in sorted(self.kept, key=lambda entry: entry[:2], reverse=True))


@dataclass(slots=True)
class Tally:
    """What is known of a dump so far.

    Attributes:
        window: the steps that signs of hacking are looked for in, as many as are there.
        steps: in the order they were added.
        zero_examples: the first rollout of each reason.
        padded: rollouts that failed, and that verl filled up with nothing.
        by_habit, longest, empty_form, by_letter: the worst rollouts of the window; of `by_letter` wrong ones.
    """

    window: frozenset[int]
    steps: dict[int, Totals] = field(default_factory=dict)
    zero_examples: dict[str, Example] = field(default_factory=dict)
    padded: int = 0
    differing: int = 0
    differing_examples: Worst = field(default_factory=Worst)
    by_habit: dict[Habit, Worst] = field(default_factory=lambda: {habit: Worst() for habit in Habit})
    longest: Worst = field(default_factory=Worst)
    empty_form: Worst = field(default_factory=Worst)
    by_letter: dict[str, Worst] = field(default_factory=dict)

    def without_padding(self, rollouts: Iterable[Rollout]) -> Iterator[Rollout]:
        """The rollouts that were one; the others are counted."""
        for rollout in rollouts:
            if rollout.is_padding:
                self.padded += 1
            else:
                yield rollout

    def add_step(self, step: int, explanations: Iterable[Explanation]) -> None:
        """Counts all rollouts of one step; a step without any leaves no trace."""
        totals = Totals()
        groups: dict[Hashable, list[float]] = {}
        choice_groups: set[Hashable] = set()
        for explanation in explanations:
            group = explanation.rollout.group
            groups.setdefault(group, []).append(explanation.rollout.score)
            if explanation.options:
                choice_groups.add(group)
            self._add(totals, explanation, step in self.window)
        totals.sizes = Counter(map(len, groups.values()))
        totals.spreads = Counter(_spread(scores) for scores in groups.values() if len(scores) > 1)
        totals.choice_prompts = len(choice_groups)
        if totals.rollouts:
            self.steps[step] = totals

    def _add(self, totals: Totals, explanation: Explanation, is_in_window: bool) -> None:
        rollout, accuracy = explanation.rollout, explanation.accuracy
        totals.rollouts += 1
        totals.score += rollout.score
        totals.format += explanation.format
        totals.length += len(rollout.output)
        totals.longest = max(totals.longest, len(rollout.output))
        totals.reasons[explanation.reason] += 1
        totals.cut_off += explanation.reason == Reason.CUT_OFF
        totals.answered += explanation.answer is not None and accuracy is not None
        if accuracy is not None:
            totals.scored += 1
            totals.accuracy += accuracy
            if explanation.chance is not None:
                totals.placed += 1
                totals.above_chance += accuracy - explanation.chance
        if explanation.is_zero:
            totals.zeros[explanation.reason] += 1
            if explanation.reason not in self.zero_examples:
                self.zero_examples[explanation.reason] = example(explanation)
        if explanation.score_differs:
            self.differing += 1
            self.differing_examples.offer(0.0, explanation, f"dumped score {rollout.score:.4f}")
        if explanation.letter is not None and explanation.gold_letter is not None:
            totals.letters[explanation.letter] += 1
            totals.gold_letters[explanation.gold_letter] += 1
        found = list(_habits(explanation))
        totals.habits.update(habit for habit, _, _ in found)
        if is_in_window:
            self._keep_worst(explanation, found)

    def _keep_worst(self, explanation: Explanation, found: list[tuple["Habit", float, str]]) -> None:
        for habit, rank, note in found:
            self.by_habit[habit].offer(rank, explanation, note)
        length = len(explanation.rollout.output)
        self.longest.offer(length, explanation, f"{length:,} characters")
        if explanation.format == 1.0 and explanation.accuracy == 0.0:
            self.empty_form.offer(-length, explanation, f"well formed, accuracy 0, {length:,} characters")
        if explanation.letter is not None and explanation.accuracy == 0.0:
            self.by_letter.setdefault(explanation.letter, Worst()).offer(0.0, explanation, "wrong")


def example(explanation: Explanation, note: str = "") -> Example:
    rollout, answer = explanation.rollout, explanation.answer
    return Example(
        step=rollout.step,
        line=rollout.line,
        uid=None if rollout.uid is None else _shown(rollout.uid),
        gold=_shown(explanation.gold),
        answer=None if answer is None else _shown(answer),
        output_end=_shown(rollout.output[-SHOWN_CHARACTERS:]),
        note=note,
    )


def _habits(explanation: Explanation) -> Iterator[tuple[Habit, float, str]]:
    """Each habit that a rollout shows: how badly, and in words."""
    answers, times = answers_given(explanation), times_as_long(explanation)
    if answers >= STUFFED_ANSWERS:
        yield Habit.STUFFED_ANSWER, answers, f"{answers} answers in one"
    elif times > LONG_TIMES:
        yield Habit.STUFFED_ANSWER, times, f"{times:.0f} times as long as the gold answer"
    opened = blocks(explanation.rollout.response)
    if opened >= REPEATED_BLOCKS:
        yield Habit.REPEATED_BLOCKS, opened, f"{opened} blocks of one kind"
    runs = most_repeated_run(explanation.rollout.output)
    if runs >= REPEATED_RUNS:
        yield Habit.REPEATED_TEXT, runs, f"the same words {runs} times"


def _spread(scores: list[float]) -> Spread:
    least, most = min(scores), max(scores)
    if most - least > SAME_SCORE:
        return Spread.VARIED
    if least > 1.0 - SAME_SCORE:
        return Spread.ALL_FULL
    return Spread.ALL_ZERO if abs(most) < SAME_SCORE else Spread.ALL_EQUAL


def _shown(text: str) -> str:
    """In one line, cut short, and without what no file or terminal takes: control characters, halves of pairs."""
    line = " ".join(text[: 2 * SHOWN_CHARACTERS].split())
    line = "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in line)
    return (
        line if len(line) <= SHOWN_CHARACTERS and len(text) <= 2 * SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}..."
    )
