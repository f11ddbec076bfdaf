"""One line of an annotation file: the raw record, and what it was read as."""

from dataclasses import dataclass
from typing import Any

from videokr.errors import RecordError
from videokr.example import Example, parse_record
from videokr.fields import NAMING_FIELDS


@dataclass(frozen=True, slots=True)
class Row:
    """
    Attributes:
        line: or its place in a list, counted from 1.
        record: as the file has it; empty for what is no JSON object.
        example: None where it cannot be read.
        error: why it cannot.
    """

    line: int
    record: dict[str, Any]
    example: Example | None
    error: RecordError | None

    @property
    def id(self) -> str:
        """As the record has it, of its fields or its video; empty where it has none."""
        return self.example.id if self.example else self.given_id

    @property
    def given_id(self) -> str:
        """Of a field that is there to name the row; empty where there is none."""
        for name in NAMING_FIELDS:
            value = self.record.get(name)
            if isinstance(value, str | int | float) and str(value).strip():
                return str(value).strip()
        return ""


def read_row(line: int, record: Any) -> Row:
    raw = record if isinstance(record, dict) else {}
    try:
        return Row(line, raw, parse_record(record), None)
    except RecordError as error:
        return Row(line, raw, None, error)
