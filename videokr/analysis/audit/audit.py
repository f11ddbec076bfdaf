"""Gold answers against themselves, against each other, and against changed copies."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from videokr.analysis.audit.copies import changed_copies, is_number
from videokr.example import Example, Kind
from videokr.reason import Reason
from videokr.response import build_response
from videokr.reward import Accuracy, score_response

KEPT_ROWS = 10  # the worst, of each sort
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not as it should be."""

    id: str
    gold: str
    answer: str
    accuracy: float
    reason: str


@dataclass(slots=True)
class Share:
    """How many of something are not as they should be, with the first of them."""

    count: int = 0
    faulty: int = 0
    total: float = 0.0
    rows: list[Row] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Mean accuracy, in [0, 1]."""
        return self.total / self.count if self.count else 0.0

    def add(self, row: Row, is_faulty: bool) -> None:
        self.count += 1
        self.total += row.accuracy
        if is_faulty:
            self.faulty += 1
            if len(self.rows) < KEPT_ROWS:
                self.rows.append(row)


@dataclass(slots=True)
class Audit:
    """
    Attributes:
        types: how many rows ask for what (`multiple choice`, `number`, `text`).
        ceiling: the gold answer against itself, by type; faulty where it earns less than 1.
        causes: why these cannot reach 1.
        floor: the gold answer against another row's, by type; faulty where that earns anything.
        right, wrong: changed copies by change; faulty where one that is right earns less than the gold answer itself,
            or one that is wrong more than another row's answer does.
    """

    accuracy: Accuracy
    types: Counter[str] = field(default_factory=Counter)
    ceiling: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    causes: Counter[str] = field(default_factory=Counter)
    floor: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    right: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    wrong: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))


def audit(
    examples: Sequence[Example], accuracy: Accuracy, tolerance: float, seed: int, progress: Iterable[int] | None = None
) -> Audit:
    """Scores every example's gold answer against itself, another one and changed copies, with both blocks around it.

    Args:
        tolerance: relative, of numbers in `typed`.
        seed: which other row's answer each is held against.
        progress: iterates over the places of all examples, to show how far it has got.
    """
    found = Audit(accuracy)
    others = _other_answers(examples, seed)
    for place in progress if progress is not None else range(len(examples)):
        example, other = examples[place], others[place]
        kind = answer_type(example)
        found.types[kind] += 1

        def value(answer: str, example: Example = example) -> Row:
            reward = score_response(
                build_response("-", answer), example.answer, example.kind, example.options or None, accuracy, tolerance
            )
            return Row(example.id, example.answer, answer, reward.accuracy, str(reward.reason))

        best = value(example.answer)
        found.ceiling[kind].add(best, best.accuracy < 1.0 - _EQUAL)
        if best.accuracy < 1.0 - _EQUAL:
            found.causes[_cause(example, best)] += 1
        worst = value(other) if other is not None else None
        if worst:
            found.floor[kind].add(worst, worst.accuracy > _EQUAL)
        for copy in changed_copies(example, other or "something else"):
            row = value(copy.answer)
            if copy.is_right:
                found.right[copy.change].add(row, row.accuracy < best.accuracy - _EQUAL)
            else:
                found.wrong[copy.change].add(row, row.accuracy > (worst.accuracy if worst else 0.0) + _EQUAL)
    return found


def answer_type(example: Example) -> str:
    """What an example asks for: `multiple choice`, `number` or `text`."""
    if example.kind is Kind.MULTIPLE_CHOICE:
        return str(example.kind)
    return "number" if is_number(example.answer) else "text"


def _other_answers(examples: Sequence[Example], seed: int) -> list[str | None]:
    """For each example a gold answer of the same kind that is not its own; None where there is no other."""
    rng = random.Random(seed)
    by_kind: dict[Kind, list[str]] = defaultdict(list)
    for kind, answer in dict.fromkeys((example.kind, example.answer) for example in examples):
        by_kind[kind].append(answer)
    others: list[str | None] = []
    for example in examples:
        answers = by_kind[example.kind]
        if example.kind is Kind.MULTIPLE_CHOICE:  # a letter that it has
            count = len(example.options)
            others.append(next(letter for letter in "AB"[: min(count, 2)] if letter != example.answer))
            continue
        if len(answers) < 2:
            others.append(None)
            continue
        other = rng.choice(answers)
        while other == example.answer:
            other = rng.choice(answers)
        others.append(other)
    return others


def _cause(example: Example, best: Row) -> str:
    if best.reason == Reason.TOO_LONG:
        return "longer than any answer that is scored"
    words = example.answer.split()
    if not any(letter.isascii() and letter.isalnum() for letter in example.answer):
        return "no Latin letter or digit, and ROUGE knows no others"
    if len(words) == 1 or best.accuracy == 2 / 3:
        return "one word for ROUGE, so that ROUGE-2 is 0"
    return f"scored as {best.reason}"
