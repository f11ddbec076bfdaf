"""What is planned, and what is there at the end, for a reader and for a program."""

from collections import Counter
from typing import Any

from tqdm import tqdm

from data_prep.fetch.fetch import Fetch
from data_prep.fetch.mirror import Mirror
from videokr.video.paths import ARCHIVE_FOLDER

MAX_NAMES = 3  # of refused members, for each reason


def readable(size_bytes: int) -> str:
    """A number of bytes in a unit that fits it: `4.10GB`."""
    return str(tqdm.format_sizeof(size_bytes, "B"))


def plan_text(fetch: Fetch) -> str:
    """What comes, and the disk that it takes."""
    lines = [f"{fetch.source.name}: {len(fetch.annotations)} annotation files, {len(fetch.steps)} archives of videos"]
    lines += [f"  not read, no .tar: {path}" for path in fetch.contents.unread]
    missing = sum(fetch.annotations.values()) + sum(step.missing_bytes for step in fetch.steps)
    left = [step for step in fetch.steps if not step.extracted]
    if not missing and not left:
        lines.append(f"  nothing is missing in '{fetch.folder}'")
        return "\n".join(lines)
    lines += [f"  {readable(size):>8}  {file.path}: to bring" for file, size in fetch.annotations.items() if size]
    lines += [f"  {readable(step.archive.size_bytes):>8}  {step.archive.path}: {step.state}" for step in left]
    with_delete = f", {readable(fetch.needed_bytes(True))} with --delete-archives"
    if isinstance(fetch.source, Mirror):  # of which no archive is deleted
        with_delete = ""
    lines += [
        f"  to bring     {readable(missing):>8}",
        f"  to extract   {len(left):>8} archives",
        f"  disk needed  {readable(fetch.needed_bytes(False)):>8} at most{with_delete}",
        f"  disk free    {readable(fetch.free_bytes()):>8}",
    ]
    return "\n".join(lines)


def as_json(fetch: Fetch) -> dict[str, Any]:
    """What is there now; sizes in bytes."""
    archives = [
        {
            "path": step.archive.path,
            "bytes": step.archive.size_bytes,
            "complete": step.extracted is not None,
            "reason": None if step.extracted else step.state,
            "videos": len(step.extracted.videos) if step.extracted else 0,
            "video_bytes": sum(step.extracted.videos.values()) if step.extracted else 0,
            "refused": step.extracted.refused if step.extracted else [],
        }
        for step in fetch.steps
    ]
    return {
        "source": fetch.source.name,
        "annotations": [{"path": file.path, "bytes": file.size_bytes} for file in fetch.annotations],
        "archives": archives,
        "videos": sum(archive["videos"] for archive in archives),
        "video_bytes": sum(archive["video_bytes"] for archive in archives),
        "not_read": fetch.contents.unread,
        "came_bytes": fetch.came_bytes,
        "extracted_now": fetch.extracted_now,
        "verified": fetch.source.checks,
    }


def as_text(found: dict[str, Any], fetch: Fetch) -> str:
    """What `as_json` says, for a reader."""
    lines = [
        f"there: {len(found['annotations'])} annotation files, {found['videos']:,} videos "
        f"({readable(found['video_bytes'])})",
        f"  this run: {readable(found['came_bytes'])} came, {found['extracted_now']:,} videos extracted",
        f"  verified: {found['verified']}; the size of every video",
    ]
    lines += [f"  not complete: {archive['path']}" for archive in found["archives"] if not archive["complete"]]
    for path in found["not_read"]:
        lines.append(f"  not read: {path}: unpack it in '{fetch.folder / ARCHIVE_FOLDER}', or pack it as .tar")
    refused = [(*member, archive["path"]) for archive in found["archives"] for member in archive["refused"]]
    for reason, count in Counter(reason for reason, _, _ in refused).items():
        lines.append(f"  refused, {reason}: {count:,}")
        names = [f"      {name!a} in {path}" for other, name, path in refused if other == reason]
        lines += names[:MAX_NAMES]
    return "\n".join(lines)
