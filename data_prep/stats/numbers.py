"""Every number as JSON: the same data gives the same bytes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from data_prep.stats.survey import FileStats
from videokr.outputs import written_aside


def write_numbers(path: Path, files: Sequence[FileStats]) -> None:
    """Writes a list of files, each as `FileStats` has it; what is not known is null."""
    with written_aside(path) as aside:
        text = json.dumps({"files": [asdict(stats) for stats in files]}, indent=1)
        aside.write_text(text + "\n", encoding="utf-8")
