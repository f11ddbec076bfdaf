"""Rows that a run cannot train as they are: what it is told to do about them, and the files that list them."""

import json
from pathlib import Path
from typing import Any

ON_BAD_VIDEO, ON_LONG_ROW = "on_bad_video", "on_long_row"  # settings of our own
FAIL, SKIP, DROP = "fail", "skip", "drop"


def note_fault(report: Path, **fault: Any) -> None:
    """Appends one line, short enough that workers do not mix theirs."""
    report.parent.mkdir(parents=True, exist_ok=True)
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps(fault) + "\n")


def read_faults(report: Path) -> list[dict[str, Any]]:
    """Every fault noted, once: a node reads its rows for itself, and a stream's first rows are read twice."""
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
    return [json.loads(line) for line in dict.fromkeys(lines)]
