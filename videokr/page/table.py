"""A table, whatever it is written as. `table.jinja` draws it on a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a cell is to be read; never said by colour alone."""

    PLAIN = ""
    STRONG = "strong"  # the number that the table is about
    BETTER = "better"
    WORSE = "worse"
    BOUNDS = "bounds"  # only limits are known
    WARNING = "warning"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN
    shows: Mapping[str, str] | None = None  # the filters of the browser that show what is counted (`filter.js`)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    label: str
    cells: Sequence[Cell]
    is_detail: bool = False  # belongs to the row above


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together."""

    title: str | None  # None where the rows speak for themselves
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a page shows it."""

    caption: str
    corner: str  # what the rows are
    columns: Sequence[str]  # of the cells; every row has as many
    sections: Sequence[Section]
    groups: Sequence[tuple[str, int]] = ()  # titles over the columns, with how many each spans
    notes: Sequence[str] = ()  # how to read it
    is_numeric: bool = True  # whether cells stand to the right
