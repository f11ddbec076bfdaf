"""A second file with more of each row (the answers, say), found by a key; it is held in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.importing.row import Reader
from videokr.errors import RecordError, UserError


@dataclass(slots=True)
class Joined:
    """
    Attributes:
        name: of the file, as the user gave it.
        on: column of a row that holds its key.
        found: keys that rows had.
    """

    name: str
    on: str
    rows: Mapping[str, Mapping[str, Any]]
    found: set[str] = field(default_factory=set)

    def join(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with what the file has of it; what both have stays the row's own.

        Raises:
            RecordError: the row has no key, or the file has not got it.
        """
        if self.on not in row:
            raise RecordError(self.on, "no such column", f"--on names it; there are {', '.join(map(repr, row))}")
        key = str(row[self.on]).strip()
        more = self.rows.get(key)
        if more is None:
            raise RecordError(self.on, "no row of --join has this key", f"{key!r} is not in '{self.name}'")
        self.found.add(key)
        return {**more, **{name: value for name, value in row.items() if name not in more or value not in (None, "")}}


def read_joined(reader: Reader, path: Path, on: str) -> Joined:
    """
    Args:
        on: the column of the key, or `OWN=THEIRS` where the file calls it otherwise.

    Raises:
        UserError: a row is broken or has no key, or a key stands there twice.
    """
    own, _, theirs = on.partition("=")
    rows: dict[str, dict[str, Any]] = {}
    for number, record in reader.records(lambda units: None):
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
