"""What is planned, and what is there at the end, for a reader and for a program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.fetch.contents import Contents
from data_prep.fetch.fetch import Done
from data_prep.fetch.figures import counted, readable
from data_prep.fetch.inventory import STATE, Inventory
from data_prep.fetch.plan import ArchiveState, DataSource, Plan, refused
from videokr.videos import ARCHIVE_FOLDER

SHOWN = 3  # files that are left where they are


def describe_steps(plan: Plan, contents: Contents) -> str:
    """A line a file: what would be done with it."""
    lines = []
    for file in contents.annotations:
        step = f"to fetch, {readable(plan.annotations[file])}" if file in plan.annotations else "there"
        lines.append(f"  {file.path:<40} {readable(file.size_bytes):>12}  {step}")
    for state in plan.archives:
        lines.append(f"  {state.archive.title:<40} {readable(state.archive.size_bytes):>12}  {_step(state)}")
    return "\n".join(lines)


def _step(state: ArchiveState) -> str:
    if state.is_done:
        return "extracted"
    steps = [f"to download, {readable(sum(state.to_bring.values()))}"] if state.to_bring else []
    if state.is_changed:
        steps.append("changed: to extract anew")
    elif state.lost:
        steps.append(f"to extract again, {len(state.lost):,} videos that are gone")
    else:
        steps.append("to extract" if not state.extracted.end else f"to extract from byte {state.extracted.end:,}")
    return "; ".join(steps)


def describe_plan(plan: Plan, source: DataSource, contents: Contents, folder: Path) -> str:
    """What is there, what comes, and the disk that it takes."""
    files, archives = len(contents.annotations), len(plan.archives)
    lines = [f"{source.name}: {counted(files, 'annotation file')}, {counted(archives, 'archive')} of videos"]
    if contents.others:
        lines.append(f"  left there: {counted(len(contents.others), 'other file')} ({_some(contents.others)})")
    if contents.unread:
        lines.append(f"  not read, no .tar: {counted(len(contents.unread), 'archive')} ({_some(contents.unread)})")
    if plan.is_done:
        lines.append(f"  nothing is missing in '{folder}'")
        return "\n".join(lines)
    left = sum(not state.is_done for state in plan.archives)
    is_copied = source.in_place(contents.annotations[0]) is not None
    with_delete, without = (readable(plan.needed_bytes(delete)) for delete in (True, False))
    lines += [
        f"  to {'copy' if is_copied else 'download':<9} {readable(plan.download_bytes):>12}",
        f"  to extract   {counted(left, 'archive'):>12}",
        f"  disk needed  {without:>12} at most"
        + ("" if is_copied else f" with the archives kept, {with_delete} with --delete-archives"),
        f"  disk free    {readable(plan.free_bytes):>12}",
    ]
    return "\n".join(lines)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def as_json(plan: Plan, source: DataSource, contents: Contents, inventory: Inventory, done: Done) -> dict[str, Any]:
    """What is there now; sizes in bytes."""
    counts, some = refused(plan.archives)
    annotations = [
        {"path": file.path, "bytes": file.size_bytes, "records": brought.records if brought else None}
        for file in contents.annotations
        for brought in [inventory.brought(file)]
    ]
    archives = [
        {
            "path": state.archive.path,
            "bytes": state.archive.size_bytes,
            "complete": state.is_done,
            "reason": _reason(state, done),
            "videos": state.video_count,
            "video_bytes": state.video_bytes,
            "refused": dict(state.extracted.refused),
        }
        for state in plan.archives
    ]
    return {
        "source": source.name,
        "annotations": annotations,
        "archives": archives,
        "videos": sum(state.video_count for state in plan.archives),
        "video_bytes": sum(state.video_bytes for state in plan.archives),
        "refused": {reason: {"count": count, "some": some[reason]} for reason, count in counts.most_common()},
        "not_read": list(contents.unread),
        "failed": list(done.failed.values()),
        "came_bytes": done.came_bytes,
        "extracted_now": done.written,
        "verified": {"files": done.verified, "how": source.checks},
    }


def _reason(state: ArchiveState, done: Done) -> str | None:
    """Why an archive is not complete; None: it is."""
    if state.is_done:
        return None
    in_the_way = f"archive '{state.archive.title}': something stands in place of {counted(len(state.lost), 'video')}"
    return done.failed.get(state.archive.path) or in_the_way


def as_text(report: dict[str, Any], folder: Path) -> str:
    records = [file["records"] for file in report["annotations"] if file["records"] is not None]
    lines = [
        f"there: {counted(len(report['annotations']), 'annotation file')} with {counted(sum(records), 'record')}, "
        f"{counted(report['videos'], 'video')} ({readable(report['video_bytes'])})",
        f"  this run: {readable(report['came_bytes'])} came, {counted(report['extracted_now'], 'video')} extracted",
    ]
    if report["verified"]["files"]:
        lines.append(f"  verified: {report['verified']['how']}; the size of every video")
    for archive in report["archives"]:
        if not archive["complete"]:
            lines.append(f"  not complete, {counted(archive['videos'], 'video')} there: {archive['reason']}")
    if report["not_read"]:
        lines.append(f"  not read, no .tar: unpack in '{folder / ARCHIVE_FOLDER}' by other means, or pack as .tar")
        lines += [f"      {path}" for path in report["not_read"]]
    for reason, found in report["refused"].items():
        lines.append(f"  refused, {reason}: {found['count']:,}")
        lines += [f"      {name}" for name in found["some"]]
        if found["count"] > len(found["some"]):
            lines.append(f"      ... all of them in '{folder / STATE}'")
    return "\n".join(lines)
