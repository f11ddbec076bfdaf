"""A CSV or TSV file as spreadsheets and programs write it: the header tells the delimiter, cells keep their text."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.columns import ANSWER, NAMES, QUESTION, VIDEOS, Columns, Plan
from data_prep.importing.json_file import Number
from data_prep.importing.text_file import encoding_of, opened_text, plain_breaks, refuse_undecoded
from videokr.errors import RecordError, UserError
from videokr.jsonl import LINE

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
HEAD_CHARS = 1_000_000  # in which a header ends
# Longer is no cell, but a quote that never closes and would take the rest of the file into memory.
CELL_CHARS = 64_000_000
_SAYS_DELIMITER = re.compile(r'"?sep=([,;\t])"?[,;\t]*\s*')  # a first line that is for spreadsheets


class Table:
    """A file with a header and a row a line, or more lines where cells are quoted.

    Args:
        columns: None: of a table that is joined, whose columns nothing is known of.
        with_question: rows without a question are given one.
        is_whole: nothing is joined to it, so that it has to have every column itself.

    Raises:
        UserError: there is no header, or it names no column for what a record needs.
    """

    unit = "B"

    def __init__(
        self,
        path: Path,
        columns: Columns | None,
        encoding: str | None,
        with_question: bool = False,
        is_whole: bool = True,
    ):
        self.path, self.columns = path, columns or Columns()
        self.is_known = columns is not None
        self.total: int | None = path.stat().st_size
        self.encoding = encoding_of(path, encoding)
        with opened_text(path, self.encoding, newline="") as (text, _):
            head = text.read(HEAD_CHARS)
        if not head.strip():
            raise UserError(f"'{path}' is empty")
        self.delimiter, self.header = self._header(head)
        if self.is_known and is_whole:
            self._require(with_question)

    def describe(self) -> str:
        return f"a table of {len(self.header)} columns, parted by {DELIMITERS[self.delimiter]}, {self.encoding}"

    def records(self, advance: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `Reader.records`; rows without anything in them are passed over."""
        csv.field_size_limit(CELL_CHARS)
        with opened_text(self.path, self.encoding, newline="") as (text, file):
            reader = csv.reader(text, delimiter=self.delimiter, strict=True, skipinitialspace=True)
            header: list[str] | None = None
            read = 0
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield line, _broken(error, line, reader.line_num)
                    continue
                if not any(map(str.strip, cells)) or (header is None and _says_delimiter(cells)):
                    continue
                if header is None:
                    header = cells
                    continue
                yield line, RecordError(LINE, "the header again") if cells == header else self._row(cells)
                advance(file.tell() - read)
                read = file.tell()

    def _row(self, cells: list[str]) -> dict[str, Any] | RecordError:
        if len(cells) > len(self.header) and not any(map(str.strip, cells[len(self.header) :])):
            cells = cells[: len(self.header)]  # the delimiters that spreadsheets put behind
        try:
            if len(cells) != len(self.header):
                few = "few" if len(cells) < len(self.header) else "many"
                raise RecordError(LINE, f"too {few} cells", f"{len(cells)} for {len(self.header)} columns")
            for name, cell in zip(self.header, cells, strict=True):
                refuse_undecoded(name, cell, self.encoding)
            return {name: _typed(plain_breaks(cell)) for name, cell in zip(self.header, cells, strict=True)}
        except RecordError as fault:
            return fault

    def _header(self, head: str) -> tuple[str, list[str]]:
        """The delimiter, and the names: of all delimiters the one with which most columns are known."""
        first = head.lstrip().split("\n", 1)[0]
        said = _SAYS_DELIMITER.fullmatch(first.rstrip("\r"))
        body = head.lstrip()[len(first) :] if said else head
        found: list[tuple[str, list[str], int, RecordError | None]] = []
        for delimiter in [said[1]] if said else DELIMITERS:
            names = _names(_first_row(body, delimiter))
            try:
                found.append((delimiter, names, self._known(names), None))
            except RecordError as fault:
                found.append((delimiter, names, len(names), fault))
        delimiter, names, known, refused = max(found, key=lambda each: (each[2], len(each[1])))
        if refused:
            raise refused.located(str(self.path), 1)
        if "\0" in "".join(names):
            raise UserError(f"'{self.path}' is no text in {self.encoding}: give --encoding, perhaps utf-16-le")
        if not known and self.is_known:
            raise UserError(
                f"'{self.path}' has no header: its first row {_listed(names)} names no known column; give it one, or "
                "name the columns by --column question=NAME --column answer=NAME --column video=NAME; "
                f"columns are parted by {' or '.join(DELIMITERS.values())}"
            )
        for name in names:
            try:
                refuse_undecoded(name, name, self.encoding)
            except RecordError as error:
                raise error.located(str(self.path), 1) from None
        twice = sorted({name for name in _used(self.columns.plan(names)) if names.count(name) > 1})
        if twice:
            raise UserError(f"'{self.path}': the header has {_listed(twice)} twice: rename the one that is not meant")
        return delimiter, _unlike(names)

    def _known(self, names: list[str]) -> int:
        return len(_used(self.columns.plan(names)))

    def _require(self, with_question: bool) -> None:
        for name in self.columns.asked:
            if name not in self.header:
                raise UserError(f"--column: '{self.path}' has no column '{name}', but {_listed(self.header)}")
        there = {own for own, _ in self.columns.plan(self.header).single} | ({QUESTION} if with_question else set())
        lacking = [NAMES[own] for own in (QUESTION, ANSWER, VIDEOS) if own not in there]
        if lacking:
            flags = " ".join(f"--column {name}=NAME" for name in lacking)
            same = " (one question of all: --question TEXT)" if QUESTION in lacking else ""
            raise UserError(
                f"'{self.path}' has no known column of the {', '.join(lacking)}: name it by {flags}{same}; "
                f"there are {_listed(self.header)}"
            )


def _typed(cell: str) -> str:
    """A table does not tell numbers from texts: what may be a number is one."""
    return Number(cell) if cell.strip().isdecimal() else cell


def _first_row(text: str, delimiter: str) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        return next((row for row in reader if any(map(str.strip, row))), [])
    except csv.Error:
        return []


def _names(cells: list[str]) -> list[str]:
    """A header's names, less the empty ones that spreadsheets put behind."""
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return [name or f"(column {number})" for number, name in enumerate(names, start=1)]


def _unlike(names: list[str]) -> list[str]:
    """The names, with a number at those that are not used and stand there before."""
    return [
        f"{name} (column {place + 1})" if name in names[:place] else name for place, name in enumerate(names)
    ]  # fmt: skip


def _used(plan: Plan) -> set[str]:
    return {name for _, places in plan.single for name in places} | set(plan.lettered)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:20])
    return f"{shown}, ..." if len(names) > 20 else shown


def _says_delimiter(cells: list[str]) -> bool:
    return cells[0].startswith("sep=") and len(cells[0]) <= 5


def _broken(error: csv.Error, first: int, last: int) -> RecordError:
    detail = str(error)
    if "field larger" in detail:
        detail = f"a cell of more than {CELL_CHARS:,} characters: a quote that never closes?"
    elif "end of data" in detail:
        detail = "a quote opens and never closes"
    elif "expected after" in detail:
        detail = 'text follows a closing quote: a quote inside of a quoted cell is written twice, ""'
    lines = f"lines {first} to {last}: " if last > first else ""
    return RecordError(LINE, "broken quotes", lines + detail)
