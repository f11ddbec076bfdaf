"""A CSV or TSV file as spreadsheets and programs write it: the header tells the delimiter, cells keep their text."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.columns import ANSWER, QUESTION, SHOWN, VIDEOS, Columns, listed
from data_prep.importing.json_file import Number
from data_prep.importing.text_file import encoding_of, opened_text, plain_breaks, refuse_undecoded
from videokr.errors import RecordError, UserError
from videokr.jsonl import LINE

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MAX_HEAD_CHARS = 1_000_000  # in which a header ends
# Longer is no cell, but a quote that never closes and would take the rest of the file into memory.
MAX_CELL_CHARS = 64_000_000
_BROKEN_QUOTES = {  # by what the csv module says
    "field larger": f"a cell of more than {MAX_CELL_CHARS:,} characters: a quote that never closes?",
    "end of data": "a quote opens and never closes",
    "expected after": 'text follows a closing quote: a quote inside of a quoted cell is written twice, ""',
}


class Table:
    """A file with a header and a row a line, or more lines where cells are quoted: see `source.Reader`.

    Args:
        columns: None: of a table that is joined, whose columns nothing is known of.

    Raises:
        UserError: there is no header.
    """

    unit = "B"

    def __init__(self, path: Path, columns: Columns | None, encoding: str | None):
        self.path = path
        self.total: int | None = path.stat().st_size
        self.encoding = encoding_of(path, encoding)
        with opened_text(path, self.encoding, newline="") as (text, _):
            head = text.read(MAX_HEAD_CHARS)
        if not head.strip():
            raise UserError(f"'{path}' is empty")
        self.delimiter, self.header = self._header(head, columns)
        if columns:
            columns.header = self.header

    def describe(self) -> str:
        return f"a table of {len(self.header)} columns, parted by {DELIMITERS[self.delimiter]}, {self.encoding}"

    def records(self, progress: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `source.Reader`; rows without anything in them are passed over."""
        csv.field_size_limit(MAX_CELL_CHARS)
        with opened_text(self.path, self.encoding, newline="") as (text, file):
            reader = csv.reader(text, delimiter=self.delimiter, strict=True, skipinitialspace=True)
            header: list[str] | None = None
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield line, _broken(error, line, reader.line_num)
                    continue
                if not any(map(str.strip, cells)):
                    continue
                if header is None:
                    header = cells
                    continue
                yield line, RecordError(LINE, "the header again") if cells == header else self._row(cells)
                progress(file.tell())

    def refuse_lacking(self, columns: Columns, with_question: bool) -> None:
        """Refuses a source without the columns that a record needs.

        Args:
            with_question: rows without a question are given one.

        Raises:
            UserError: no column has what a record needs, or one that the user named is not there.
        """
        for name in columns.asked:
            if name not in self.header:
                raise UserError(f"--column: '{self.path}' has no column '{name}', but {listed(self.header)}")
        there = {*columns.plan(self.header).single, *([QUESTION] if with_question else [])}
        lacking = [SHOWN[own] for own in (QUESTION, ANSWER, VIDEOS) if own not in there]
        if lacking:
            flags = " ".join(f"--column {name}=NAME" for name in lacking)
            same = " (one question of all: --question TEXT)" if QUESTION in lacking else ""
            raise UserError(
                f"'{self.path}' has no known column of the {', '.join(lacking)}: name it by {flags}{same}; "
                f"there are {listed(self.header)}"
            )

    def _row(self, cells: list[str]) -> dict[str, Any] | RecordError:
        if len(cells) > len(self.header) and not any(map(str.strip, cells[len(self.header) :])):
            cells = cells[: len(self.header)]  # the delimiters that spreadsheets put behind
        if len(cells) != len(self.header):
            few = "few" if len(cells) < len(self.header) else "many"
            return RecordError(LINE, f"too {few} cells", f"{len(cells)} for {len(self.header)} columns")
        row: dict[str, Any] = {}
        for name, cell in zip(self.header, cells, strict=True):
            try:
                refuse_undecoded(name, cell, self.encoding)
            except RecordError as fault:
                return fault
            text = plain_breaks(cell)
            row[name] = Number(text) if text.strip().isdecimal() else text  # a table does not tell them apart
        return row

    def _header(self, head: str, columns: Columns | None) -> tuple[str, list[str]]:
        """The delimiter, and the names: of all delimiters the one with which most columns are known."""
        found: list[tuple[int, int, str, list[str], Collection[str], RecordError | None]] = []
        for delimiter in DELIMITERS:
            names, fault = _names(head, delimiter), None
            try:
                used: Collection[str] = (columns or Columns()).plan(names).used
            except RecordError as error:
                used, fault = names, error
            found.append((len(used), len(names), delimiter, names, used, fault))
        known, _, delimiter, names, used, fault = max(found, key=lambda each: each[:2])
        if fault:
            raise fault.located(str(self.path), 1)
        if "\0" in "".join(names):
            raise UserError(f"'{self.path}' is no text in {self.encoding}: give --encoding, perhaps utf-16-le")
        if columns and not known:
            raise UserError(
                f"'{self.path}' has no header: its first row {listed(names)} names no known column; give it one, or "
                "name the columns by --column question=NAME --column answer=NAME --column video=NAME; "
                f"columns are parted by {' or '.join(DELIMITERS.values())}"
            )
        try:
            for name in names:
                refuse_undecoded(name, name, self.encoding)
        except RecordError as error:
            raise error.located(str(self.path), 1) from None
        if twice := sorted(name for name in used if names.count(name) > 1):
            raise UserError(f"'{self.path}': the header has {listed(twice)} twice: rename the one that is not meant")
        # A name that is not used may stand there twice, and then has its place, too.
        return delimiter, [
            f"{name} (column {place + 1})" if name in names[:place] else name for place, name in enumerate(names)
        ]


def _names(text: str, delimiter: str) -> list[str]:
    """The cells of the first row, less the empty ones that spreadsheets put behind."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        cells = next((row for row in reader if any(map(str.strip, row))), [])
    except csv.Error:
        cells = []
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return [name or f"(column {number})" for number, name in enumerate(names, start=1)]


def _broken(error: csv.Error, first: int, last: int) -> RecordError:
    detail = next((said for sign, said in _BROKEN_QUOTES.items() if sign in str(error)), str(error))
    lines = f"lines {first} to {last}: " if last > first else ""
    return RecordError(LINE, "broken quotes", lines + detail)
