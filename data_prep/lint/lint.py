"""Annotation files looked through: their pieces in worker processes, then what shows between rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from data_prep.batches import Batch, read_batches
from data_prep.engine import Failure, run
from data_prep.lint.biases import Tally
from data_prep.lint.corpus import LINES, ComparedRow, Corpus, Shared, compared
from data_prep.lint.finding import Flag, Row, read_row
from data_prep.lint.language import find_language
from data_prep.lint.length import Lengths
from data_prep.lint.question import find_leak, find_longest, find_options
from data_prep.lint.response import find_rationale, find_tags
from videokr.errors import UserError
from videokr.jsonl import refuse_unreadable

MAX_BATCH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found in annotation files.

    Attributes:
        files: as they were given.
        tallies: one a file.
        lengths: how they were looked at; None: they were not.
    """

    files: list[str]
    tallies: list[Tally]
    corpus: Corpus
    shared: Shared
    lengths: Lengths | None


class Piece(NamedTuple):
    """A piece of an annotation file, for one task.

    Attributes:
        number: among all pieces of all files.
        file: number of the file.
        size: bytes of it that the piece stands for.
    """

    number: int
    file: int
    size: int
    batch: Batch


@dataclass(slots=True)
class Seen:
    """What was found in a piece: `flags` with the place and the id of their row."""

    tally: Tally = field(default_factory=Tally)
    rows: list[tuple[ComparedRow, list[int]]] = field(default_factory=list)
    flags: list[tuple[int, str, Flag]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scan:
    """Looks through a piece, in whatever process: every check that needs one row alone.

    Attributes:
        lengths: None: lengths are not looked at.
    """

    lengths: Lengths | None

    def look(self, piece: Piece) -> Seen:
        seen = Seen()
        for line, record in piece.batch.records():
            row = read_row(line, record)
            seen.tally.count(row)
            flags = list(self._flags(row, seen.tally))
            seen.flags += [(piece.file * LINES + line, row.id, flag) for flag in flags]
            if row.example:
                seen.rows.append(compared(piece.file, row, {flag.field for flag in flags}))
        return seen

    def _flags(self, row: Row, tally: Tally) -> Iterator[Flag]:
        flags = list(find_tags(row))
        yield from flags
        torn = {flag.field for flag in flags}  # of which nothing else is said: what it holds is not what was meant
        if row.error and row.error.field not in torn:
            error = row.error
            detail = error.detail or repr(error.reason)
            yield Flag("unreadable", detail, field=error.field, reason=f"{error.field}: {error.reason}")
        found = chain(find_options(row), find_leak(row), find_rationale(row), find_language(row))
        yield from (flag for flag in found if flag.field not in torn)
        yield from find_longest(row)
        if self.lengths and row.example:
            verdict, tokens = self.lengths.verdict(row.example)
            tally.lengths[verdict] += 1
            if tokens:
                yield self.lengths.flag(tokens)


def lint(files: Sequence[Path], lengths: Lengths | None, workers: int) -> Linted:
    """Reads every file once. What comes out does not depend on the number of workers.

    Args:
        workers: processes.

    Raises:
        UserError: a file is not there, cannot be read, or holds nothing.
        sqlite3.OperationalError: there is no room on disk for what is compared.
    """
    for path in files:
        refuse_unreadable(path)
    names = [str(path) for path in files]
    tallies, corpus = [Tally() for _ in files], Corpus(names)
    total = sum(path.stat().st_size for path in files)
    with tqdm(total=total, desc="linting", unit="B", unit_scale=True, disable=None) as bar:
        for piece, seen in _in_order(files, Scan(lengths), workers):
            tallies[piece.file].add(seen.tally)
            corpus.add(seen.rows)
            corpus.flag(seen.flags)
            bar.update(piece.size)
    shared = corpus.compare(tallies)
    return Linted(names, tallies, corpus, shared, lengths)


def _pieces(files: Sequence[Path]) -> Iterator[Piece]:
    numbers = count()
    for file, path in enumerate(files):
        for batch in read_batches(path):
            size = sum(map(len, batch.lines))
            if batch.listed and batch.first == 1:  # a list is read at once
                size = path.stat().st_size
            yield Piece(next(numbers), file, size, batch)


def _in_order(files: Sequence[Path], scan: Scan, workers: int) -> Iterator[tuple[Piece, Seen]]:
    """What was found in each piece, in the order of the files, whichever worker is done first."""
    pieces = _pieces(files)
    first = list(islice(pieces, 2))
    if workers == 1 or len(first) < 2:
        for piece in chain(first, pieces):
            yield piece, scan.look(piece)
        return
    early: dict[int, tuple[Piece, Seen]] = {}
    due = 0
    for piece, seen in run(scan.look, chain(first, pieces), workers=workers, seconds_each=MAX_BATCH_SECONDS):
        if isinstance(seen, Failure):
            place = f"'{files[piece.file]}' from line {piece.batch.first} on"
            raise UserError(f"{place}: {seen.reason}; try fewer --workers")
        early[piece.number] = piece, seen
        while due in early:
            yield early.pop(due)
            due += 1
