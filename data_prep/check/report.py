"""What a check found, for a reader and for a program."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from data_prep.check.paths import Named
from videokr.video.manifest import VideoEntry

SHOWN = 3  # videos of each reason


def as_json(named: Named, entries: Iterable[VideoEntry], level: str) -> dict[str, Any]:
    """Counts by reason, with every rejected video under its own."""
    rejected: dict[str, list[dict[str, str]]] = {}
    fine = []
    for entry in sorted(entries, key=lambda entry: entry.path):
        if entry.reason is None:
            fine.append(entry)
        else:
            rejected.setdefault(entry.reason, []).append({"video": entry.path, "detail": entry.detail})
    return {
        "level": level,
        "records": named.records,
        "records_without_video": dict(named.left_out),
        "videos": len(named.paths),
        "fine": len(fine),
        "hdr": [entry.path for entry in fine if entry.is_hdr],
        "variable_rate": {entry.path: entry.off_by_index_seconds for entry in fine if entry.off_by_index_seconds},
        "rejected": dict(sorted(rejected.items(), key=lambda item: (-len(item[1]), item[0]))),
    }


def as_text(report: dict[str, Any]) -> str:
    lines = [f"{report['videos']:,} videos, looked at as closely as '{report['level']}'"]
    if report["records"]:
        lines[0] += f", of {report['records']:,} records"
    lines += [f"  records left out, {reason}: {number:,}" for reason, number in report["records_without_video"].items()]
    counts = Counter({reason: len(videos) for reason, videos in report["rejected"].items()})
    lines.append(f"  {'fine':<28} {report['fine']:>9,}")
    if report["variable_rate"]:
        most = max(report["variable_rate"].values())
        lines.append(
            f"    of a variable frame rate      {len(report['variable_rate']):>7,}, up to {most:.1f} s off by index"
        )
    if report["hdr"]:
        lines.append(f"    HDR (PQ, HLG), shown as it is {len(report['hdr']):>7,}")
    for reason, number in counts.most_common():
        lines.append(f"  {reason:<28} {number:>9,}")
        for video in report["rejected"][reason][:SHOWN]:
            lines.append(
                f"      {video['video']!a}{': ' if video['detail'] else ''}{' '.join(video['detail'].split())}"
            )
        if number > SHOWN:
            lines.append("      ...")
    return "\n".join(lines)
