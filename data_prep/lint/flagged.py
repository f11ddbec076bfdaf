"""All flagged rows: counted, the worst of each finding kept, and every one listed on disk."""

import heapq
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from data_prep.lint.findings import FINDINGS, Flag, Grade


class Shown(NamedTuple):
    """A row of the report. A heap of them has the least bad one, and of these the last, on top."""

    weight: float
    order: int  # the negative of the place among all, so that of two alike the earlier stays
    file: int
    line: int
    id: str
    detail: str


class Flagged:
    """
    Args:
        names: of the files.
        shown: how many rows of each finding are kept.

    Attributes:
        counts: rows by finding and, where a finding has several, reason.
        by_file: rows by file and finding.
        faulty: rows with a fault at least, each once.
    """

    def __init__(self, names: list[str], shown: int):
        self.counts: Counter[tuple[str, str]] = Counter()
        self.by_file: Counter[tuple[int, str]] = Counter()
        self.faulty = 0
        self._names, self._shown = names, shown
        self._worst: dict[tuple[str, str], list[Shown]] = {}
        self._lines = [bytearray() for _ in names]  # a byte a line: whether it has a fault
        self._listed = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)
        self._place = 0

    def add(self, file: int, line: int, name: str, flag: Flag) -> None:
        self._place += 1
        kind = flag.finding, flag.reason
        worst = self._worst.setdefault(kind, [])
        row = Shown(flag.weight, -self._place, file, line, name, flag.detail)
        if len(worst) < self._shown:
            heapq.heappush(worst, row)
        elif worst and row > worst[0]:
            heapq.heapreplace(worst, row)
        grade = FINDINGS[flag.finding].grade
        if grade is Grade.BIAS:  # which is not of this row
            return
        self.counts[kind] += 1
        self.by_file[file, flag.finding] += 1
        if grade is Grade.FAULT:
            self._mark(file, line)
        listed = {
            "file": self._names[file],
            "line": line,
            "id": name,
            "finding": flag.finding,
            "grade": grade.value,
            "field": flag.field,
            "reason": flag.reason,
            "detail": flag.detail,
        }
        self._listed.write(json.dumps(listed).encode("ascii") + b"\n")

    def _mark(self, file: int, line: int) -> None:
        lines = self._lines[file]
        if line >= len(lines):
            lines.extend(bytes(line + 1 - len(lines)))
        self.faulty += not lines[line]
        lines[line] = 1

    def total(self, finding: str) -> int:
        return sum(count for (name, _), count in self.counts.items() if name == finding)

    def reasons(self, finding: str) -> list[tuple[str, int]]:
        """Of a finding, the commonest first."""
        own = [(reason, count) for (name, reason), count in self.counts.items() if name == finding]
        return sorted(own, key=lambda item: (-item[1], item[0]))

    def worst(self, finding: str, reason: str = "") -> list[Shown]:
        return sorted(self._worst.get((finding, reason), []), reverse=True)

    def listed(self) -> Iterator[bytes]:
        """Every flagged row as JSON, in the order in which they were found."""
        self._listed.seek(0)
        for line in self._listed:
            yield line.rstrip(b"\n")
