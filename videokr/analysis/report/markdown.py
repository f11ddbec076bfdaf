"""The report's tables as Markdown, for a model card."""

import re
from collections.abc import Iterator

from videokr.analysis.report.breakdown import breakdown_table
from videokr.analysis.report.page import Report
from videokr.evaluation.benchmarks import title_of
from videokr.page.document import readable
from videokr.page.table import Cell, Table, Tone

# What Markdown takes for marks: some anywhere, some in front of a text, and the slashes of an address.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]|^[-+=](?=\s)|(?<=:)/")
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def as_markdown(report: Report) -> str:
    """The whole text; what models and data sets say is escaped."""
    return "\n\n".join(_parts(report)) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(lambda found: _HTML.get(found[0], f"\\{found[0]}"), " ".join(readable(text).split()))


def _parts(report: Report) -> Iterator[str]:
    run_set = report.run_set
    first = run_set.views[0].label
    lines = [f"Not comparable: {view.label} was not asked like {first}, {line}." for view, line in run_set.mixed]
    lines.insert(0, f"Frames: {run_set.budgets}.")
    yield "## Evaluation"
    yield "\n".join(f"{'- ' if len(lines) > 1 else ''}{escaped(line)}" for line in lines)
    yield from _table(report.published)
    if report.others:
        yield "### Other benchmarks"
        yield from _table(report.others)
    if report.probes:
        yield "### Does the score need the video?"
        yield from _table(report.probes)
    yield "### Verdicts"
    yield from _table(report.verdicts)
    for benchmark, parts in report.breakdowns.items():
        yield f"### {escaped(title_of(benchmark))}, broken down"
        for part in parts:
            yield from _table(breakdown_table(part))
    yield "### Run cards"
    yield from _table(report.cards)


def _table(table: Table) -> Iterator[str]:
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
