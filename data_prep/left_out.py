"""Records that were left out: counted by reason, a few of each shown, and all of them listed in a file."""

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from videokr.errors import RecordError, UserError, for_terminal
from videokr.outputs import atomic_write

SHOWN = 5  # of each reason


class LeftOut:
    """The records that a command left out, counted by reason and listed in a file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._shown: list[RecordError] = []
        self._listed = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)

    def add(self, fault: RecordError) -> None:
        self.counts[fault.reason] += 1
        if self.counts[fault.reason] <= SHOWN:
            self._shown.append(fault)
        place = {"line": fault.line, "field": fault.field, "reason": fault.reason, "detail": fault.detail}
        self._listed.write(json.dumps(place).encode("ascii") + b"\n")

    @staticmethod
    def list_of(output: Path) -> Path:
        """Where `report` lists them."""
        return output.with_suffix(".left_out.jsonl")

    def refuse_nothing_left(self, annotations: Path) -> None:
        """Ends a command that left out every record.

        Raises:
            UserError: says what became of all records.
        """
        reasons = "; ".join(f"{number} left out: {reason}" for reason, number in self.counts.most_common())
        first = f"; the first: {for_terminal(str(self._shown[0]))}" if self._shown else ""
        raise UserError(f"{annotations}: no record is left to use ({reasons or 'none in it'}){first}")

    def report(self, output: Path) -> None:
        """Prints the first of each reason and how many there are, and lists all in `NAME.left_out.jsonl`."""
        listed_in = self.list_of(output)
        if not self.counts:
            listed_in.unlink(missing_ok=True)
            return
        self._listed.seek(0)
        with atomic_write(listed_in) as aside, aside.open("wb") as out:
            shutil.copyfileobj(self._listed, out)
        for fault in self._shown:
            print(f"left out: {for_terminal(str(fault))}")
        for reason, number in self.counts.most_common():
            print(f"left out {number}: {reason}")
        print(f"all {self.counts.total()} left out are listed in {listed_in}")
