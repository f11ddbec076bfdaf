"""What the records of a file add up to: a few numbers a row, however long it is."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data_prep.prepare.split import video_key
from data_prep.stats import Stage
from videokr.errors import RecordError
from videokr.example import Example
from videokr.prompt import build_prompt
from videokr.response import Kind, build_response

MAX_VALUES = 1_000  # of a grouping; one with more, such as an address for each record, is not listed
VALUE_CHARACTERS = 100
DRAWS = 2**64  # different numbers that rows are drawn by
LENGTHS = ("question_words", "rationale_words", "open_answer_words", "prompt_characters", "response_characters")


@dataclass(slots=True)
class Tally:
    """Counts of one file's records.

    Attributes:
        stage: decides which rows serve.
        sample: rows that are drawn to be counted in tokens, at most.
        seed: of the drawing: a record is in it by its id and question, wherever it stands.
        drawn_below: rows are drawn whose number is below it, of DRAWS.
        unreadable: records that cannot be read, by field and reason; first_unreadable: line of the first of each.
        options: rows of multiple choice by how many options they have.
        letters: the same by the right one's letter.
        groups: rows by value, by grouping (`Example.groups`); None where there are more than MAX_VALUES values.
        grouped: how many rows have a value, by grouping.
        lengths: how often each length is there, by what is long (LENGTHS).
        videos: a key for every video of every row, in order.
        videos_a_row: how many of them are each row's.
        serves: 1 for each row that its stage can use, else 0.
        sampled: rows drawn, each with its number.
    """

    stage: Stage
    sample: int = 0
    seed: int = 0
    drawn_below: int = 0
    rows: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    first_unreadable: dict[str, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    options: Counter[int] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str] | None] = field(default_factory=dict)
    grouped: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    videos: "array[int]" = field(default_factory=lambda: array("Q"))
    videos_a_row: "array[int]" = field(default_factory=lambda: array("I"))
    serves: "array[int]" = field(default_factory=lambda: array("B"))
    sampled: list[tuple[int, Example]] = field(default_factory=list)

    def add_unreadable(self, fault: RecordError) -> None:
        name = f"{fault.field}: {fault.reason}"
        self.unreadable[name] += 1
        self.first_unreadable.setdefault(name, fault.line or 0)

    def add(self, examples: Sequence[Example]) -> None:
        """Counts the next rows of the file."""
        lengths: dict[str, list[int]] = {name: [] for name in LENGTHS}  # a Counter takes many at once more quickly
        for example in examples:
            self.rows += 1
            self.kinds[example.kind.value] += 1
            if example.kind is Kind.MULTIPLE_CHOICE:
                self.options[len(example.options)] += 1
                self.letters[example.answer] += 1
            else:
                lengths["open_answer_words"].append(len(example.answer.split()))
            for name, value in example.groups.items():
                self._add_to_group(name, value[:VALUE_CHARACTERS])
            lengths["question_words"].append(len(example.question.split()))
            lengths["prompt_characters"].append(len(build_prompt(example)))
            if example.rationale is not None:
                lengths["rationale_words"].append(len(example.rationale.split()))
                lengths["response_characters"].append(len(build_response(example.rationale, example.answer)))
            self.videos.extend(map(video_key, example.videos))
            self.videos_a_row.append(len(example.videos))
            serves = self.stage is not Stage.SFT or example.rationale is not None  # which SFT imitates
            self.serves.append(serves)
            if self.drawn_below and serves and (number := self._number(example)) < self.drawn_below:
                self.sampled.append((number, example))
        for name, values in lengths.items():
            self.lengths[name].update(values)
        if len(self.sampled) > 2 * self.sample:
            self.cut_sample()

    def cut_sample(self) -> None:
        """Leaves the rows with the lowest numbers, as many as the sample has."""
        self.sampled.sort(key=lambda drawn: (drawn[0], drawn[1].id))
        del self.sampled[self.sample :]

    def _add_to_group(self, name: str, value: str) -> None:
        self.grouped[name] += 1
        counts = self.groups.setdefault(name, Counter())
        if counts is not None:
            counts[value] += 1
            if len(counts) > MAX_VALUES:
                self.groups[name] = None

    def _number(self, example: Example) -> int:
        """The number that a row is drawn by."""
        text = f"{self.seed}\0{example.id}\0{example.question}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
