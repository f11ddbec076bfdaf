"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from videokr.analysis.report.breakdown import as_html as breakdown_html
from videokr.analysis.report.breakdown import breakdowns, overview, run_key
from videokr.analysis.report.browser import browser
from videokr.analysis.report.cards import budget_text, card_table
from videokr.analysis.report.cases import Case
from videokr.analysis.report.figures import count
from videokr.analysis.report.lineup import Lineup
from videokr.analysis.report.probes import probe_table
from videokr.analysis.report.published import other_table, published_table
from videokr.analysis.report.verdicts import verdict_table
from videokr.evaluation.benchmarks import title_of
from videokr.page.document import document
from videokr.page.excerpt import fair_length, page_bytes
from videokr.page.markup import Markup, element, joined
from videokr.page.sheet import Sheets, sheet_style
from videokr.page.table import as_html as table_html

TITLE = "VideoKR evaluation"
OPEN_BENCHMARKS = 2  # so many breakdowns are open when the page is


@dataclass(frozen=True, slots=True)
class Report:
    """
    Attributes:
        against: the published row that ours are held against.
        cases: the examples on the page.
        asked: how many there are.
        text_bytes: what their responses may take up together; longer ones are cut.
    """

    lineup: Lineup
    against: str
    cases: Sequence[Case]
    asked: int
    text_bytes: int


def page(report: Report, sheets: Sheets | None) -> str:
    """
    Args:
        sheets: the contact sheet of every video of the cases; None for a page without.
    """
    style, script = (
        files(room).joinpath(name).read_text("utf-8")
        for room, name in (("videokr.page", "page.css"), (__package__, "filter.js"))
    )
    pictures = sheet_style(sheets or {})
    sections = _sections(report, sheets)
    names = ", ".join(dict.fromkeys(entry.model for entry in report.lineup.entries))
    body = [
        element("a", "To the examples", href="#examples", class_="skip"),
        _header(report),
        element(
            "nav",
            *(element("a", title, href=f"#{name}") for name, title, _ in sections),
            aria_label="Sections",
        ),
        element(
            "main",
            *(
                element(
                    "section",
                    element("h2", title, id=f"{name}-title"),
                    content,
                    id=name,
                    aria_labelledby=f"{name}-title",
                )
                for name, title, content in sections
            ),
        ),
    ]
    return document(f"{TITLE}: {names}", body, [style], [pictures] if pictures else [], script)


def _header(report: Report) -> Markup:
    lineup = report.lineup
    budgets = dict.fromkeys(budget_text(entry.run.card.budget) for entry in lineup.entries)
    return element(
        "header",
        element("h1", TITLE),
        element(
            "ol",
            *(
                element(
                    "li",
                    run_key(entry),
                    element("bdi", entry.label),
                    element("span", _about(entry.model, entry.label, entry.run.card.probe), class_="quiet"),
                )
                for entry in lineup.entries
            ),
            class_="runs",
        ),
        element("p", f"{count(report.asked)} questions. Frames: {'; or '.join(budgets)}.", class_="quiet"),
        _warnings(lineup),
        class_="top",
    )


def _about(model: str, label: str, probe: str | None) -> str:
    return ", ".join(part for part in (model if model != label else "", f"probe: {probe}" if probe else "") if part)


def _warnings(lineup: Lineup) -> Markup | None:
    lines = [f"Not comparable: run {entry.number} was not asked like run 1, {line}." for entry, line in lineup.mixed]
    of_names: dict[str, list[str]] = {}
    for entry in lineup.entries:
        names = ", ".join(name for other, name in lineup.unlike if other is entry)
        of_names.setdefault(names, []).append(str(entry.number))
    lines += [
        f"{'Runs' if len(numbers) > 1 else 'Run'} {', '.join(numbers)}: other than run 1 in {names}; see the run cards."
        for names, numbers in of_names.items()
        if names
    ]
    return element("ul", *(element("li", line) for line in lines), class_="warnings") if lines else None


def _sections(report: Report, sheets: Sheets | None) -> list[tuple[str, str, Markup]]:
    lineup = report.lineup
    others, probes = other_table(lineup), probe_table(lineup)
    scores = joined(
        table_html(published_table(lineup, report.against)),
        joined(element("h3", "Other benchmarks"), table_html(others)) if others else None,
    )
    return [
        ("scores", "Scores", scores),
        *([("probes", "Does the score need the video?", table_html(probes))] if probes else []),
        ("verdicts", "Verdicts", table_html(verdict_table(lineup))),
        ("breakdowns", "Breakdowns", _breakdowns(lineup)),
        ("cards", "Run cards", table_html(card_table(lineup))),
        ("examples", "Examples", _examples(report, sheets)),
    ]


def _breakdowns(lineup: Lineup) -> Markup:
    found = breakdowns(lineup)
    return joined(
        element("p", "Bars: accuracy in per cent. Lines: its 95% interval. Pale: no verdict.", class_="quiet"),
        overview(lineup),
        *(
            element(
                "details",
                element("summary", element("h3", title_of(benchmark))),
                element("div", *map(breakdown_html, parts), class_="grid"),
                class_="breakdown",
                open=number < OPEN_BENCHMARKS,
            )
            for number, (benchmark, parts) in enumerate(found.items())
        ),
    )


def _examples(report: Report, sheets: Sheets | None) -> Markup:
    cut = fair_length(
        (page_bytes(answered.response) for case in report.cases for _, answered in case.answers), report.text_bytes
    )
    notes = []
    if len(report.cases) < report.asked:
        left_out = report.asked - len(report.cases)
        notes.append(
            f"{count(len(report.cases))} of {count(report.asked)} questions, evenly over all; {count(left_out)} are "
            "left out (--examples)."
        )
    if cut is not None:
        notes.append("Long responses are cut in the middle; the run's folder holds all of them.")
    return joined(
        *(element("p", note, class_="quiet") for note in notes),
        browser(report.cases, report.lineup, sheets, cut),
        element("p", "The examples are left out in print.", class_="print-only"),
    )
