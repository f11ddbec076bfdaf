"""The answer that a response gives: within its tags, which a reward asks for, or in any form that a reader understands.

Nothing is guessed, and nothing is read out of the thinking: what is in no such form is unparsed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from videokr.errors import UserError
from videokr.mentions import read_answer_letter, read_conclusion, sentences_of
from videokr.options import BRACED, LETTERS, read_whole_option
from videokr.response import read_response

TAGGED, ANY_FORM = FORMS = ("tagged", "any-form")
MAX_LINE_CHARACTERS = 200  # of an open answer without tags that is a line of its own
_BOXED = re.compile(rf"\\boxed\s*({BRACED})")
_ANNOUNCED = re.compile(
    r"\banswer\b(?:\s+(?:is|should\s+be|must\s+be)\b|[*_\"]*\s*[:=])[*_]*\s*:?"
    r"|\b(?:correct|right|best|final)\s+(?:option|choice)\b(?:\s+is\b|[*_]*\s*[:=])[*_]*\s*:?"
    r"|\b(?:option|choice)\s+is\b:?|\bI(?:['’]d|\s+would)?\s+(?:choose|select|pick|say|go\s+(?:with|for))\b"  # noqa: RUF001
    r"|\bit(?:['’]s|\s+is)(?=\s+(?:option\s+)?[*(]{0,3}[A-Z][*)]{0,3}[.!]?\s*$)"  # noqa: RUF001
    r"|(?:答案|正确选项)(?:是|为|选|：|:)+|[故应此]选择?",  # noqa: RUF001
    re.I | re.M,
)
# In the clause before an announcement, what makes it none; behind it, what takes it back.
_NOT_MEANT = re.compile(
    r"n['’]t\b|\b(?:not|never|cannot|unlikely|wrong|incorrect|neither|if|might|thought|first|someone)\b|不",  # noqa: RUF001
    re.I,
)
_TURNED_ROUND = re.compile(
    r"\b(?:wait|hmm+|oops|on\s+reflection|let\s+me\s+(?!know\b))\b|等等|(?:[.!?\n]\s*)(?:however|but|yet|actually|alternatively)\b"
    r"|\b(?:that|which)\s+is\s+(?:wrong|incorrect)\b",
    re.I,
)
_CLAUSE_END = re.compile(r"[.,;!?\n。；，]")  # noqa: RUF001
_STRESSED = re.compile(r"\*\*([^*\n]+)\*\*")
_TICK = re.compile("[\u2705\u2714]")
_NEXT_QUESTION = re.compile(r"(?<=\w)\W*\n\W*(?:Question|问题)\b|<\|")  # of a model that goes on by itself
_OTHER_THINKING = re.compile(r"<(/?)(?:thinking|thought|reasoning)>|◁(/?)think▷", re.I)
_OPTION_LINE = re.compile(r"\W*(?:(?:option|choice|选项)\s*)?\W{0,3}([A-Z])(?:[*_]*[).:：、]|[*_]*\s+[-–—]|\W*$)", re.I)  # noqa: RUF001


def form_from_env(environment: Mapping[str, str]) -> str:
    """The form that an evaluation reads: ANSWER_FORM, by default ANY_FORM; UserError where it is neither."""
    form = environment.get("ANSWER_FORM") or ANY_FORM
    if form not in FORMS:
        raise UserError(f"ANSWER_FORM is '{form}': {' or '.join(FORMS)}")
    return form


def read_choice(text: str, options: Sequence[str], form: str = ANY_FORM) -> str | None:
    """The letter of the one option that a response names; None where it names none.

    In any form, the last answer block counts, and where there is one nothing else. Else, in this order:

    - what is in `\\boxed{}` or announced by "the answer is", the later of the two;
    - the one option of a list that is ticked;
    - the last sentence, or the first, if it is nothing but an option, and no other is gone through;
    - the one option in bold type in the last sentence;
    - what the text comes to in words (`videokr.mentions`).

    What is negated, taken back or doubled names none.

    Args:
        text: from the opening of the thinking on, whoever wrote that.
        options: texts without letters.
        form: TAGGED or ANY_FORM.
    """
    said = read_response(text if form == TAGGED else _OTHER_THINKING.sub(r"<\1\2think>", text))
    if form == TAGGED or said.answer is not None or said.has_empty_block:
        return read_answer_letter(said.answer, options)
    return next(filter(None, _letters(_NEXT_QUESTION.split(said.outside, maxsplit=1)[0], options)), None)


def read_open_answer(text: str, form: str = ANY_FORM) -> str | None:
    """The text of an open answer, as `read_choice` finds it; of untagged responses of one line the line."""
    said = read_response(text if form == TAGGED else _OTHER_THINKING.sub(r"<\1\2think>", text))
    if form == TAGGED or said.answer is not None or said.has_empty_block:
        return said.answer
    outside = said.outside.strip()
    if boxed := _BOXED.findall(outside):
        return str(boxed[-1][1:-1]).strip() or None
    if announced := _last_announced(outside):
        return announced[1].strip(' *_"').removesuffix(".") or None
    return (
        outside.removesuffix(".") if outside and "\n" not in outside and len(outside) <= MAX_LINE_CHARACTERS else None
    )


def _letters(outside: str, options: Sequence[str]) -> Iterator[str | None]:
    """The letters that are named in each way, in the order in which the ways count."""
    boxed = [(match.start(), read_answer_letter(match[1][1:-1], options)) for match in _BOXED.finditer(outside)]
    said = [(place, letter) for place, letter in boxed if letter]
    if len({letter for _, letter in said}) > 1:
        return  # several, and nothing tells which is meant
    announced = _last_announced(outside)
    if announced:
        letter = read_answer_letter(announced[1], options)
        said += [(announced[0], letter)] if letter else []
    yield max(said)[1] if said else None  # the later of the two

    listed = [(line, found[1].upper()) for line in outside.splitlines() if (found := _OPTION_LINE.match(line))]
    labels = {label for _, label in listed}
    ticked = {label for line, label in listed if _TICK.search(line)}
    yield max(ticked) if len(ticked) == 1 and max(ticked) in LETTERS[: len(options)] else None
    sentences = sentences_of(outside)
    whole = [read_whole_option(sentence, options) for sentence in sentences]
    if len({*whole} - {None}) == 1 and len(labels) <= 1:  # else options are gone through one by one
        for place in (-1,) if announced else (-1, 0):  # what was announced and is not taken was taken back
            if not _NOT_MEANT.search(_CLAUSE_END.split(" ".join(sentences[:place]))[-1]):
                yield whole[place]
    if sentences and not _NOT_MEANT.search(_STRESSED.sub("", sentences[-1])):
        stressed = {read_whole_option(text, options) for text in _STRESSED.findall(sentences[-1])}
        yield stressed.pop() if len(stressed) == 1 else None
    if announced and not announced[1]:  # and taken back: what comes after it counts
        outside = "\n".join(sentences_of(outside[announced[0] :])[1:])
    yield read_conclusion(outside, options)


def _last_announced(text: str) -> tuple[int, str] | None:
    """Where the last "the answer is" stands, and the line behind it; nothing of it where it is not meant."""
    matches = list(_ANNOUNCED.finditer(text))
    if not matches:
        return None
    match = matches[-1]
    behind = text[match.end() :]
    if _NOT_MEANT.search(_CLAUSE_END.split(text[: match.start()])[-1]) or _TURNED_ROUND.search(behind):
        return match.end(), ""
    line = behind.lstrip().split("\n", 1)[0]
    if line.endswith("?"):
        return match.end(), ""
    return match.end(), line[1:].partition('"')[0] if line.startswith('"') else line.rstrip("} ")  # as JSON has it
