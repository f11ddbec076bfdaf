"""A table, whatever it is written as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from videokr.page.markup import Markup, element, joined


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
    """
    Attributes:
        shows: the filters of the browser that show what is counted here (`filter.js`); None where there are none.
    """

    text: str
    tone: Tone = Tone.PLAIN
    shows: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """
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
    """
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


def as_html(table: Table) -> Markup:
    """In a box that scrolls by itself, so that the page never does sideways; the notes below it."""
    heads = [element("th", table.corner, scope="col"), *(element("th", name, scope="col") for name in table.columns)]
    group_heads = [
        element("th", title, colspan=width, scope="colgroup", class_="group") for title, width in table.groups
    ]
    head = element(
        "thead",
        element("tr", element("td"), *group_heads) if group_heads else None,
        element("tr", *heads),
    )
    bodies = [
        element(
            "tbody",
            element(
                "tr",
                element("th", section.title, colspan=len(table.columns) + 1, scope="rowgroup"),
                class_="section",
            )
            if section.title
            else None,
            *(_row(row) for row in section.rows),
        )
        for section in table.sections
    ]
    drawn = element(
        "table",
        element("caption", table.caption, class_="unseen"),
        head,
        *bodies,
        class_="numbers" if table.is_numeric else "words",
    )
    notes = element("ul", *(element("li", note) for note in table.notes), class_="notes") if table.notes else None
    return joined(element("div", drawn, class_="scroll", tabindex=0, role="region", aria_label=table.caption), notes)


def shown_by(shows: Mapping[str, str] | None) -> str | None:
    """Filters as the page's fragment has them."""
    return urlencode(shows) if shows else None


def _row(row: Row) -> Markup:
    cells = [
        element("td", cell.text, class_=cell.tone.value or None, data_shows=shown_by(cell.shows)) for cell in row.cells
    ]
    return element("tr", element("th", row.label, scope="row"), *cells, class_="detail" if row.is_detail else None)
