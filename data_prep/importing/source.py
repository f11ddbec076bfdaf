"""What rows are read from: a file, perhaps joined with a second one, or a folder of captions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from data_prep.importing.columns import Columns
from data_prep.importing.json_file import JsonFile
from data_prep.importing.parquet_file import ParquetFile
from data_prep.importing.row import Row, rows_of
from data_prep.importing.table import Table
from videokr.errors import RecordError, UserError
from videokr.jsonl import TABLE_SUFFIXES

JSON_SUFFIXES, PARQUET_SUFFIX = (".jsonl", ".ndjson", ".json"), ".parquet"


class Reader(Protocol):
    """A file that is read once.

    Attributes:
        total, unit: how much there is to read, for a progress bar; None where that is not known.
    """

    total: int | None
    unit: str

    def records(self, advance: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """Streams the file's rows with their places; `advance` is told how many units were read since it was told."""

    def describe(self) -> str:
        """What was found of the file's form, in a line."""


class Source(Protocol):
    """What rows come from: see `Reader`."""

    total: int | None
    unit: str

    def rows(self, advance: Callable[[int], Any]) -> Iterator[Row]: ...

    def describe(self) -> str: ...


@dataclass(slots=True)
class Joined:
    """A second file with more of each row (the answers, say), found by a key; it is held in memory.

    Attributes:
        name: of the file, as the user gave it.
        on: column of a row that holds its key.
        found: keys that rows had.
    """

    name: str
    on: str
    rows: Mapping[str, Mapping[str, Any]]
    found: set[str] = field(default_factory=set)

    def join(self, row: Mapping[str, Any]) -> dict[str, Any] | RecordError:
        """The row with what the file has of it; what both have stays the row's own. A fault where it has nothing."""
        if self.on not in row:
            names = ", ".join(map(repr, row))
            return RecordError(self.on, "no such column", f"--on names it; there are {names}")
        key = str(row[self.on]).strip()
        more = self.rows.get(key)
        if more is None:
            return RecordError(self.on, "no row of --join has this key", f"{key!r} is not in '{self.name}'")
        self.found.add(key)
        return {**more, **{name: value for name, value in row.items() if name not in more or value not in (None, "")}}


def read_joined(path: Path, on: str, encoding: str | None) -> Joined:
    """
    Args:
        on: the column of the key, or `OWN=THEIRS` where the file calls it otherwise.

    Raises:
        UserError: a row is broken or has no key, or a key stands there twice.
    """
    own, _, theirs = on.partition("=")
    rows: dict[str, dict[str, Any]] = {}
    for number, record in open_reader(path, encoding, None).records(lambda units: None):
        if isinstance(record, RecordError):
            raise record.located(str(path), number)
        column = next((name for name in (theirs or own, "key") if name in record), None)
        if column is None:
            names = ", ".join(map(repr, record))
            raise UserError(f"--join '{path}' has no column {theirs or own!r}, but {names}: --on {own}=THEIRS names it")
        key = str(record[column]).strip()
        if key in rows:
            raise UserError(f"--join '{path}': the key {key!r} stands there twice")
        rows[key] = {name: value for name, value in record.items() if name != column}
    return Joined(str(path), own, rows)


class FileSource:
    """The rows of a file by their columns: see `Source`.

    Args:
        with_question: rows without a question are given one.
        joined: a second file with more of each row.

    Raises:
        UserError: the file is not there, is of no known form, or is a table without the columns that a record needs.
    """

    def __init__(self, path: Path, encoding: str | None, columns: Columns, with_question: bool, joined: Joined | None):
        self._reader, self._columns, self._joined = open_reader(path, encoding, columns), columns, joined
        self.total, self.unit, self.describe = self._reader.total, self._reader.unit, self._reader.describe
        if isinstance(self._reader, Table) and not joined:
            self._reader.refuse_lacking(columns, with_question)

    def rows(self, advance: Callable[[int], Any]) -> Iterator[Row]:
        for number, record in self._reader.records(advance):
            if self._joined and not isinstance(record, RecordError):
                record = self._joined.join(record)
            yield from rows_of(number, record, self._columns)


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
