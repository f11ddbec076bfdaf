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
_WORD = re.compile(r"\w")
_ANNOUNCED = re.compile(r"(?:answer|option|choice)(?:\s+is)?[\s:*]*$", re.I)


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
    GROUNDING = "grounding"  # of ours: the answer is when something happens, see `videokr.spans`


_KINDS = {
    **dict.fromkeys(("multiple choice", "mcq"), Kind.MULTIPLE_CHOICE),
    **dict.fromkeys(("open ended", "free form", "numerical", "oe"), Kind.OPEN_ENDED),
    **dict.fromkeys(("grounding", "temporal grounding", "temporal video grounding"), Kind.GROUNDING),
    **dict.fromkeys(("video temporal grounding", "tvg"), Kind.GROUNDING),
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
        has_empty_block: whether an answer block without content stands outside of the thinking.
        outside: what stands behind the thinking, else before it, without the tags of its answer blocks.
    """

    answer: str | None
    is_well_formed: bool
    ends_inside_block: bool
    has_empty_block: bool
    outside: str


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
    segments = _outside_thinking(pieces)
    outside = [text for segment in segments for text in segment]
    block = _last_block(outside, bool(of_thinking))
    said = ["".join(text for text in segment if not TAG.fullmatch(text)) for segment in segments]
    return Response(
        answer=(block.strip() or None) if block else None,
        is_well_formed=is_whole and tags == _WELL_FORMED and [bool(piece.strip()) for piece in pieces[::2]] == _CONTENT,
        ends_inside_block=any(not tag.startswith("</") for tag in (*tags[-1:], *of_thinking[-1:])),
        has_empty_block=any(not outside[place + 1].strip() for place in _blocks(outside)),
        outside=next(filter(str.strip, reversed(said)), ""),
    )


def read_answer(text: str) -> str | None:
    """The answer of a response; see `Response`."""
    if len(text) <= MAX_RESPONSE_CHARACTERS and (alone := _ANSWER_ALONE.fullmatch(text)):  # as annotation files have it
        return alone[1].strip() or None
    return read_response(text).answer


def bare_answer(text: str) -> str | None:
    """The answer of a field that may or may not hold its block; None where the block is empty."""
    return read_answer(text) if "<" in text and "<answer>" in text.lower() else text


def _outside_thinking(pieces: list[str]) -> list[list[str]]:
    """Texts and answer tags before, between and after the thinking; of one that never closes, the block at its end.

    What stands before a `</think>` that nothing opened is thinking, too: the prompt opened it.

    Args:
        pieces: text, tag, text, tag, ..., text.
    """
    outside = [pieces[:1]]
    inside: list[str] | None = None
    for tag, text in zip(pieces[1::2], pieces[2::2], strict=True):
        name = tag.lower()
        if name == "</think>":
            if inside is None:
                outside.clear()
            outside.append([text])
            inside = None
        elif name == "<think>":
            inside = [text]
        elif inside is None:
            outside[-1] += tag, text
        else:
            inside += tag, text
    if inside is not None and len(inside) - 4 in _blocks(inside) and not inside[-1].strip():
        return [["", *inside[-4:]]]
    return outside


def _blocks(texts: list[str]) -> list[int]:
    """Where an answer block begins: its tag, its content, its tag."""
    tags = [text.lower() if text[:1] == "<" else "" for text in texts]
    return [place for place in range(1, len(tags) - 2) if tags[place] == "<answer>" and tags[place + 2] == "</answer>"]


def _last_block(outside: list[str], is_after_thinking: bool) -> str | None:
    places = _blocks(outside)
    if not places:
        return None
    before, content, after = outside[places[-1] - 1], outside[places[-1] + 1], "".join(outside[places[-1] + 3 :])
    # "So <answer>A</answer>? Wait": of a response without thinking's tags, what goes on in its line was a thought.
    is_said = is_after_thinking or not _WORD.search(after.split("\n", 1)[0]) or not before.rpartition("\n")[2].strip()
    return content if is_said or _ANNOUNCED.search(before) else None


def strip_tag(text: str, name: str) -> str:
    """The content of a field that may or may not be wrapped in one `<name>` block."""
    text = text.strip()
    found = re.fullmatch(rf"<{name}>(.*)</{name}>", text, re.DOTALL | re.IGNORECASE | re.ASCII)
    return found[1].strip() if found else text
