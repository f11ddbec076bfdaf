"""What an import came to, for a reader and for a program, and what is to be run next."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.importing.columns import MAX_SHOWN_COLUMNS, SHOWN_NAMES, Columns
from data_prep.prepare.split import video_key
from videokr.example import Example
from videokr.option_columns import folded
from videokr.response import ANSWER_ONLY

LIKE_A_RATIONALE = ("rationale", "reasoning", "explanation", "thinking", "cot")
VALIDATION_SHARE = 10  # of the records of a small file, one in so many; `prepare rl` holds 500 out by itself
MAX_SMALL_RECORDS = 5_000


@dataclass(slots=True)
class Summary:
    """Counts of what was written."""

    kinds: Counter[str] = field(default_factory=Counter)
    with_rationale: int = 0
    _videos: set[int] = field(default_factory=set)

    @property
    def records(self) -> int:
        return self.kinds.total()

    def add(self, example: Example) -> None:
        self.kinds[example.kind.value] += 1
        self.with_rationale += example.rationale is not None
        self._videos.update(map(video_key, example.videos))

    def as_json(self, form: str, columns: Columns, left_out: Mapping[str, int]) -> dict[str, Any]:
        places: dict[str, dict[str, int]] = {}
        for own, shown in SHOWN_NAMES.items():
            if found := {place: number for (other, place), number in columns.taken.items() if other == own}:
                places[shown] = found
        filled = {place for _, place in columns.taken}
        return {
            "source": form,
            "records": self.records,
            "kinds": dict(sorted(self.kinds.items())),
            "videos": len(self._videos),
            "with_rationale": self.with_rationale,
            "without_rationale": self.records - self.with_rationale,
            "left_out": dict(left_out),
            "columns": places,
            "not_used": dict(columns.unused),
            "nothing_in": [place for place in columns.asked if place not in filled],
        }


def column_lines(report: Mapping[str, Any]) -> list[str]:
    """Which column served what, and in how many rows."""
    lines = [f"read {report['source']}"]
    for name, places in report["columns"].items():
        shown = ", ".join(f"{place} ({number:,})" for place, number in places.items())
        lines.append(f"  {name:<10} from {shown}")
    if unused := list(report["not_used"]):
        more = f", and {len(unused) - MAX_SHOWN_COLUMNS} others" if len(unused) > MAX_SHOWN_COLUMNS else ""
        lines.append(f"  not used: {', '.join(unused[:MAX_SHOWN_COLUMNS])}{more}")
    if report["nothing_in"]:
        lines.append(f"  nothing in: {', '.join(report['nothing_in'])} (of --column)")
    return lines


def count_lines(report: Mapping[str, Any]) -> list[str]:
    lines = [f"{report['records']:,} records of {report['videos']:,} videos"]
    lines += [f"  {kind:<24} {number:>9,}" for kind, number in report["kinds"].items()]
    lines.append(f"  {'with a rationale':<24} {report['with_rationale']:>9,}")
    if without := report["without_rationale"]:
        lines.append(f"  {'without a rationale':<24} {without:>9,}   for RL and evaluation; SFT: --no-rationale")
        if hint := next((name for name in report["not_used"] if folded(name) in LIKE_A_RATIONALE), None):
            flag = shlex.quote(f"rationale={hint}")
            lines.append(f"  column {hint!r} is not used: if it is the rationale, --column {flag}")
    return lines


def next_lines(report: Mapping[str, Any], output: Path, videos: Path) -> list[str]:
    """The commands that serve the records from here on."""
    records, manifest = report["records"], videos / "manifest.parquet"  # where check puts it
    records_a_video = -(-records // max(1, report["videos"]))  # whole videos are held out
    val_size = ["--val-size", max(records_a_video, records // VALIDATION_SHARE)] if records < MAX_SMALL_RECORDS else []
    if not report["with_rationale"]:
        without = ["--no-rationale", ANSWER_ONLY]
    else:
        without = ["--skip-invalid"] if report["without_rationale"] else []
    commands: list[Iterable[object]] = [
        ["videokr", "check", "--data", output, "--videos", videos],
        ["videokr", "prepare", "rl", "--input-json", output, "--video-base-dir", videos, "--manifest", manifest,
         "--output-dir", output.with_name(f"{output.stem}_rl"), *val_size],
        ["videokr", "prepare", "sft", "--input", output, "--media-dir", videos, "--manifest", manifest,
         "--output", output.with_name(f"{output.stem}_sft.json"), *without],
    ]  # fmt: skip
    return ["next:", *(f"  {shlex.join(map(str, command))}" for command in commands)]
