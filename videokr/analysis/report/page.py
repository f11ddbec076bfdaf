"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.breakdown import Breakdown, grouping_title, overview
from videokr.analysis.report.examples import Case, group_counts, response_parts, token_counts
from videokr.analysis.report.figures import NOTHING, accuracy, span
from videokr.analysis.report.run_set import RunSet
from videokr.analysis.report.scores import VERDICT_NAMES
from videokr.evaluation.benchmarks import title_of
from videokr.options import LETTERS
from videokr.page.document import document
from videokr.page.sheet import Sheets, sheet_style
from videokr.page.table import Table
from videokr.page.text import fair_length, page_bytes

TITLE = "VideoKR evaluation"
OPEN_BENCHMARKS = 2  # so many breakdowns are open when the page is


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says, as a page or as Markdown.

    Attributes:
        others: benchmarks that are not published; None where there are none, as of the probes.
        breakdowns: by benchmark.
        cases: the examples on the page.
        question_count: how many examples there are.
        text_bytes: what their responses may take up together; longer ones are cut.
    """

    run_set: RunSet
    published: Table
    others: Table | None
    probes: Table | None
    verdicts: Table
    breakdowns: Mapping[str, Sequence[Breakdown]]
    cards: Table
    cases: Sequence[Case]
    question_count: int
    text_bytes: int


def page(report: Report, sheets: Sheets) -> Iterator[str]:
    """The page in pieces.

    Args:
        sheets: the contact sheet of every video of the cases; empty for a page without.
    """
    run_set, cases = report.run_set, report.cases
    answers = [answered for case in cases for _, answered in case.answers]
    sections = {
        "scores": "Scores",
        "probes": "Does the score need the video?",
        "verdicts": "Verdicts",
        "breakdowns": "Breakdowns",
        "cards": "Run cards",
        "examples": "Examples",
    }
    if not report.probes:
        del sections["probes"]
    return document(
        "videokr.analysis.report/report.jinja",
        f"{TITLE}: {', '.join(dict.fromkeys(view.model for view in run_set.views))}",
        script="videokr.analysis.report/filter.js",
        pictures=sheet_style(sheets.values()),
        heading=TITLE,
        sections=sections,
        report=report,
        run_set=run_set,
        several=len(run_set.views) > 1,
        warnings=_warnings(run_set),
        overview=overview(run_set),
        max_open=OPEN_BENCHMARKS,
        max_bytes=fair_length((page_bytes(answered.response) for answered in answers), report.text_bytes),
        benchmark_counts=Counter(case.benchmark for case in cases),
        verdict_counts=Counter(
            verdict for case in cases for verdict in {answered.verdict for _, answered in case.answers}
        ),
        group_counts=group_counts(cases),
        sheets=sheets,
        sheet_numbers={path: number for number, path in enumerate(sheets)},
        # What the templates say it with.
        letters=LETTERS,
        verdict_names=VERDICT_NAMES,
        nothing=NOTHING,
        accuracy=accuracy,
        span=span,
        title_of=title_of,
        grouping_title=grouping_title,
        response_parts=response_parts,
        token_counts=token_counts,
    )


def _warnings(run_set: RunSet) -> list[str]:
    """What sets the runs apart from the first."""
    lines = [f"Not comparable: run {view.number} was not asked like run 1, {line}." for view, line in run_set.mixed]
    numbers_of: dict[str, list[str]] = {}
    for view in run_set.views:
        names = ", ".join(name for other, name in run_set.unlike if other is view)
        if names:
            numbers_of.setdefault(names, []).append(str(view.number))
    for names, numbers in numbers_of.items():
        runs = f"{'Runs' if len(numbers) > 1 else 'Run'} {', '.join(numbers)}"
        lines.append(f"{runs}: other than run 1 in {names}; see the run cards.")
    return lines
