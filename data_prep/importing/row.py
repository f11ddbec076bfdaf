"""What every kind of source yields: rows, whose fields are already called as the published records call them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from videokr.errors import RecordError


@dataclass(frozen=True, slots=True)
class Fields:
    """
    Attributes:
        values: by the first of the published spellings (`question`, `options`, `solution`, ...); nothing blank.
        columns: what the source calls the field, for messages.
        has_no_options: the user says that no column holds options.
        row: as the source has it, for messages.
    """

    values: dict[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)
    has_no_options: bool = False
    row: Mapping[str, Any] = field(default_factory=dict)


class Row(NamedTuple):
    """
    Attributes:
        line: where it begins in its file, or its place in a JSON list, counted from 1; None for a file of its own.
        content: its fields, or why there are none.
        file: of a folder, the file that it comes from, as text.
    """

    line: int | None
    content: Fields | RecordError
    file: str | None = None

    def located(self, fault: RecordError, source: str) -> RecordError:
        """The fault with its place, and the field by the name that the source has for it."""
        columns = self.content.columns if isinstance(self.content, Fields) else {}
        name, detail = columns.get(fault.field, fault.field), fault.detail
        if self.file is not None:
            detail = f"{self.file!r}{': ' if detail else ''}{detail}"
        return RecordError(name, fault.reason, detail, source, self.line)


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

    def rows(self, advance: Callable[[int], Any]) -> Iterator[Row]:
        """Streams the rows in order."""

    def describe(self) -> str:
        """What was found of the source's form, in a line."""
