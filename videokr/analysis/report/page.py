"""The page: one HTML file that holds everything it shows, and asks the network for nothing.

Below the tables stand the examples: each question with its frames, and what every run made of it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from videokr.analysis.compare import by_question
from videokr.analysis.report.breakdown import TRACK, Breakdown, grouping_title
from videokr.analysis.report.figures import NOTHING, accuracy, span
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.analysis.report.scores import VERDICT_NAMES
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import GROUPINGS
from videokr.evaluation.verdict import NOT_ASKED
from videokr.example import Example
from videokr.options import LETTERS
from videokr.page.document import document, fair_length, page_bytes
from videokr.page.sheet import Sheets, sheet_style
from videokr.page.table import Table

_FORM = re.compile(r"\s*<think>(.*)</think>\s*<answer>(.*)</answer>\s*", re.DOTALL)
_Item = TypeVar("_Item")
TITLE = "VideoKR evaluation"
BREAKDOWNS, EXAMPLES = "breakdowns", "examples"
SECTIONS = {  # titles by name; all but the last two hold a table each
    "scores": "Scores",
    "others": "Other benchmarks",
    "probes": "Does the score need the video?",
    "verdicts": "Verdicts",
    "cards": "Run cards",
    BREAKDOWNS: "Breakdowns",
    EXAMPLES: "Examples",
}
OPEN_BENCHMARKS = 2  # so many breakdowns are open when the page is


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its answers: of the runs that were asked it, those with whole videos first.

    The first one's videos and frame budget stand for the case.
    """

    number: int  # from 1, over all benchmarks in the order asked
    benchmark: str
    answers: Sequence[tuple[RunView, Answered]]

    @property
    def example(self) -> Example:
        return self.answers[0][1].example

    @property
    def groups(self) -> list[tuple[str, str]]:
        """(grouping, value), of those it has."""
        first = self.answers[0][1]
        values = [(name, first.group(name)) for name in GROUPINGS]
        tracks = [(TRACK, first.task)] if first.task != self.benchmark else []
        return [(name, value) for name, value in values if value] + tracks

    @property
    def tags(self) -> list[str]:
        """What is said over it."""
        return list(dict.fromkeys([title_of(self.benchmark), *(value for _, value in self.groups)]))

    @property
    def groups_json(self) -> str:
        """As the filter asks for them."""
        return json.dumps([f"{name}:{value}" for name, value in self.groups], ensure_ascii=False)


def gather(run_set: RunSet) -> list[Case]:
    """Every question of every run; those that are the same in several runs are one."""
    views = sorted(run_set.views, key=lambda view: view.card.probe is not None)
    cases: list[Case] = []
    for benchmark in run_set.benchmarks:
        by_key: dict[tuple[str | int, ...], list[tuple[RunView, Answered]]] = {}
        for view in views:
            for key, answered in by_question(view.answers.get(benchmark, ())).items():
                by_key.setdefault(key, []).append((view, answered))
        cases += [Case(number, benchmark, answers) for number, answers in enumerate(by_key.values(), len(cases) + 1)]
    return cases


def spread_over(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of them, evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def group_counts(cases: Sequence[Case]) -> dict[str, Counter[str]]:
    """By grouping, how many cases have each value, sorted; of groupings with two values or more."""
    counts: dict[str, Counter[str]] = {}
    for case in cases:
        for grouping, value in case.groups:
            counts.setdefault(grouping, Counter())[value] += 1
    several = {grouping: values for grouping, values in counts.items() if len(values) > 1}
    return {grouping: Counter(dict(sorted(values.items()))) for grouping, values in several.items()}


def response_parts(answered: Answered) -> tuple[str, str]:
    """A title and the reasoning alone where it and the answer are all that was said, else everything as it was said."""
    form = _FORM.fullmatch(answered.response)
    if form and form[2].strip() == answered.answer:
        return "Reasoning", form[1].strip()
    return "Response", answered.response.strip()


def token_counts(answered: Answered) -> str:
    """Empty where the host did not count."""
    counts = (("prompt", answered.prompt_tokens), ("response", answered.response_tokens))
    return ", ".join(f"{number:,} {name} tokens" for name, number in counts if number is not None)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says, as a page or as Markdown."""

    run_set: RunSet
    tables: Mapping[str, Table]  # by the section that each stands in
    breakdowns: Mapping[str, Sequence[Breakdown]]  # by benchmark
    cases: Sequence[Case]  # the examples on the page
    question_count: int  # how many examples there are
    text_bytes: int  # what their responses may take up together; longer ones are cut


def page(report: Report, sheets: Sheets) -> Iterator[str]:
    """The page in pieces, with a contact sheet of every video of the cases, or none at all."""
    run_set, cases = report.run_set, report.cases
    answers = [answered for case in cases for _, answered in case.answers]
    shown = [*report.tables, *([BREAKDOWNS] if report.breakdowns else []), EXAMPLES]
    return document(
        "videokr.analysis.report/report.jinja",
        f"{TITLE}: {', '.join(dict.fromkeys(view.model for view in run_set.views))}",
        script="videokr.analysis.report/filter.js",
        pictures=sheet_style(sheets.values()),
        heading=TITLE,
        sections={name: title for name, title in SECTIONS.items() if name in shown},
        report=report,
        run_set=run_set,
        several=len(run_set.views) > 1,
        warnings=_warnings(run_set),
        max_open=OPEN_BENCHMARKS,
        max_bytes=fair_length((page_bytes(answered.response) for answered in answers), report.text_bytes),
        benchmark_counts=Counter(case.benchmark for case in cases),
        verdict_counts=Counter(chain.from_iterable({said.verdict for _, said in case.answers} for case in cases)),
        group_counts=group_counts(cases),
        sheets=sheets,
        sheet_numbers={path: number for number, path in enumerate(sheets)},
        # What the templates say it with.
        letters=LETTERS,
        verdict_names=VERDICT_NAMES,
        not_asked=NOT_ASKED,
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
    for view in run_set.views:
        if names := ", ".join(name for other, name in run_set.unlike if other is view):
            lines.append(f"Run {view.number}: other than run 1 in {names}; see the run cards.")
    return lines
