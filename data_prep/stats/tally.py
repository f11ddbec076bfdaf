"""What the records of a file add up to: a few numbers a row, however long it is."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data_prep.prepare.split import video_key
from videokr.errors import RecordError
from videokr.example import Example
from videokr.response import Kind

MAX_VALUES = 1_000  # of a grouping; one with more, such as an address for each record, is not listed
MAX_VALUE_CHARACTERS = 100
LENGTHS = ("question_words", "rationale_words", "open_answer_words")


@dataclass(slots=True)
class Tally:
    """Counts of one file's records.

    Attributes:
        needs_rationale: whether only rows with a rationale serve, which SFT imitates.
        sample: rows that are drawn to be counted in tokens, at most; seed: of the drawing.
        faults: records that cannot be read, by field and reason; first_faults: the first of each.
        groups: rows by value, by grouping (`Example.groups`); None where there are more than MAX_VALUES values.
        lengths: how often each length is there, by what is long (LENGTHS).
        videos: a key for every video of every row, in order; videos_a_row: how many of them are each row's.
        serves: 1 for each row that its stage can use, else 0.
        sampled: rows drawn, each with its number.
    """

    needs_rationale: bool
    sample: int = 0
    seed: int = 0
    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    first_faults: dict[str, RecordError] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str] | None] = field(default_factory=dict)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    videos: "array[int]" = field(default_factory=lambda: array("Q"))
    videos_a_row: "array[int]" = field(default_factory=lambda: array("I"))
    serves: "array[int]" = field(default_factory=lambda: array("B"))
    sampled: list[tuple[int, Example]] = field(default_factory=list)

    def add_fault(self, fault: RecordError) -> None:
        name = f"{fault.field}: {fault.reason}"
        self.faults[name] += 1
        self.first_faults.setdefault(name, fault)

    def add(self, examples: Sequence[Example]) -> None:
        """Counts the next rows of the file."""
        lengths: dict[str, list[int]] = {name: [] for name in LENGTHS}  # a Counter takes many at once more quickly
        for example in examples:
            self.kinds[example.kind.value] += 1
            lengths["question_words"].append(len(example.question.split()))
            if example.kind is Kind.OPEN_ENDED:
                lengths["open_answer_words"].append(len(example.answer.split()))
            if example.rationale is not None:
                lengths["rationale_words"].append(len(example.rationale.split()))
            for name, value in example.groups.items():
                self._add_to_group(name, value[:MAX_VALUE_CHARACTERS])
            self.videos.extend(map(video_key, example.videos))
            self.videos_a_row.append(len(example.videos))
            serves = example.rationale is not None or not self.needs_rationale
            self.serves.append(serves)
            if self.sample and serves:
                self.sampled.append((self._number(example), example))
        self.rows += len(examples)
        for name, values in lengths.items():
            self.lengths[name].update(values)
        self.sampled.sort(key=lambda drawn: (drawn[0], drawn[1].id))
        del self.sampled[self.sample :]

    def _add_to_group(self, name: str, value: str) -> None:
        counts = self.groups.setdefault(name, Counter())
        if counts is not None:
            counts[value] += 1
            if len(counts) > MAX_VALUES:
                self.groups[name] = None

    def _number(self, example: Example) -> int:
        """The number that a row is drawn by: the lowest are, so that a row's place in the file does not matter."""
        text = f"{self.seed}\0{example.id}\0{example.question}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
