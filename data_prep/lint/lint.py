"""Annotation files looked through: their pieces in worker processes, then what shows between rows, then the whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path

from tqdm import tqdm

from data_prep.batches import read_batches
from data_prep.engine import Failure, run
from data_prep.lint.between import Between, Shared
from data_prep.lint.flagged import Flagged
from data_prep.lint.lengths import Lengths
from data_prep.lint.scan import Part, Scan, Seen
from data_prep.lint.table import Table
from data_prep.lint.tally import Tally
from videokr.errors import UserError
from videokr.jsonl import refuse_unreadable

MAX_BATCH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Linted:
    """
    Attributes:
        files: as they were given.
        tallies: one a file.
        lengths: how they were looked at; None: they were not.
    """

    files: list[str]
    tallies: list[Tally]
    flagged: Flagged
    shared: Shared
    lengths: Lengths | None


def lint(files: Sequence[Path], lengths: Lengths | None, shown: int, workers: int) -> Linted:
    """Reads every file once. What comes out does not depend on the number of workers.

    Args:
        shown: rows of each finding that are kept to be shown.
        workers: processes.

    Raises:
        UserError: a file is not there, cannot be read, or holds nothing.
    """
    for path in files:
        refuse_unreadable(path)
    names = [str(path) for path in files]
    tallies, table, flagged = [Tally() for _ in files], Table(), Flagged(names, shown)
    total = sum(path.stat().st_size for path in files)
    with tqdm(total=total, desc="linting", unit="B", unit_scale=True, disable=None) as bar:
        for part, seen in _in_order(Scan(tuple(files), lengths), workers):
            tallies[part.file].add(seen.tally)
            table.add(seen.entries)
            for line, name, flag in seen.flags:
                flagged.add(part.file, line, name, flag)
            bar.update(part.size)
    between = Between(table, tallies, names)
    for place, flag in between.find():
        flagged.add(place.file, place.line, place.id, flag)
    return Linted(names, tallies, flagged, between.shared, lengths)


def _parts(files: Sequence[Path]) -> Iterator[Part]:
    numbers = count()
    for file, path in enumerate(files):
        for batch in read_batches(path):
            size = sum(map(len, batch.lines)) or (
                path.stat().st_size if batch.first == 1 else 0
            )  # a list is read at once
            yield Part(next(numbers), file, size, batch)


def _in_order(scan: Scan, workers: int) -> Iterator[tuple[Part, Seen]]:
    parts = _parts(scan.files)
    first = list(islice(parts, 2))
    if workers == 1 or len(first) < 2:
        for part in chain(first, parts):
            yield part, scan.look(part)
        return
    early: dict[int, tuple[Part, Seen]] = {}
    due = 0
    for part, seen in run(scan.look, chain(first, parts), workers=workers, seconds_each=MAX_BATCH_SECONDS):
        if isinstance(seen, Failure):
            raise UserError(
                f"'{scan.files[part.file]}' from line {part.batch.first} on: {seen.reason}; try fewer --workers"
            )
        early[part.number] = part, seen
        while due in early:
            yield early.pop(due)
            due += 1
