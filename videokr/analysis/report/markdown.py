"""The report's tables as Markdown, for a model card."""

from collections.abc import Iterator

from videokr.analysis.report.breakdown import breakdown_table
from videokr.analysis.report.page import SECTIONS, Report
from videokr.evaluation.benchmarks import title_of
from videokr.page.markdown import escaped, table_parts


def as_markdown(report: Report) -> str:
    """The whole text; what models and data sets say is escaped."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    run_set = report.run_set
    first = run_set.views[0].label
    lines = [f"Not comparable: {view.label} was not asked like {first}, {line}." for view, line in run_set.mixed]
    lines.insert(0, f"Frames: {run_set.budgets}.")
    yield "## Evaluation"
    yield "\n".join(f"{'- ' if len(lines) > 1 else ''}{escaped(line)}" for line in lines)
    for name, table in report.tables.items():
        yield f"### {SECTIONS[name]}"
        yield from table_parts(table)
    for benchmark, parts in report.breakdowns.items():
        yield f"### {escaped(title_of(benchmark))}, broken down"
        for part in parts:
            yield from table_parts(breakdown_table(part))
