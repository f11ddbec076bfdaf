"""What is counted of a file, and the biases in it, which a guesser who sees no video lives on."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from data_prep.lint.response import ends_well
from videokr.errors import RecordError
from videokr.example import Example
from videokr.options import LETTERS
from videokr.response import Kind

# What a guesser gains in accuracy: less than two points is what a benchmark of 2,000 questions cannot tell from noise
# (its own standard error is 1.1).
MIN_GAIN = 0.02
MIN_ERRORS = 5.0  # standard errors of chance; a fair file passes them less than once in a million times


@dataclass(slots=True)
class Tally:
    """What is counted of a file."""

    records: Counter[str] = field(default_factory=Counter)  # `readable` and `unreadable` ones
    kinds: Counter[str] = field(default_factory=Counter)  # of the readable ones, by Kind
    options: Counter[int] = field(default_factory=Counter)  # questions with so many
    letters: Counter[tuple[int, str]] = field(default_factory=Counter)  # (number of options, right letter)
    # (number of options, how many of them are the longest, 1 if the right one is among these)
    longest: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    rationales: Counter[str] = field(default_factory=Counter)  # `given`, and `ended` of these, as a sentence ends
    unknown_lengths: int = 0  # rows of which nobody knows how long they are
    groups: Counter[str] = field(default_factory=Counter)  # rows that have a value in a field of GROUP_FIELDS

    def count(self, example: Example | RecordError) -> None:
        """Counts one more row: what it was read as, or why it cannot be."""
        if isinstance(example, RecordError):
            self.records["unreadable"] += 1
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


@dataclass(frozen=True, slots=True)
class Bias:
    """How often one letter, or the longest option, is right."""

    name: str  # "letter" or "longest"
    of: str  # what was looked at
    rows: int
    share: float  # how often the option in question is right
    chance: float  # and would be by chance
    by_letter: Mapping[str, int]  # rows by right letter, for letters

    @property
    def is_found(self) -> bool:
        """Whether a guesser gains enough by it, and chance would not give as much."""
        gain = abs(self.share - self.chance)
        error = math.sqrt(self.chance * (1 - self.chance) / self.rows)
        return gain >= MIN_GAIN and gain > MIN_ERRORS * error


@dataclass(frozen=True, slots=True)
class Guessers:
    """What they get of a file's multiple-choice questions, as a share."""

    rows: int
    chance: float  # who draws an option
    letter: float  # who takes the commonest right letter for each number of options; of this very file
    longest: float  # who takes the longest option, one of them where several are


def biases(tally: Tally) -> Iterator[Bias]:
    """The commonest right letter for each number of options, and the longest option of all questions."""
    for count, rows in sorted(tally.options.items()):
        by_letter = _by_letter(tally, count)
        yield Bias("letter", f"letters of {count} options", rows, max(by_letter.values()) / rows, 1 / count, by_letter)
    if guess := guessers(tally):
        yield Bias("longest", "longest option", guess.rows, guess.longest, guess.chance, {})


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
