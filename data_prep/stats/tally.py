"""What the records of a file add up to: a few numbers a row, however long it is."""

import hashlib
import heapq
from array import array
from collections import Counter
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
        sample: rows that are drawn to be counted in tokens, at most.
        faults: records that cannot be read, by field and reason; first_faults: the first of each.
        groups: rows by value, by grouping (`Example.groups`); None where there are more than MAX_VALUES values.
        lengths: how often each length is there, by what is long (LENGTHS).
        videos: a key for every video of every row, in order; videos_a_row: how many of them are each row's.
        serves: 1 for each row that its stage can use, else 0.
        sampled: a heap of the rows drawn, each with its number below zero and its place.
    """

    needs_rationale: bool
    sample: int = 0
    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    first_faults: dict[str, RecordError] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str] | None] = field(default_factory=dict)
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    videos: "array[int]" = field(default_factory=lambda: array("Q"))
    videos_a_row: "array[int]" = field(default_factory=lambda: array("I"))
    serves: "array[int]" = field(default_factory=lambda: array("B"))
    sampled: list[tuple[int, int, Example]] = field(default_factory=list)

    def add_fault(self, fault: RecordError) -> None:
        name = f"{fault.field}: {fault.reason}"
        self.faults[name] += 1
        self.first_faults.setdefault(name, fault)

    def add(self, example: Example) -> None:
        """Counts the next row of the file."""
        self.rows += 1
        self.kinds[example.kind.value] += 1
        self.lengths["question_words"][len(example.question.split())] += 1
        if example.kind is Kind.OPEN_ENDED:
            self.lengths["open_answer_words"][len(example.answer.split())] += 1
        if example.rationale is not None:
            self.lengths["rationale_words"][len(example.rationale.split())] += 1
        for name, value in example.groups.items():
            self._add_to_group(name, value[:MAX_VALUE_CHARACTERS])
        self.videos.extend(map(video_key, example.videos))
        self.videos_a_row.append(len(example.videos))
        serves = example.rationale is not None or not self.needs_rationale
        self.serves.append(serves)
        if self.sample and serves:
            heapq.heappush(self.sampled, (-_drawn_number(example), self.rows, example))
            if len(self.sampled) > self.sample:
                heapq.heappop(self.sampled)

    def _add_to_group(self, name: str, value: str) -> None:
        counts = self.groups.setdefault(name, Counter())
        if counts is not None:
            counts[value] += 1
            if len(counts) > MAX_VALUES:
                self.groups[name] = None


def _drawn_number(example: Example) -> int:
    """The number that a row is drawn by: the lowest are, so that a row's place in the file does not matter."""
    text = f"{example.id}\0{example.question}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
