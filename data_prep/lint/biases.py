"""What is counted of a file, and the biases in it, which a guesser who sees no video lives on.

Every test is made where it can tell something, and the level is shared among all that are made, so that a fair corpus
is said to be biased at most once in 1 / LEVEL times, however many files and numbers of options it has.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from data_prep.lint.response import ends_well, tag_form
from videokr.errors import RecordError
from videokr.example import ANSWER_FIELDS, RATIONALE_FIELDS, Example
from videokr.options import LETTERS
from videokr.response import Kind

LEVEL = 0.001  # of all tests of one run together
MARGIN = 2.0  # by which tests are stricter: far out, their tails are a little thinner than the real ones
# Of right answers that chance would give: with fewer, the margin is not enough.
MIN_EXPECTED = 50
# What a guesser gains in accuracy: less than two points is what a benchmark of 2,000 questions cannot tell from noise
# (its own standard error is 1.1).
MIN_GAIN = 0.02


@dataclass(slots=True)
class Tally:
    """What is counted of a file."""

    records: Counter[str] = field(default_factory=Counter)  # `readable` and `unreadable` ones
    unreadable: Counter[str] = field(default_factory=Counter)  # by field and reason
    kinds: Counter[str] = field(default_factory=Counter)  # of the readable ones, by Kind
    options: Counter[int] = field(default_factory=Counter)  # questions with so many
    letters: Counter[tuple[int, str]] = field(default_factory=Counter)  # (number of options, right letter)
    # (number of options, how many of them are the longest, 1 if the right one is among these)
    longest: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    rationales: Counter[str] = field(default_factory=Counter)  # `given`, and `ended` of these, as a sentence ends
    think: Counter[str] = field(default_factory=Counter)  # with tags or without, of rows that have the field
    solution: Counter[str] = field(default_factory=Counter)  # likewise
    unknown_lengths: int = 0  # rows of which nobody knows how long they are
    groups: Counter[str] = field(default_factory=Counter)  # rows that have a value in a field of GROUP_FIELDS

    def count(self, record: Mapping[str, Any], example: Example | RecordError) -> None:
        """Counts one more row: the raw record, and what it was read as or why it cannot be."""
        self.think[str(tag_form(record, RATIONALE_FIELDS, "think"))] += 1
        self.solution[str(tag_form(record, ANSWER_FIELDS, "answer"))] += 1
        if isinstance(example, RecordError):
            self.records["unreadable"] += 1
            self.unreadable[f"{example.field}: {example.reason}"] += 1
            return
        self.records["readable"] += 1
        self.kinds[example.kind.value] += 1
        if example.rationale:
            self.rationales["given"] += 1
            self.rationales["ended"] += ends_well(example.rationale)
        self.groups.update(example.groups.keys())
        if example.kind is Kind.MULTIPLE_CHOICE:
            self._count_choice(example)

    def _count_choice(self, example: Example) -> None:
        count, right = len(example.options), LETTERS.index(example.answer)
        self.options[count] += 1
        self.letters[count, example.answer] += 1
        lengths = [len(option) for option in example.options]
        most = max(lengths)
        self.longest[count, lengths.count(most), int(lengths[right] == most)] += 1


@dataclass(slots=True)
class Bias:
    """One test of a file, for what a guesser can live on."""

    name: str  # "letter": one letter is right too often; "longest": the longest option is, or too seldom
    file: int  # its number
    of: str  # what was looked at
    rows: int
    share: float  # how often the option in question is right
    chance: float  # and would be by chance
    effect: float  # Cohen's w for letters (the root of chi-square over the number of rows), z for the longest
    p: float  # of the two-sided test, before the level is shared
    detail: Mapping[str, int]  # rows by right letter, for letters
    found: bool = False  # whether it is beyond chance and worth something to a guesser


@dataclass(frozen=True, slots=True)
class Guessers:
    """What they get of a file's multiple-choice questions, as a share."""

    rows: int
    chance: float  # who draws an option
    letter: float  # who takes the commonest right letter for each number of options; of this very file
    longest: float  # who takes the longest option, one of them where several are


def biases(tallies: list[Tally]) -> tuple[list[Bias], list[str]]:
    """All tests that can be made, and what is to be said of the others."""
    made: list[Bias] = []
    not_made: list[str] = []
    for file, tally in enumerate(tallies):
        for bias in (*_letters(file, tally), *_longest(file, tally)):
            if bias.rows * min(bias.chance, 1 - bias.chance) >= MIN_EXPECTED:
                made.append(bias)
            else:
                not_made.append(f"file {file + 1}, {bias.of}: {bias.rows} rows are too few")
    for bias in made:
        gain = bias.share - bias.chance if bias.name == "letter" else abs(bias.share - bias.chance)
        bias.found = bias.p < LEVEL / MARGIN / len(made) and gain >= MIN_GAIN
    return made, not_made


def guessers(tally: Tally) -> Guessers | None:
    """None where there is no question of multiple choice."""
    rows = tally.options.total()
    if not rows:
        return None
    chance = sum(number / count for count, number in sorted(tally.options.items())) / rows
    letter = sum(max(_by_letter(tally, count).values()) for count in tally.options) / rows
    longest = sum(n * hit / ties for (_, ties, hit), n in sorted(tally.longest.items())) / rows
    return Guessers(rows, chance, letter, longest)


def _by_letter(tally: Tally, count: int) -> dict[str, int]:
    return {letter: tally.letters[count, letter] for letter in LETTERS[:count]}


def _letters(file: int, tally: Tally) -> Iterator[Bias]:
    """Pearson's chi-square test of equal shares, for each number of options."""
    for count in sorted(tally.options):
        by_letter = _by_letter(tally, count)
        rows = sum(by_letter.values())
        expected = rows / count
        statistic = sum((right - expected) ** 2 for right in by_letter.values()) / expected
        most, effect, p = max(by_letter.values()), math.sqrt(statistic / rows), chi_square_tail(statistic, count - 1)
        yield Bias("letter", file, f"letters of {count} options", rows, most / rows, 1 / count, effect, p, by_letter)


def _longest(file: int, tally: Tally) -> Iterator[Bias]:
    """Whether the guesser's score is further from its mean than a normal variable of this variance would be.

    Of a question with k options of which m are the longest the score is 1/m with probability m/k, so that its mean is
    1/k and its variance 1/(km) - 1/k^2.
    """
    items, rows = sorted(tally.longest.items()), tally.longest.total()
    if not rows:
        return
    right = sum(n for (_, _, hit), n in items if hit)
    score = sum(n * hit / ties for (_, ties, hit), n in items)
    mean = sum(n / count for (count, _, _), n in items)
    variance = sum(n * (1 / (count * ties) - 1 / count**2) for (count, ties, _), n in items)
    z = (score - mean) / math.sqrt(variance) if variance else 0.0
    detail = {"right": right, "rows": rows}
    yield Bias("longest", file, "longest option", rows, score / rows, mean / rows, z, two_sided_p(z), detail)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The probability of as much or more, for a whole number of degrees of freedom."""
    half = statistic / 2
    # Q(a, x), by Q(a + 1, x) = Q(a, x) + x^a e^-x / gamma(a + 1); not by scipy, which not every environment has.
    shape, tail = (0.5, math.erfc(math.sqrt(half))) if degrees % 2 else (1.0, math.exp(-half))
    while shape < degrees / 2:
        tail += half**shape * math.exp(-half) / math.gamma(shape + 1)
        shape += 1
    return min(1.0, tail)


def two_sided_p(z: float) -> float:
    """Of a standard normal variable."""
    return math.erfc(abs(z) / math.sqrt(2))
