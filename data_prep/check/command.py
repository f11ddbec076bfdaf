"""`videokr check`: whether the videos that records name are there and whole, before hours are spent on them.

`fast` looks at size and container (microseconds), `probe` opens each, reads its header and decodes a frame near its end
(milliseconds), `decode` decodes all that a frame budget shows; each does what the one before does as well. The manifest
holds what was found, and the same command again looks at what has changed alone; `videokr prepare --manifest` goes by
it. Ends with status 3 where a video is rejected.
"""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from data_prep.check.spans import TITLES, span_faults
from data_prep.engine.flags import add_worker_flags, workers_of
from data_prep.given_path import given_path
from videokr.budget import BUDGETS
from videokr.errors import FAULTY_DATA_STATUS, UserError
from videokr.outputs import JSON, refuse_to_overwrite, require_suffix, write_json
from videokr.video.manifest import LEVELS, VideoEntry

if TYPE_CHECKING:
    from data_prep.check.paths import Named

SHOWN = 3  # videos of each reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=given_path, nargs="+", default=[], metavar="FILE",
                        help="annotation files (default: every video below --videos)")  # fmt: skip
    parser.add_argument("--videos", type=given_path, required=True, metavar="DIR",
                        help="folder that video paths start from")  # fmt: skip
    parser.add_argument("--manifest", type=given_path, help="Parquet file to write (default: DIR/manifest.parquet)")
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[0], help="how closely (default: %(default)s)")
    parser.add_argument("--budget", choices=BUDGETS, default="sft", help="whose frames `decode` decodes")
    parser.add_argument("--follow-links", action="store_true", help="take videos that are links to outside of --videos")
    add_worker_flags(parser, seconds_each=60.0)
    parser.add_argument("--json", type=given_path, metavar="FILE", help="write what was found as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Checks, writes the manifest, and prints counts by reason."""
    from data_prep.check.examination import Examination, check
    from data_prep.check.paths import below, named_by

    if not args.videos.is_dir():
        raise UserError(f"--videos '{args.videos}' is not there: give the folder that holds the videos")
    workers = workers_of(args)
    manifest = args.manifest or args.videos / "manifest.parquet"
    require_suffix(args.json, JSON)
    refuse_to_overwrite([manifest, args.json], args.data)
    named = named_by(args.data) if args.data else below(args.videos)
    if not named.paths:
        hint = "; videokr import reads videos under other names (--column video=NAME)" if args.data else ""
        raise UserError(f"no video is named by {', '.join(map(str, args.data)) or args.videos}{hint}")
    examination = Examination(args.videos.resolve(), args.level, BUDGETS[args.budget], args.follow_links)
    entries = check(named.paths, examination, manifest, workers)
    report = _as_json(named, entries, args.level)
    if args.json:
        write_json(args.json, report)
    print(_as_text(report))
    print(f"manifest: {manifest}")
    return FAULTY_DATA_STATUS if report["rejected"] else 0


def _as_json(named: "Named", entries: Iterable[VideoEntry], level: str) -> dict[str, Any]:
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
        "spans": _span_report(named, entries),
        "rejected": dict(sorted(rejected.items(), key=lambda item: (-len(item[1]), item[0]))),
    }


def _span_report(named: "Named", entries: Iterable[VideoEntry]) -> dict[str, Any]:
    """How many records name spans of time, and by fault which of them are wrong."""
    durations = {entry.path: entry.duration_seconds for entry in entries}
    faults: dict[str, list[dict[str, str]]] = {}
    for place, video, spans in named.spans:
        for fault, detail in dict(span_faults(spans, durations[video])).items():
            faults.setdefault(fault, []).append({"record": place, "detail": detail})
    return {"records": len(named.spans), "faults": faults}


def _as_text(report: dict[str, Any]) -> str:
    lines = [f"{report['videos']:,} videos, looked at as closely as '{report['level']}'"]
    if report["records"]:
        lines[0] += f", of {report['records']:,} records"
    lines += [f"  records left out, {reason}: {number:,}" for reason, number in report["records_without_video"].items()]
    lines.append(f"  {'fine':<28} {report['fine']:>9,}")
    if report["variable_rate"]:
        off = report["variable_rate"].values()
        lines.append(f"    of a variable frame rate      {len(off):>7,}, up to {max(off):.1f} s off by index")
    if report["hdr"]:
        lines.append(f"    HDR (PQ, HLG), shown as it is {len(report['hdr']):>7,}")
    if number := report["spans"]["records"]:
        unknown = ": --level probe tells how long videos are" if report["level"] == LEVELS[0] else ""
        lines.append(f"  records with spans of time   {number:>9,}{unknown}")
    for fault, found in report["spans"]["faults"].items():
        lines.append(f"    {TITLES[fault]}: {len(found):,}")
        lines += [f"      {one['record']!a}: {one['detail']}" for one in found[:SHOWN]]
    for reason, videos in report["rejected"].items():
        lines.append(f"  {reason:<28} {len(videos):>9,}")
        for video in videos[:SHOWN]:
            detail = " ".join(video["detail"].split())
            lines.append(f"      {video['video']!a}{': ' if detail else ''}{detail}")
        if len(videos) > SHOWN:
            lines.append("      ...")
    return "\n".join(lines)
