"""Why responses have no answer that can be read: the commonest forms, with an example of each."""

from collections import defaultdict
from collections.abc import Iterable

from videokr.evaluation.answered import Answered
from videokr.evaluation.verdict import NOT_ASKED, Verdict
from videokr.response import Kind, read_response

WORTH_SAYING = 0.02  # of what was asked
MAX_FORMS = 3
MAX_EXCERPT_CHARACTERS = 60


def unparsed_lines(answers: Iterable[Answered]) -> list[str]:
    """Lines under a table of scores; none where few enough are unparsed."""
    answers = [one for one in answers if one.verdict not in NOT_ASKED]
    unparsed = [one for one in answers if one.verdict is Verdict.UNPARSED]
    if len(unparsed) <= WORTH_SAYING * len(answers):
        return []
    by_form: dict[str, list[str]] = defaultdict(list)
    for one in unparsed:
        form, excerpt = _form(one.response, "span of time" if one.example.kind is Kind.GROUNDING else "single option")
        by_form[form].append(excerpt)
    commonest = sorted(by_form.items(), key=lambda item: -len(item[1]))
    shown = [f"  {len(excerpts)} {form}{_example(excerpts)}" for form, excerpts in commonest[:MAX_FORMS]]
    left = sum(len(excerpts) for _, excerpts in commonest[MAX_FORMS:])
    head = f"{len(unparsed)} of {len(answers)} responses have no answer that can be read:"
    return [head, *shown, *([f"  {left} of other forms"] if left else [])]


def _form(response: str, asked: str) -> tuple[str, str]:
    said = read_response(response)
    lines = said.outside.split("\n")
    last_line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not response.strip():
        return "are empty", ""
    if said.answer is not None:
        return f"name no {asked} within their tags", said.answer
    if said.has_empty_block:
        return "have tags with nothing in them", ""
    if said.ends_inside_block:
        return "break off, most likely at the length limit", response.strip()[-MAX_EXCERPT_CHARACTERS:]
    if not last_line:
        return "end with the thinking", ""
    return "have no tags, and end without an answer alone", last_line


def _example(excerpts: list[str]) -> str:
    text = next(filter(None, excerpts), "")
    short = text if len(text) <= MAX_EXCERPT_CHARACTERS else f"{text[: MAX_EXCERPT_CHARACTERS - 3]}..."
    return f", such as {short!r}" if short else ""
