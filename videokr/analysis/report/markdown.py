"""The report's tables as Markdown, for a model card."""

import re
from collections.abc import Iterator, Sequence

from videokr.analysis.report.breakdown import as_table, breakdowns
from videokr.analysis.report.cards import budget_text, card_table
from videokr.analysis.report.lineup import Lineup
from videokr.analysis.report.probes import probe_table
from videokr.analysis.report.published import other_table, published_table
from videokr.analysis.report.verdicts import verdict_table
from videokr.evaluation.benchmarks import title_of
from videokr.page.markup import readable
from videokr.page.table import Cell, Table, Tone

# What Markdown takes for marks: some anywhere, some in front of a text, and the slashes of an address.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]|^[-+=](?=\s)|(?<=:)/")
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def as_markdown(lineup: Lineup, against: str) -> str:
    budgets = dict.fromkeys(budget_text(entry.run.card.budget) for entry in lineup.entries)
    lines = [f"Frames: {'; or '.join(budgets)}."]
    first = lineup.entries[0].label
    lines += [f"Not comparable: {entry.label} was not asked like {first}, {line}." for entry, line in lineup.mixed]
    others, probes = other_table(lineup), probe_table(lineup)
    parts = [
        "## Evaluation",
        "\n".join(f"{'- ' if len(lines) > 1 else ''}{escaped(line)}" for line in lines),
        *_table(published_table(lineup, against)),
        *(["### Other benchmarks", *_table(others)] if others else []),
        *(["### Does the score need the video?", *_table(probes)] if probes else []),
        "### Verdicts",
        *_table(verdict_table(lineup)),
        *_breakdowns(lineup),
        "### Run cards",
        *_table(card_table(lineup)),
    ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(lambda found: _HTML.get(found[0], f"\\{found[0]}"), " ".join(readable(text).split()))


def _breakdowns(lineup: Lineup) -> Iterator[str]:
    for benchmark, parts in breakdowns(lineup).items():
        yield f"### {escaped(title_of(benchmark))}, broken down"
        for part in parts:
            yield from _table(as_table(part))


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
        yield _list(table.notes)


def _list(notes: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(note)}" for note in notes)


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    return f"**{text}**" if cell.tone in (Tone.STRONG, Tone.BETTER, Tone.WORSE) else text
