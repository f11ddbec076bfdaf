"""A piece of an annotation file looked through in a worker process: every check that needs one row alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_prep.batches import Batch
from data_prep.lint import choices, language, leaks, rationales, tags
from data_prep.lint.findings import Flag
from data_prep.lint.lengths import Lengths
from data_prep.lint.row import Row, read_row
from data_prep.lint.table import Entries
from data_prep.lint.tally import Tally
from data_prep.lint.wording import excerpt
from videokr.example import Kind
from videokr.fields import OPTION_FIELDS
from videokr.options import LETTERS

LONGER_BY = 2.0  # the right option over the next: rows to show where the longest is right too often
_CHECKS = (choices.find, leaks.find, rationales.find, language.find)


class Part(NamedTuple):
    """
    Attributes:
        number: among all batches of all files.
        file: number of the file.
        size: bytes of it that the batch stands for.
    """

    number: int
    file: int
    size: int
    batch: Batch


@dataclass(slots=True)
class Seen:
    """What was found in a piece: `flags` with the line and the id of their row."""

    tally: Tally = field(default_factory=Tally)
    entries: Entries = field(default_factory=Entries)
    flags: list[tuple[int, str, Flag]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scan:
    """
    Attributes:
        files: whose parts are looked through.
        lengths: None: lengths are not looked at.
    """

    files: tuple[Path, ...]
    lengths: Lengths | None

    def look(self, part: Part) -> Seen:
        seen = Seen()
        for line, record in part.batch.records():
            row = read_row(line, record)
            seen.tally.count(row)
            flags = list(self._flags(row, seen.tally))
            seen.flags += [(line, row.id, flag) for flag in flags]
            if row.example:
                seen.entries.add(part.file, row, {flag.field for flag in flags})
        return seen

    def _flags(self, row: Row, tally: Tally) -> Iterator[Flag]:
        flags = list(tags.find(row))
        yield from flags
        torn = {flag.field for flag in flags}  # of which nothing else is said: what it holds is not what was meant
        if row.error and row.error.field not in torn:
            error = row.error
            detail = error.detail or repr(error.reason)
            yield Flag("unreadable", detail, field=error.field, reason=f"{error.field}: {error.reason}")
        yield from (flag for find in _CHECKS for flag in find(row) if flag.field not in torn)
        yield from _far_longer(row)
        if self.lengths and row.example:
            verdict, tokens = self.lengths.verdict(row.example)
            tally.lengths[verdict] += 1
            if tokens:
                yield self.lengths.flag(tokens)


def _far_longer(row: Row) -> Iterator[Flag]:
    """The right option far longer than any other: no fault, but what a bias is made of."""
    example = row.example
    if example is None or example.kind is Kind.OPEN_ENDED:
        return
    right = LETTERS.index(example.answer)
    lengths = [len(option) for option in example.options]
    own = lengths.pop(right)
    if own >= LONGER_BY * max(lengths):
        detail = f"{example.answer} has {own} characters, the next {max(lengths)}: {excerpt(example.options[right])!r}"
        yield Flag("longest", detail, own / max(lengths), OPTION_FIELDS[0])
