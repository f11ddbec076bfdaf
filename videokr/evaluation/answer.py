"""The answer that a response gives: within its tags, which a reward asks for, or in any form that a reader understands.

Nothing is guessed, and nothing is read out of the thinking: what is in no such form is unparsed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from videokr.errors import UserError
from videokr.options import BRACED, read_option_letter, split_label
from videokr.response import Response, read_response

TAGGED, ANY_FORM = FORMS = ("tagged", "any-form")
MAX_LINE_CHARACTERS = 200  # of an open answer without tags that is a line of its own
_BOXED = re.compile(rf"\\boxed\s*({BRACED})")
_ANNOUNCED = re.compile(
    r"\b(?:answer|option|choice)\b(?:\s+(?:is|should\s+be|would\s+be)\b|[*_]*\s*[:=])[*_]*\s*:?"
    r"|\bI\s+(?:choose|select|pick)\b"
    r"|(?:答案|选项)(?:是|为|选|：|:)+",  # noqa: RUF001
    re.I,
)
_LETTER_AND_REASON = re.compile(r"[\s*_(\[]*([A-Z])[*_)\]]*(?=[.,;:]\s|\s+(?:because|since|as)\b)")
_NEGATED = re.compile(r"\b(?:not|neither|or)\b", re.I)


def form_from_env(environment: Mapping[str, str]) -> str:
    """The form that an evaluation reads: ANSWER_FORM, by default ANY_FORM.

    Raises:
        UserError: it is neither.
    """
    form = environment.get("ANSWER_FORM") or ANY_FORM
    if form not in FORMS:
        raise UserError(f"ANSWER_FORM is '{form}': {' or '.join(FORMS)}")
    return form


def read_choice(text: str, options: Sequence[str], form: str = ANY_FORM) -> str | None:
    """The letter of the one option that a response names; None where it names none.

    In any form, the first of these that names an option counts: the last answer block, and where there is one nothing
    else; the last `\\boxed{}`; the last line, if it is an answer alone; what is announced last by "the answer is";
    the first line, if it is an answer alone.

    Args:
        text: from the opening of the thinking on, whoever wrote that.
        options: texts without letters.
        form: TAGGED or ANY_FORM.
    """
    said = read_response(text)
    if form == TAGGED or said.answer is not None or said.has_empty_block:
        return read_option_letter(said.answer, options)
    return next(filter(None, _letters(said, options)), None)


def read_open_answer(text: str, form: str = ANY_FORM) -> str | None:
    """The text of an open answer, as `read_choice` finds it; of untagged responses of one line the line."""
    said = read_response(text)
    if form == TAGGED or said.answer is not None or said.has_empty_block:
        return said.answer
    outside = said.outside.strip()
    if boxed := _last_boxed(outside):
        return boxed
    if (announced := _last_announced(outside)) is not None:
        return announced.strip(" *_").removesuffix(".") or None
    return (
        outside.removesuffix(".") if outside and "\n" not in outside and len(outside) <= MAX_LINE_CHARACTERS else None
    )


def _letters(said: Response, options: Sequence[str]) -> Iterator[str | None]:
    outside = said.outside
    yield read_option_letter(_last_boxed(outside), options)
    lines = [line for line in outside.splitlines() if line.strip()]
    if not lines:
        return
    if len(lines) < 2 or not _are_listed(lines[-2], lines[-1]):
        yield read_option_letter(lines[-1], options)
    announced = _last_announced(outside)
    if announced is not None:
        yield read_option_letter(announced, options)
        reasoned = _LETTER_AND_REASON.match(announced)
        if reasoned and not _NEGATED.search(announced):
            yield read_option_letter(reasoned[1], options)
    elif len(lines) > 1 and not _are_listed(lines[0], lines[1]):
        yield read_option_letter(lines[0], options)


def _last_boxed(text: str) -> str | None:
    boxed = _BOXED.findall(text)
    return boxed[-1][1:-1].strip() if boxed else None


def _last_announced(text: str) -> str | None:
    """The line behind the last "the answer is": the rest of its own, or the next where nothing is left of it."""
    ends = [match.end() for match in _ANNOUNCED.finditer(text)]
    return text[ends[-1] :].lstrip().split("\n", 1)[0] if ends else None


def _are_listed(line: str, following: str) -> bool:
    """Whether two lines are options as a question lists them, which are no answer."""
    first, second = split_label(line)[0], split_label(following)[0]
    return first is not None and second is not None and first != second
