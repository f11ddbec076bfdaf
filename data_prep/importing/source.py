"""The rows of a file, whatever its form, and perhaps of a second one that is joined with it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.importing.charades_file import CharadesFile
from data_prep.importing.columns import Columns
from data_prep.importing.json_file import JsonFile
from data_prep.importing.parquet_file import ParquetFile
from data_prep.importing.row import Row, rows_of
from data_prep.importing.table import Table
from videokr.errors import RecordError, UserError
from videokr.jsonl import TABLE_SUFFIXES

JSON_SUFFIXES, PARQUET_SUFFIX = (".jsonl", ".ndjson", ".json"), ".parquet"
# Each has `records(progress)`, which streams the rows, or why one is none, with their places, and tells `progress` how
# much of `total` was read, in `unit`s; and `describe()`, which says its form in a line.
Reader = Table | JsonFile | ParquetFile | CharadesFile


class FileSource:
    """A source of rows that is a file.

    Args:
        with_question: rows without a question are given one.
        joined: a second file with more of each row.

    Attributes:
        total, unit: how much there is to read.

    Raises:
        UserError: the file is not there, is of no known form, or is a table without the columns that a record needs.
    """

    def __init__(
        self, path: Path, encoding: str | None, columns: Columns, with_question: bool, joined: "Joined | None"
    ):
        self._reader, self._columns, self._joined = open_reader(path, encoding, columns), columns, joined
        self.total, self.unit, self.describe = self._reader.total, self._reader.unit, self._reader.describe
        if isinstance(self._reader, Table) and not joined:
            self._reader.refuse_lacking(columns, with_question)

    def rows(self, progress: Callable[[int], Any]) -> Iterator[Row]:
        """Streams the rows in order."""
        for number, record in self._reader.records(progress):
            if self._joined and not isinstance(record, RecordError):
                record = self._joined.join(record)
            yield from rows_of(number, record, self._columns)


class Joined:
    """A second file with more of each row (the answers, say), found by a key; it is held in memory.

    Args:
        on: the column of the key, or `OWN=THEIRS` where the file calls it otherwise.

    Attributes:
        rows: the file's, by their keys.
        found: keys that rows had.

    Raises:
        UserError: a row is broken or has no key, or a key stands there twice.
    """

    def __init__(self, path: Path, on: str, encoding: str | None):
        self.path = path
        self.on, _, theirs = on.partition("=")
        self.rows: dict[str, dict[str, Any]] = {}
        self.found: set[str] = set()
        for number, row in open_reader(path, encoding, None).records(lambda read: None):
            if isinstance(row, RecordError):
                raise row.located(str(path), number)
            column = next((name for name in (theirs or self.on, "key") if name in row), None)
            if column is None:
                names = ", ".join(map(repr, row))
                way_out = f"--on {self.on}=THEIRS names it"
                raise UserError(f"--join '{path}' has no column {theirs or self.on!r}, but {names}: {way_out}")
            key = str(row.pop(column)).strip()
            if key in self.rows:
                raise UserError(f"--join '{path}': the key {key!r} stands there twice")
            self.rows[key] = row

    def join(self, row: Mapping[str, Any]) -> dict[str, Any] | RecordError:
        """The row with what the file has of it; what both have stays the row's own. A fault where it has nothing."""
        if self.on not in row:
            names = ", ".join(map(repr, row))
            return RecordError(self.on, "no such column", f"--on names it; there are {names}")
        key = str(row[self.on]).strip()
        if key not in self.rows:
            return RecordError(self.on, "no row of --join has this key", f"{key!r} is not in '{self.path}'")
        self.found.add(key)
        more = self.rows[key]
        return {**more, **{name: value for name, value in row.items() if name not in more or value not in (None, "")}}


def open_reader(path: Path, encoding: str | None, columns: Columns | None) -> Reader:
    """The reader of a file by its suffix.

    Args:
        columns: None: of a file that is joined.

    Raises:
        UserError: the file is not there, or is of no known form.
    """
    if not path.is_file():
        raise UserError(f"'{path}' is not there: give a table, a JSON file or a folder")
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES and CharadesFile.opens(path, encoding):
        return CharadesFile(path, encoding)
    if suffix in TABLE_SUFFIXES:
        return Table(path, columns, encoding)
    if suffix in JSON_SUFFIXES:
        file = JsonFile(path, encoding, columns.rows_in if columns else None, with_values=columns is None)
        if columns and file.rows_in:
            columns.rows_found = True
        return file
    if suffix == PARQUET_SUFFIX:
        return ParquetFile(path)
    known = ", ".join((*TABLE_SUFFIXES, *JSON_SUFFIXES, PARQUET_SUFFIX))
    raise UserError(f"'{path}' is none of {known}: name it by what it holds (spreadsheets save as CSV)")
