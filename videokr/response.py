"""The response form: `<think>...</think>` then `<answer>...</answer>`, written and read."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from videokr.errors import RecordError

ANSWER_TAGS = "<answer>{}</answer>"
THINK_TAGS = "<think>{}</think>"
OPEN_THINK, CLOSE_THINK = THINK_TAGS.split("{}")
# What is imitated where there is no rationale: the answer's block alone, or after a think block with nothing in it.
ANSWER_ONLY, EMPTY_THINK = WITHOUT_RATIONALE = ("answer-only", "empty-think")
# Neither has the form that the format reward asks for, which is one with thoughts in it.
WITHOUT_RATIONALE_NOTE = "the format reward of GRPO gives a response without thoughts 0, and the prompt asks for them"

# A host takes these for its own, and loses count of the videos.
_SPECIAL_TOKEN = re.compile(r"<(?:video|image|audio)>|<\|[a-z_]+\|>")
TAG = re.compile(r"(</?(?i:think|answer)>)", re.ASCII)
_ANSWER_ALONE = re.compile(r"<answer>([^<]*)</answer>")
_WELL_FORMED = ["<think>", "</think>", "<answer>", "</answer>"]
_CONTENT = [False, True, False, True, False]  # before, between and after these
MAX_RESPONSE_CHARACTERS = 131_072  # several times what 8,192 tokens are
_LAST_TAGS = 8  # where an empty block is looked for


def build_response(rationale: str | None, answer: str, without: str = EMPTY_THINK) -> str:
    """What the model is trained to say; `read_answer` gives `answer` back, if neither holds a tag.

    Args:
        without: what is said where there is no rationale, one of WITHOUT_RATIONALE.
    """
    if not rationale and without == ANSWER_ONLY:
        return ANSWER_TAGS.format(answer)
    return f"{THINK_TAGS.format(rationale or '')}\n{ANSWER_TAGS.format(answer)}"


def holds_tag(text: str) -> bool:
    """Whether one of the response's own tags stands in the text, in any case."""
    return "<" in text and TAG.search(text) is not None


def find_special_token(text: str) -> str | None:
    """The first text that stands for something to a host; None where there is none."""
    found = _SPECIAL_TOKEN.search(text) if "<" in text else None  # which most texts are without
    return found[0] if found else None


class Kind(StrEnum):
    """How a question is answered; the value is the published `problem_type`."""

    MULTIPLE_CHOICE = "multiple choice"
    OPEN_ENDED = "open-ended"


_KINDS = {
    "multiple choice": Kind.MULTIPLE_CHOICE,
    "mcq": Kind.MULTIPLE_CHOICE,
    "open ended": Kind.OPEN_ENDED,
    "free form": Kind.OPEN_ENDED,
    "numerical": Kind.OPEN_ENDED,
}


def parse_kind(value: object, name: str = "problem_type") -> Kind:
    """Reads a `problem_type` in any spelling; RecordError where the kind is unknown."""
    kind = find_kind(str(value))
    if kind is None:
        raise RecordError(name, "unknown kind of question", f"{value!r}; known: {', '.join(_KINDS)}")
    return kind


@lru_cache(maxsize=64)  # a file has a few spellings, thousands of times
def find_kind(text: str) -> Kind | None:
    """The kind of a `problem_type` in any spelling; None where it is unknown."""
    return _KINDS.get(" ".join(re.split(r"[\s_-]+", text.strip().lower())))


@dataclass(frozen=True, slots=True)
class Response:
    """What is read of a response.

    Attributes:
        answer: the content of the last answer block outside the thinking, stripped; None where there is none.
        is_well_formed: whether the text is one think block with content, then one answer block with content, and
            nothing else; white space around the blocks is free. The format reward (paper, section on GRPO) is this.
        ends_inside_block: whether its last tag opens a block, or its thinking never closes: it broke off, most likely
            at the length limit.
        has_empty_block: whether an answer block without content stands in it.
    """

    answer: str | None
    is_well_formed: bool
    ends_inside_block: bool
    has_empty_block: bool


def read_response(text: str) -> Response:
    """Reads a response in one pass, in time linear in the text whatever its tags.

    Of a text longer than `MAX_RESPONSE_CHARACTERS` only the end is read, and it has not the form.

    An empty block is no answer, and a block with another tag inside is no block. Tags may be in any case, but not for
    the form. Of a thinking block that never closes, an answer counts if the response ends with it: one that is followed
    by more thinking was a thought, and the response broke off.

    Args:
        text: from the opening of the thinking on, whoever wrote that: see `videokr.generation_prompt`.
    """
    is_whole = len(text) <= MAX_RESPONSE_CHARACTERS
    text = text[-MAX_RESPONSE_CHARACTERS:]
    pieces = TAG.split(text)  # text, tag, text, tag, ..., text
    tags = pieces[1::2]
    of_thinking = [tag for tag in tags if tag[-len("think>") :].lower() == "think>"]
    block = _last_answer_block(pieces) if "</answer>" in text.lower() else None
    return Response(
        answer=(block.strip() or None) if block else None,
        is_well_formed=is_whole and tags == _WELL_FORMED and [bool(piece.strip()) for piece in pieces[::2]] == _CONTENT,
        ends_inside_block=any(not tag.startswith("</") for tag in (*tags[-1:], *of_thinking[-1:])),
        has_empty_block=any(
            tags[i].lower() == "<answer>" and tags[i + 1].lower() == "</answer>" and not pieces[2 * i + 2].strip()
            for i in range(max(0, len(tags) - _LAST_TAGS), len(tags) - 1)
        ),
    )


def read_answer(text: str) -> str | None:
    """The answer of a response; see `Response`."""
    if len(text) <= MAX_RESPONSE_CHARACTERS and (alone := _ANSWER_ALONE.fullmatch(text)):  # as annotation files have it
        return alone[1].strip() or None
    return read_response(text).answer


def bare_answer(text: str) -> str | None:
    """The answer of a field that may or may not hold its block; None where the block is empty."""
    return read_answer(text) if "<" in text and "<answer>" in text.lower() else text


def _last_answer_block(pieces: list[str]) -> str | None:
    block, thinking_closes_after_block, thinking_closes, following = None, False, False, ""
    ends_with_block = False
    for i in range(len(pieces) - 2, 0, -2):
        tag = pieces[i].lower()
        if tag == "<answer>":
            if block is None and following == "</answer>":
                block, thinking_closes_after_block = pieces[i + 1], thinking_closes
                ends_with_block = i == len(pieces) - 4 and not pieces[-1].strip()
        elif tag == "</think>":
            if block is not None:
                break
            thinking_closes = True
        elif tag == "<think>":
            if block is not None and not thinking_closes_after_block and ends_with_block:
                break
            block = None
        following = tag
    return block


def strip_tag(text: str, name: str) -> str:
    """The content of a field that may or may not be wrapped in one `<name>` block."""
    text = text.strip()
    before, behind = f"<{name}>", f"</{name}>"
    is_wrapped = text[: len(before)].lower() == before and text[len(before) :][-len(behind) :].lower() == behind
    return text[len(before) : -len(behind)].strip() if is_wrapped else text
