"""An annotation file in batches of raw records, each small enough to be held, or to be sent to a worker process."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from videokr.jsonl import opens_list, read_lines, read_list

BATCH_BYTES = 500_000  # of JSON Lines; a line more where it has this size to the byte
BATCH_RECORDS = 500  # of a JSON list


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that follow each other in a file, not parsed yet.

    Attributes:
        first: number of its first line, or place of its first record in a list, counted from 1.
        lines: of JSON Lines; listed: records of a list. One of them is empty.
    """

    first: int
    lines: list[bytes]
    listed: list[Any]

    def records(self) -> Iterator[tuple[int, Any]]:
        """Each record with its line or place; a RecordError stands for a line that holds none."""
        return enumerate(self.listed, self.first) if self.listed else read_lines(self.lines, self.first)


def read_batches(path: Path) -> Iterator[Batch]:
    """Reads an annotation file as batches of lines.

    Raises:
        UserError: a list is not JSON, or empty.
    """
    first = 1
    if opens_list(path):
        records = (record for _, record in read_list(path))
        while listed := list(islice(records, BATCH_RECORDS)):
            yield Batch(first, [], listed)
            first += len(listed)
        return
    with path.open("rb") as file:
        while lines := file.readlines(BATCH_BYTES):
            yield Batch(first, lines, [])
            first += len(lines)
