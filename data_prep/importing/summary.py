"""What an import came to, for a reader and for a program, and what is to be run next."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.importing.columns import LIKE_A_RATIONALE, NAMES, Columns
from data_prep.prepare.split import video_key
from videokr.example import Example
from videokr.option_columns import folded
from videokr.response import ANSWER_ONLY

SHOWN = 20  # unused columns
VALIDATION_SHARE = 10  # of the records of a small file, one in so many; `prepare rl` holds 500 out by itself
SMALL = 5_000  # records


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
        for video in example.videos:
            self._videos.add(video_key(video))

    def as_json(self, form: str, columns: Columns, left_out: Mapping[str, int]) -> dict[str, Any]:
        return {
            "source": form,
            "records": self.records,
            "kinds": dict(sorted(self.kinds.items())),
            "videos": len(self._videos),
            "with_rationale": self.with_rationale,
            "without_rationale": self.records - self.with_rationale,
            "left_out": dict(left_out),
            "columns": {
                NAMES[own]: {place: number for (other, place), number in columns.taken.items() if other == own}
                for own in NAMES
                if any(other == own for other, _ in columns.taken)
            },
            "not_used": dict(columns.unused),
            "nothing_in": columns.nowhere,
        }


def column_lines(report: Mapping[str, Any]) -> list[str]:
    """Which column served what, and in how many rows."""
    lines = [f"read {report['source']}"]
    for name, places in report["columns"].items():
        shown = ", ".join(f"{place} ({number:,})" for place, number in places.items())
        lines.append(f"  {name:<10} from {shown}")
    unused = report["not_used"]
    if unused:
        more = f", and {len(unused) - SHOWN} others" if len(unused) > SHOWN else ""
        lines.append(f"  not used: {', '.join(list(unused)[:SHOWN])}{more}")
    if report["nothing_in"]:
        lines.append(f"  nothing in: {', '.join(report['nothing_in'])} (of --column)")
    return lines


def count_lines(report: Mapping[str, Any]) -> list[str]:
    lines = [f"{report['records']:,} records of {report['videos']:,} videos"]
    lines += [f"  {kind:<24} {number:>9,}" for kind, number in report["kinds"].items()]
    lines.append(f"  {'with a rationale':<24} {report['with_rationale']:>9,}")
    without = report["without_rationale"]
    if without:
        lines.append(f"  {'without a rationale':<24} {without:>9,}   for RL and evaluation; SFT: --no-rationale")
        hint = next((name for name in report["not_used"] if folded(name) in LIKE_A_RATIONALE), None)
        if hint:
            flag = shlex.quote(f"rationale={hint}")
            lines.append(f"  column {hint!r} is not used: if it is the rationale, --column {flag}")
    return lines


def next_lines(report: Mapping[str, Any], output: Path, videos: Path) -> list[str]:
    """The commands that serve the records from here on."""
    manifest = videos / "manifest.parquet"  # where check puts it
    a_video = -(-report["records"] // max(1, report["videos"]))  # records; whole videos are held out
    held_out = [] if report["records"] >= SMALL else ["--val-size", max(a_video, report["records"] // VALIDATION_SHARE)]
    commands: list[Iterable[object]] = [
        ["videokr", "check", "--data", output, "--videos", videos],
        ["videokr", "prepare", "rl", "--input-json", output, "--video-base-dir", videos, "--manifest", manifest,
         "--output-dir", output.with_name(f"{output.stem}_rl"), *held_out],
    ]  # fmt: skip
    without = ["--skip-invalid"] if report["with_rationale"] and report["without_rationale"] else []
    if not report["with_rationale"]:
        without = ["--no-rationale", ANSWER_ONLY]
    commands.append(["videokr", "prepare", "sft", "--input", output, "--media-dir", videos, "--manifest", manifest,
                     "--output", output.with_name(f"{output.stem}_sft.json"), *without])  # fmt: skip
    return ["next:", *(f"  {shlex.join(map(str, command))}" for command in commands)]
