"""The response form: `<think>...</think>` then `<answer>...</answer>`, written and read."""

import re

ANSWER_TAGS = "<answer>{}</answer>"
THINK_TAGS = "<think>{}</think>"

_TAG = re.compile(r"(</?(?i:think|answer)>)", re.ASCII)
_WELL_FORMED = ["<think>", "</think>", "<answer>", "</answer>"]


def build_response(rationale: str, answer: str) -> str:
    """What the model is trained to say; `read_answer` gives `answer` back, if neither holds a tag."""
    return f"{THINK_TAGS.format(rationale)}\n{ANSWER_TAGS.format(answer)}"


def holds_tag(text: str) -> bool:
    """Whether one of the response's own tags stands in the text, in any case."""
    return _TAG.search(text) is not None


def read_answer(text: str) -> str | None:
    """The content of the last answer block outside the thinking, stripped; None where there is none.

    An empty block is no answer, and a block with another tag inside is no block. Tags may be in any case. A thinking
    block that never closes hides nothing. The time is linear in the text, whatever its tags.
    """
    pieces = _TAG.split(text)  # text, tag, text, tag, ..., text
    block, thinking_closes_after_block, thinking_closes, following = None, False, False, ""
    for i in range(len(pieces) - 2, 0, -2):
        tag = pieces[i].lower()
        if tag == "<answer>":
            if block is None and following == "</answer>":
                block, thinking_closes_after_block = pieces[i + 1], thinking_closes
        elif tag == "</think>":
            if block is not None:
                break
            thinking_closes = True
        elif tag == "<think>":
            if block is not None and not thinking_closes_after_block:
                break
            block = None
        following = tag
    return (block.strip() or None) if block else None


def is_well_formed(text: str) -> bool:
    """Whether the text is one think block with content, then one answer block with content, and nothing else.

    White space around the blocks is free. The format reward (paper, section on GRPO) is this.
    """
    pieces = _TAG.split(text, maxsplit=len(_WELL_FORMED) + 1)
    if pieces[1::2] != _WELL_FORMED:
        return False
    before, rationale, between, answer, after = (bool(piece.strip()) for piece in pieces[::2])
    return rationale and answer and not (before or between or after)


def strip_tag(text: str, name: str) -> str:
    """The content of a field that may or may not be wrapped in one `<name>` block."""
    wrapped = re.fullmatch(rf"<{name}>(.*)</{name}>", text.strip(), re.IGNORECASE | re.DOTALL)
    return (wrapped[1] if wrapped else text).strip()
