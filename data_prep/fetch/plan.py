"""What is missing in a folder, and the disk that bringing it takes."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data_prep.fetch.contents import Archive, Contents, SourceFile
from data_prep.fetch.inventory import Inventory
from data_prep.fetch.ledger import NAMES_KEPT, Extracted
from data_prep.fetch.places import Places
from videokr.errors import UserError
from videokr.videos import ARCHIVE_FOLDER


class DataSource(Protocol):
    """Where a data set comes from.

    Attributes:
        name: for the reader.
        checks: what is held against what the source states.
    """

    name: str
    checks: str

    def files(self) -> list[SourceFile]:
        """All files of the data set."""

    def in_place(self, file: SourceFile) -> Path | None:
        """Where a file can be read without being brought; None: nowhere."""

    def is_same(self, file: SourceFile, path: Path) -> bool:
        """Whether the file at `path` has the bytes of the source's."""

    def missing_bytes(self, file: SourceFile, path: Path) -> int:
        """How many bytes come when a file is brought to `path`, which is not there."""

    def bring(self, file: SourceFile, path: Path) -> int:
        """Brings a file, verified; returns how many bytes came."""


@dataclass(slots=True)
class ArchiveState:
    """What is known of an archive before anything is done.

    Attributes:
        extracted: how far it is extracted; the places of its videos less, which may be many.
        video_count, video_bytes: of the videos that are there.
        lost: places of videos that were extracted, and are not there any more; or were left to another archive, which
            has them no more.
        lost_bytes: of them.
        is_changed: another version of it was extracted.
        to_bring: parts that are to be downloaded, with the bytes that are missing of each.
    """

    archive: Archive
    extracted: Extracted
    is_changed: bool
    video_count: int = 0
    video_bytes: int = 0
    lost: set[str] = field(default_factory=set)
    lost_bytes: int = 0
    to_bring: dict[SourceFile, int] = field(default_factory=dict)

    def look_again(self, extracted: Extracted, folder: Path) -> None:
        """Takes over what its ledger says, and what of that is there."""
        self.lost = differing(extracted.videos, folder)
        there = [size for place, size in extracted.videos.items() if place not in self.lost]
        self.video_count, self.video_bytes = len(there), sum(there)
        extracted.videos, extracted.left = {}, {}
        self.extracted = extracted

    @property
    def is_done(self) -> bool:
        return self.extracted.is_complete and not self.lost

    @property
    def bytes_to_write(self) -> int:
        """Of videos, at most."""
        rest = 0 if self.extracted.is_complete else self.archive.size_bytes - self.extracted.end
        return rest + self.lost_bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Attributes:
        annotations: files to bring, with the bytes that are missing of each.
        archives: all that are asked for, done or not.
        kept_bytes: of each archive that is on this disk because it was downloaded, by path.
        free_bytes: on the disk of the folder.
        taken: where archives have brought videos to.
    """

    annotations: dict[SourceFile, int]
    archives: list[ArchiveState]
    kept_bytes: dict[str, int]
    free_bytes: int
    taken: Places = field(default_factory=Places)

    @property
    def download_bytes(self) -> int:
        return sum(self.annotations.values()) + sum(sum(state.to_bring.values()) for state in self.archives)

    @property
    def is_done(self) -> bool:
        return not self.annotations and all(state.is_done for state in self.archives)

    def needed_bytes(self, delete_archives: bool) -> int:
        """At the peak, at most, beside what is on the disk now."""
        now = peak = sum(self.annotations.values())
        for state in self.archives:
            now += sum(state.to_bring.values()) + state.bytes_to_write
            peak = max(peak, now)
            if delete_archives:
                now -= self.kept_bytes[state.archive.path] + sum(state.to_bring.values())
        return peak


def make_plan(
    source: DataSource, contents: Contents, folder: Path, inventory: Inventory, others: Sequence[Archive] = ()
) -> Plan:
    """Compares what is asked for with what is there.

    Args:
        others: archives of the source that are not asked for, but may have been before.

    Raises:
        UserError: a file is there that is not the source's, and not of an earlier fetch.
    """
    annotations = {
        file: _missing_bytes(source, file, folder, inventory)
        for file in contents.annotations
        if not _is_there(source, file, folder, inventory)
    }
    taken = _taken(others, inventory) if contents.archives else Places()
    archives = _archive_states(contents.archives, folder, inventory, taken)
    kept = dict.fromkeys((archive.path for archive in contents.archives), 0)
    for state in archives:
        for part in state.archive.parts:
            if source.in_place(part) is None:
                if _is_there(source, part, folder, inventory):
                    kept[state.archive.path] += part.size_bytes
                elif not state.is_done:
                    state.to_bring[part] = _missing_bytes(source, part, folder, inventory)
    nearest = next(path for path in (folder / ARCHIVE_FOLDER, folder, *folder.absolute().parents) if path.is_dir())
    return Plan(annotations, archives, kept, shutil.disk_usage(nearest).free, taken)


def refused(states: Sequence[ArchiveState]) -> tuple[Counter[str], dict[str, list[str]]]:
    """Members of all archives that were refused, by reason, and some of them with their archive."""
    counts: Counter[str] = Counter()
    some: dict[str, list[str]] = {}
    for state in states:
        counts += state.extracted.refused
        for reason, names in state.extracted.names.items():
            shown = some.setdefault(reason, [])
            shown += [f"{name!a} in {state.archive.title}" for name in names[: NAMES_KEPT - len(shown)]]
    return counts, some


def _is_there(source: DataSource, file: SourceFile, folder: Path, inventory: Inventory) -> bool:
    """Whether the file is brought, or lies there as if it were (which is verified before it is used)."""
    path = folder / file.path
    if inventory.brought(file):
        return True
    return path.is_file() and path.stat().st_size == file.size_bytes and not inventory.is_untouched(file.path)


def _missing_bytes(source: DataSource, file: SourceFile, folder: Path, inventory: Inventory) -> int:
    path = folder / file.path
    if path.exists() and not inventory.is_untouched(file.path):
        raise not_ours(path, source)
    return source.missing_bytes(file, path)


def not_ours(path: Path, source: DataSource) -> UserError:
    return UserError(f"'{path}' is there, and is not what {source.name} has: move it away and run it again")


def _taken(others: Sequence[Archive], inventory: Inventory) -> Places:
    taken = Places()
    for place in inventory.places_of_others():
        taken.add(place)
    for archive in others:
        for place in inventory.ledger(archive).read().videos:
            taken.add(place)
    return taken


def _archive_states(
    archives: Sequence[Archive], folder: Path, inventory: Inventory, taken: Places
) -> list[ArchiveState]:
    """What is known of each archive; adds its places to those that are taken."""
    states = []
    for archive in archives:
        ledger = inventory.ledger(archive)
        state = ArchiveState(archive, ledger.read(), ledger.is_of_another())
        states.append(state)
        own = {place: size for place, size in state.extracted.videos.items() if taken.add(place)}
        state.extracted.videos = {}
        state.lost = differing(own, folder)
        state.lost_bytes = sum(own[place] for place in state.lost)
        state.video_count = len(own) - len(state.lost)
        state.video_bytes = sum(own.values()) - state.lost_bytes
    for state in states:
        free = {place: size for place, size in state.extracted.left.items() if place not in taken}
        state.extracted.left = {}
        state.lost |= free.keys()
        state.lost_bytes += sum(free.values())
    return states


def differing(videos: dict[str, int], folder: Path) -> set[str]:
    """Those that are not there with their size."""
    root = f"{folder}/{ARCHIVE_FOLDER}/"
    found = set()
    for place, size in videos.items():
        try:
            if os.stat(root + place).st_size == size:  # noqa: PTH116  (a Path costs as much as the rest)
                continue
        except OSError:
            pass
        found.add(place)
    return found
