"""Many videos examined in worker processes; what was found before is not looked for again."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from data_prep.check.examination import Examination
from data_prep.engine import Failure, Workers, run
from data_prep.journal import Journal
from videokr.errors import UserError
from videokr.video.manifest import LEVELS, VideoEntry, read_manifest, write_manifest
from videokr.video.paths import resolve_video

BATCH = 500  # videos a task at the level that takes microseconds for each
TIME_LIMIT = "took too long"
DECODER_DIED = "the decoder died"


def check(paths: Sequence[str], examination: Examination, manifest: Path, workers: Workers) -> list[VideoEntry]:
    """Examines the videos and writes the manifest.

    A file that the manifest knows from as close a look, and that has not changed since, is not looked at again. Work
    that was killed goes on where it was.

    Raises:
        UserError: the manifest is something else, or another process is at it.
    """
    entries = _known(paths, examination, manifest)
    names = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogatepass")).hexdigest()
    asked = {"videos": names, "level": examination.level, "budget": asdict(examination.budget),
             "follow_links": examination.follow_links}  # fmt: skip
    with Journal(manifest, asked) as journal:
        for record in journal.done:
            entries |= {row[0]: VideoEntry(*row) for row in record["entries"]}
        left = [path for path in paths if path not in entries]
        with tqdm(total=len(paths), initial=len(paths) - len(left), desc="checking", unit="video", disable=None) as bar:
            for found in _examined(left, examination, workers):
                journal.add({"entries": found})
                entries |= {entry.path: entry for entry in found}
                bar.update(len(found))
        write_manifest(manifest, entries.values())
    return list(entries.values())


def _examined(paths: Sequence[str], examination: Examination, workers: Workers) -> Iterator[list[VideoEntry]]:
    size = BATCH if examination.level == LEVELS[0] else 1
    batches = [tuple(paths[first : first + size]) for first in range(0, len(paths), size)]
    again: list[tuple[str, ...]] = []
    for batch, found in _run(batches, examination, workers):
        if not isinstance(found, Failure):
            yield found
        elif len(batch) > 1:  # one of them, which one is to be seen
            again += [(path,) for path in batch]
        else:
            yield [_failed(batch[0], examination.level, found)]
    for (path,), found in _run(again, examination, workers):
        yield [_failed(path, examination.level, found)] if isinstance(found, Failure) else found


def _run(
    batches: list[tuple[str, ...]], examination: Examination, workers: Workers
) -> Iterator[tuple[tuple[str, ...], list[VideoEntry] | Failure]]:
    if not batches:
        return iter(())
    seconds, engine = workers.seconds_each, workers.engine
    return run(examination.examine, batches, workers=workers.count, seconds_each=seconds, engine=engine)


def _failed(path: str, level: str, failure: Failure) -> VideoEntry:
    return VideoEntry(path, level, TIME_LIMIT if "longer" in failure.reason else DECODER_DIED, failure.reason)


def _known(paths: Sequence[str], examination: Examination, manifest: Path) -> dict[str, VideoEntry]:
    if not manifest.exists():
        return {}
    before = read_manifest(manifest)
    closeness = {level: number for number, level in enumerate(LEVELS)}
    asked = closeness[examination.level]
    return {
        path: before[path]
        for path in paths
        if path in before and closeness[before[path].level] >= asked and _is_unchanged(before[path], examination.root)
    }


def _is_unchanged(entry: VideoEntry, root: Path) -> bool:
    try:
        file = f"{root}/{entry.path}"
        status = os.stat(file if os.path.exists(file) else resolve_video(entry.path, root))  # noqa: PTH110, PTH116
    except (UserError, OSError):
        return False
    return entry.is_of(status)
