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
    """A cell of a table.

    Attributes:
        shows: the filters of the browser that show what is counted here (`filter.js`); None where there are none.
    """

    text: str
    tone: Tone = Tone.PLAIN
    shows: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        is_detail: belongs to the row above.
    """

    label: str
    cells: Sequence[Cell]
    is_detail: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together.

    Attributes:
        title: None where the rows speak for themselves.
    """

    title: str | None
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a page shows it.

    Attributes:
        corner: what the rows are.
        columns: of the cells; every row has as many.
        groups: titles over the columns, with how many each spans; empty where there are none.
        notes: how to read it.
        is_numeric: whether cells stand to the right.
    """

    caption: str
    corner: str
    columns: Sequence[str]
    sections: Sequence[Section]
    groups: Sequence[tuple[str, int]] = ()
    notes: Sequence[str] = ()
    is_numeric: bool = True
