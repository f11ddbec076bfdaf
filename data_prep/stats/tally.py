"""What the records of a file add up to, however long each is."""

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass, field

from data_prep.stats.videos import Shown
from videokr.errors import RecordError
from videokr.example import Example
from videokr.response import Kind
from videokr.video.paths import plain_path

MAX_VALUES = 1_000  # of a grouping; one with more, such as an address for each record, is not listed
MAX_VALUE_CHARACTERS = 100
LENGTHS = ("question_words", "rationale_words", "open_answer_words")


@dataclass(slots=True)
class Tally:
    """Counts of one file's records."""

    needs_rationale: bool  # whether only rows with a rationale serve, which SFT imitates
    sample: int = 0  # rows that are drawn to be counted in tokens, at most
    shown: Shown | None = None  # what the rows that count are shown of their videos; None without a manifest
    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # records that cannot be read, by field and reason
    first_faults: dict[str, RecordError] = field(default_factory=dict)  # of each reason
    kinds: Counter[str] = field(default_factory=Counter)
    # Rows by value, by grouping (`Example.groups`); None where there are more than MAX_VALUES values.
    groups: dict[str, Counter[str] | None] = field(default_factory=dict)
    # How often each length is there, by what is long.
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in LENGTHS})
    videos: Counter[str] = field(default_factory=Counter)  # in how many rows each is, by path
    serving: int = 0  # rows that the stage can use
    counted: int = 0  # those of them whose videos the manifest does not reject
    counted_videos: int = 0  # in these
    # A heap of the rows drawn, each with its number below zero and its place.
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
        videos = list(map(plain_path, example.videos))
        self.videos.update(videos)
        if self.needs_rationale and example.rationale is None:
            return
        self.serving += 1
        if self.shown is None or self.shown.are_fine(videos):
            self.counted += 1
            self.counted_videos += len(videos)
            if self.shown:
                self.shown.add(videos)
        if self.sample:
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
