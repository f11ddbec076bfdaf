"""A data set brought to a folder: file after file, and archive after archive."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.fetch.contents import SourceFile
from data_prep.fetch.extraction import Extraction
from data_prep.fetch.figures import counted, readable
from data_prep.fetch.hub import BadDownloadError
from data_prep.fetch.inventory import Inventory
from data_prep.fetch.part_chain import ArchiveError
from data_prep.fetch.places import Places
from data_prep.fetch.plan import ArchiveState, DataSource, Plan, not_ours
from videokr.errors import UserError


@dataclass(slots=True)
class Done:
    """What this run did.

    Attributes:
        came_bytes: downloaded or copied.
        verified: files that were held against what the source states.
        written: videos that were extracted.
        failed: what was wrong with archives that could not be extracted to their end, by path; the others were.
    """

    came_bytes: int = 0
    verified: int = 0
    written: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class Fetch:
    """
    Args:
        source: where files come from.
        folder: where they go.
        extraction: how archives are extracted.
    """

    def __init__(self, source: DataSource, folder: Path, inventory: Inventory, extraction: Extraction):
        self._source, self._folder, self._inventory, self._extraction = source, folder, inventory, extraction
        self._done = Done()

    def run(self, files: list[SourceFile], plan: Plan, delete_archives: bool) -> Done:
        """Brings the annotation files, then each archive, which is extracted and perhaps deleted before the next.

        Raises:
            UserError: the source cannot be reached, or a file is in the way of another.
        """
        for file in files:
            self._bring(file)
        for number, state in enumerate(plan.archives, start=1):
            try:
                if not state.is_done:
                    self._extract(state, plan.taken, f"{number} of {len(plan.archives)}: {state.archive.path}")
                if delete_archives:
                    self._delete(state)
            except (ArchiveError, BadDownloadError) as error:
                self._done.failed[state.archive.path] = str(error)
                print(f"error: {error}", file=sys.stderr, flush=True)
        return self._done

    def _bring(self, file: SourceFile) -> None:
        """Makes a file be there, verified."""
        if self._inventory.brought(file):
            return
        path = self._folder / file.path
        self._refuse_links(path)
        if path.exists() and not self._inventory.is_untouched(file.path):
            if not path.is_file() or not self._source.is_same(file, path):
                raise not_ours(path, self._source)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._done.came_bytes += self._source.bring(file, path)
        records = count_lines(path) if path.suffix == ".jsonl" else None
        self._inventory.add(file, records)
        self._done.verified += 1
        if records is not None:
            print(f"{file.path}: {counted(records, 'record')}, {readable(file.size_bytes)}", flush=True)

    def _refuse_links(self, path: Path) -> None:
        for parent in path.relative_to(self._folder).parents:
            if (self._folder / parent).is_symlink() and parent != Path():
                raise UserError(
                    f"'{self._folder / parent}' is a link, and none is followed: give the folder itself as --to"
                )

    def _extract(self, state: ArchiveState, taken: Places, title: str) -> None:
        archive = state.archive
        if state.is_changed:
            print(f"{archive.title}: another version than the one that was extracted; extracted anew", flush=True)
        places = []
        for part in archive.parts:
            place = self._source.in_place(part)
            if place is None:
                self._bring(part)
            places.append(place or self._folder / part.path)
        ledger = self._inventory.ledger(archive)
        try:
            self._extraction.extract(archive, places, ledger, state.lost, taken, title)
        finally:
            state.look_again(ledger.read(), self._folder)
            self._done.written += ledger.added
        said = f"{archive.title}: {counted(ledger.added, 'video')} extracted, {readable(archive.size_bytes)}"
        if state.extracted.refused:
            said += f"; {counted(state.extracted.refused.total(), 'member')} refused"
        print(said, flush=True)

    def _delete(self, state: ArchiveState) -> None:
        parts = [part for part in state.archive.parts if self._inventory.brought(part)]
        if parts:
            self._extraction.flush(self._inventory.ledger(state.archive).read())
        for part in parts:
            self._inventory.remove(part)


def count_lines(path: Path) -> int:
    """Lines of a file, with or without an end."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")
