"""Text and tables as Markdown shows them."""

import re
from collections.abc import Iterator

from videokr.page.document import readable
from videokr.page.table import Cell, Table, Tone

# What Markdown takes for marks: some anywhere, some in front of a text, and the slashes of an address.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]|^[-+=](?=\s)|(?<=:)/")
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(lambda found: _HTML.get(found[0], f"\\{found[0]}"), " ".join(readable(text).split()))


def table_parts(table: Table) -> Iterator[str]:
    """The table, then its notes."""
    ruler = ["---", *["--:" if table.is_numeric else "---" for _ in table.columns]]
    rows = [[escaped(table.corner), *map(escaped, table.columns)], ruler]
    for section in table.sections:
        if section.title:
            rows.append([f"**{escaped(section.title)}**", *[""] * len(table.columns)])
        rows += [[escaped(row.label), *map(_cell, row.cells)] for row in section.rows]
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)
    if table.notes:
        yield "\n".join(f"- {escaped(note)}" for note in table.notes)


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    return f"**{text}**" if cell.tone in (Tone.STRONG, Tone.BETTER, Tone.WORSE) else text
