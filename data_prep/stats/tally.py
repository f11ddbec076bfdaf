"""What the records of a file add up to: made batch by batch, and added together."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from data_prep.prepare.split import video_key
from videokr.budget import EVAL_BUDGET, RL_BUDGET, SFT_BUDGET, VideoBudget
from videokr.example import Example, Kind
from videokr.prompt import build_prompt
from videokr.response import build_response

VALUES_MOST = 1_000  # of a grouping; one with more, such as an address for each record, is not listed
VALUE_CHARACTERS = 100
PRIORITIES = 2**64
LENGTHS = ("question_words", "rationale_words", "open_answer_words", "prompt_characters", "response_characters")


class Stage(StrEnum):
    """What a file is for, which decides what of it counts and how much of a video is shown."""

    SFT = "sft"
    RL = "rl"
    EVAL = "eval"

    @property
    def budget(self) -> VideoBudget:
        return {Stage.SFT: SFT_BUDGET, Stage.RL: RL_BUDGET, Stage.EVAL: EVAL_BUDGET}[self]

    def serves(self, example: Example) -> bool:
        """Whether a record can be used: SFT imitates a rationale."""
        return self is not Stage.SFT or example.rationale is not None


@dataclass(slots=True)
class Values:
    """
    Attributes:
        counts: rows by value; None where there are more than VALUES_MOST values.
        rows: that have one.
    """

    counts: Counter[str] | None = field(default_factory=Counter)
    rows: int = 0

    def add(self, values: Iterable[tuple[str, int]]) -> None:
        for value, rows in values:
            self.rows += rows
            if self.counts is not None:
                self.counts[value] += rows
        self._limit()

    def join(self, other: "Values") -> None:
        self.rows += other.rows
        if self.counts is not None:
            self.counts = None if other.counts is None else self.counts + other.counts
        self._limit()

    def _limit(self) -> None:
        if self.counts is not None and len(self.counts) > VALUES_MOST:
            self.counts = None


@dataclass(slots=True)
class Tally:
    """
    Attributes:
        options: rows of multiple choice by how many options they have.
        letters: the same by the right one's letter.
        groups: by grouping (`Example.groups`).
        lengths: how often each length is there, by what is long (LENGTHS).
        videos: a key for every video of every row, in order.
        videos_a_row: how many of them are each row's.
        serves: 1 for each row that its stage can use, else 0.
        sampled: rows drawn to be counted in tokens, each with the number it was drawn by.
    """

    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    options: Counter[int] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Values] = field(default_factory=dict)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    videos: "array[int]" = field(default_factory=lambda: array("Q"))
    videos_a_row: "array[int]" = field(default_factory=lambda: array("I"))
    serves: "array[int]" = field(default_factory=lambda: array("B"))
    sampled: list[tuple[int, Example]] = field(default_factory=list)

    def join(self, other: "Tally", sample: int) -> None:
        """Adds what comes behind it in the file.

        Args:
            sample: so many of the drawn rows are kept.
        """
        self.rows += other.rows
        self.kinds += other.kinds
        self.options += other.options
        self.letters += other.letters
        for name, values in other.groups.items():
            self.groups.setdefault(name, Values()).join(values)
        for name, counts in other.lengths.items():
            self.lengths.setdefault(name, Counter()).update(counts)
        self.videos.extend(other.videos)
        self.videos_a_row.extend(other.videos_a_row)
        self.serves.extend(other.serves)
        self.sampled += other.sampled
        if len(self.sampled) > 2 * sample:
            self.keep(sample)

    def keep(self, sample: int) -> None:
        """Leaves the first of the drawn rows, by the numbers they were drawn by."""
        self.sampled.sort(key=lambda drawn: (drawn[0], drawn[1].id))
        del self.sampled[sample:]


@dataclass(frozen=True, slots=True)
class Counting:
    """How a batch of a file's rows is counted.

    Attributes:
        seed: of the sample: a record is in it by its id and question, wherever it stands.
        sample: rows at most.
        below: rows are drawn whose number is below it, of PRIORITIES.
    """

    stage: Stage
    seed: int
    sample: int
    below: int

    def tally(self, examples: Sequence[Example]) -> Tally:
        """What these rows add up to."""
        tally = Tally(rows=len(examples))
        lengths: dict[str, list[int]] = {name: [] for name in LENGTHS}
        groups: dict[str, Counter[str]] = {}
        for example in examples:
            tally.kinds[example.kind.value] += 1
            if example.kind is Kind.MULTIPLE_CHOICE:
                tally.options[len(example.options)] += 1
                tally.letters[example.answer] += 1
            else:
                lengths["open_answer_words"].append(len(example.answer.split()))
            for name, value in example.groups.items():
                groups.setdefault(name, Counter())[value[:VALUE_CHARACTERS]] += 1
            lengths["question_words"].append(len(example.question.split()))
            lengths["prompt_characters"].append(len(build_prompt(example)))
            if example.rationale is not None:
                lengths["rationale_words"].append(len(example.rationale.split()))
                lengths["response_characters"].append(len(build_response(example.rationale, example.answer)))
            tally.videos.extend(map(video_key, example.videos))
            tally.videos_a_row.append(len(example.videos))
            serves = self.stage.serves(example)
            tally.serves.append(serves)
            if self.below and serves and (number := self._drawn_by(example)) < self.below:
                tally.sampled.append((number, example))
        tally.lengths = {name: Counter(values) for name, values in lengths.items() if values}
        for name, counts in groups.items():
            tally.groups[name] = Values()
            tally.groups[name].add(counts.items())
        tally.keep(self.sample)
        return tally

    def _drawn_by(self, example: Example) -> int:
        text = f"{self.seed}\0{example.id}\0{example.question}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def itself(example: Example, videos: list[str]) -> Example:
    """What `Source.use` makes of a record here."""
    return example
