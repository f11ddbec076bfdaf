"""The examples: each question with its frames, and what every run made of it. `filter.js` shows some of them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from videokr.analysis.report.breakdown import grouping_title, run_key
from videokr.analysis.report.cases import Case
from videokr.analysis.report.figures import count
from videokr.analysis.report.lineup import Entry, Lineup
from videokr.analysis.report.verdicts import NAMES
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.verdict import Verdict
from videokr.example import Example
from videokr.options import LETTERS
from videokr.page.excerpt import excerpt
from videokr.page.markup import Markup, element, joined
from videokr.page.sheet import NoSheet, Sheet, Sheets

DISAGREE = "disagree"  # a filter beside the verdicts

_FORM = re.compile(r"\s*<think>(.*)</think>\s*<answer>(.*)</answer>\s*", re.DOTALL)


def browser(cases: Sequence[Case], lineup: Lineup, sheets: Sheets | None, most_bytes: int | None) -> Markup:
    """The filters, which need a script and are hidden without, and the examples.

    Args:
        sheets: None where the page has none at all.
        most_bytes: of one text; None for all of it.
    """
    places = {path: place for place, path in enumerate(sheets or {})}
    return joined(
        _filters(cases, lineup),
        element("div", *(_case(case, lineup, sheets, places, most_bytes) for case in cases), class_="cases"),
    )


def _filters(cases: Sequence[Case], lineup: Lineup) -> Markup:
    benchmarks = Counter(case.benchmark for case in cases)
    verdicts = Counter(verdict for case in cases for verdict in {answered.verdict for _, answered in case.answers})
    groups: dict[str, Counter[str]] = {}
    for case in cases:
        for grouping, value in case.groups:
            groups.setdefault(grouping, Counter())[value] += 1
    several = len(lineup.entries) > 1
    choices = [
        _choice(
            "benchmark",
            "Benchmark",
            [element("option", "all", value="")]
            + [_option(name, f"{title_of(name)} ({count(number)})") for name, number in benchmarks.items()],
        ),
        _choice(
            "run",
            "Run",
            [element("option", "all", value="")]
            + [_option(str(entry.number), f"{entry.number} {entry.label}") for entry in lineup.entries],
        )
        if several
        else None,
        _choice(
            "verdict",
            "Verdict",
            [element("option", "all", value="")]
            + [
                _option(verdict.value, f"{NAMES[verdict]} ({count(verdicts[verdict])})", disabled=not verdicts[verdict])
                for verdict in Verdict
            ]
            + ([_option(DISAGREE, "runs disagree")] if several else []),
        ),
        _choice(
            "group",
            "Group",
            [element("option", "all", value="")]
            + [
                element(
                    "optgroup",
                    *(
                        _option(f"{grouping}:{value}", f"{value} ({count(values[value])})")
                        for value in sorted(values, key=str.casefold)
                    ),
                    label=grouping_title(grouping),
                )
                for grouping, values in groups.items()
                if len(values) > 1
            ],
        ),
        element("label", "Text ", element("input", type="search", name="text", autocomplete="off", spellcheck="false")),
    ]
    return element(
        "form",
        *choices,
        element("button", "Reset", type="reset"),
        element("output", aria_live="polite"),
        id="filters",
        hidden=True,
        aria_label="Filters",
    )


def _choice(name: str, title: str, options: Sequence[Markup]) -> Markup:
    return element("label", f"{title} ", element("select", *options, name=name))


def _option(value: str, text: str, disabled: bool = False) -> Markup:
    return element("option", text, value=value, disabled=disabled)


def _case(
    case: Case, lineup: Lineup, sheets: Sheets | None, places: Mapping[str, int], most_bytes: int | None
) -> Markup:
    example = case.example
    several = len(lineup.entries) > 1
    tags = dict.fromkeys([title_of(case.benchmark), *(value for _, value in case.groups)])
    return element(
        "article",
        element(
            "header",
            element("h3", element("a", f"#{case.number}", href=f"#e{case.number}"), " ", element("bdi", example.id)),
            element("p", *(element("bdi", tag) for tag in tags), class_="tags"),
        ),
        *(_frames(path, sheets, places) for path in example.videos),
        element(
            "div",
            element(
                "div",
                _text("p", excerpt(example.question, most_bytes), "question"),
                _options(case, most_bytes) if example.options else None,
                None
                if example.options
                else element("p", element("b", "Gold answer "), element("bdi", excerpt(example.answer, most_bytes))),
                class_="asked",
            ),
            element(
                "div",
                *(_said(case, entry, answered, several, most_bytes) for entry, answered in case.answers),
                class_="answers",
            ),
            class_="columns",
        ),
        class_="case",
        id=f"e{case.number}",
        data_benchmark=case.benchmark,
        data_groups=json.dumps([f"{name}:{value}" for name, value in case.groups], ensure_ascii=False),
    )


def _frames(path: str, sheets: Sheets | None, places: Mapping[str, int]) -> Markup:
    name = Path(path).name
    sheet = sheets.get(path) if sheets is not None else None
    if isinstance(sheet, Sheet):
        return element(
            "figure",
            element(
                "div",
                class_="strip",
                role="img",
                aria_label=f"{len(sheet.seconds)} frames of {name}",
            ),
            element(
                "figcaption",
                element("span", *(element("span", f"{second:.1f} s") for second in sheet.seconds), class_="times"),
                element("bdi", name),
            ),
            class_=f"s{places[path]}",
        )
    reason = f": no frames, the video {sheet.reason}" if isinstance(sheet, NoSheet) else None
    return element("p", element("bdi", name), reason, class_="no-frames")


def _options(case: Case, most_bytes: int | None) -> Markup:
    return element("ol", *_option_items(case, most_bytes), class_="options", type="A")


def _option_items(case: Case, most_bytes: int | None) -> Iterator[Markup]:
    for letter, option in zip(LETTERS, case.example.options, strict=False):
        is_gold = letter == case.example.answer
        chosen_by = [run_key(entry) for entry, answered in case.answers if answered.answer == letter]
        yield element(
            "li",
            element("bdi", excerpt(option, most_bytes)),
            element("span", "correct", class_="correct") if is_gold else None,
            *chosen_by,
            class_="gold" if is_gold else None,
        )


def _said(case: Case, entry: Entry, answered: Answered, several: bool, most_bytes: int | None) -> Markup:
    verdict = answered.verdict
    numbers = [
        f"{count(number)} {what} tokens"
        for what, number in (("prompt", answered.prompt_tokens), ("response", answered.response_tokens))
        if number is not None
    ]
    title, text = _response(answered)
    shown = _names(answered.example)
    return element(
        "section",
        element(
            "h4",
            run_key(entry) if several else None,
            element("bdi", entry.label) if several else None,
            element("span", NAMES[verdict], class_=f"verdict {verdict.value}"),
        ),
        element("p", element("b", "Was shown "), *(element("bdi", name) for name in shown))
        if shown != _names(case.example)
        else None,
        element(
            "p",
            element("b", "Answer "),
            element("i", "none could be read")
            if answered.answer is None
            else element("bdi", excerpt(answered.answer, most_bytes)),
        ),
        element("p", element("b", "Judge "), element("bdi", excerpt(answered.judge_reply, most_bytes)))
        if answered.judge_reply
        else None,
        element(
            "details",
            element("summary", title, element("span", ", ".join(numbers), class_="tokens") if numbers else None),
            _text("div", excerpt(text, most_bytes), "text"),
        )
        if text
        else element("p", element("i", "The response is empty.")),
        class_="said",
        data_run=str(entry.number),
        data_verdict=verdict.value,
    )


def _names(example: Example) -> list[str]:
    """Of its videos, without the folders of the machine that they were read on."""
    return [Path(path).name for path in example.videos]


def _response(answered: Answered) -> tuple[str, str]:
    """The reasoning alone where it and the answer are all that was said, else everything as it was said."""
    form = _FORM.fullmatch(answered.response)
    if form and form[2].strip() == answered.answer:
        return "Reasoning", form[1].strip()
    return "Response", answered.response.strip()


def _text(name: str, text: str, kind: str) -> Markup:
    return element(name, text, class_=kind, dir="auto")
