"""The response form: `<think>...</think>` then `<answer>...</answer>`, written and read."""

import re
from typing import NamedTuple

_TAG = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE | re.ASCII)
_WELL_FORMED = ["<think>", "</think>", "<answer>", "</answer>"]


class _Tag(NamedTuple):
    text: str
    name: str
    closes: bool
    start: int
    end: int


def _tags(text: str) -> list[_Tag]:
    return [_Tag(m[0], m[2].lower(), bool(m[1]), m.start(), m.end()) for m in _TAG.finditer(text)]


def build_response(rationale: str, answer: str) -> str:
    """What the model is trained to say; `read_answer` gives `answer` back."""
    return f"<think>{rationale}</think>\n<answer>{answer}</answer>"


def read_answer(text: str) -> str | None:
    """The content of the last answer block outside the thinking, stripped; None where there is none.

    An empty block is no answer. Tags may be in any case. A thinking block that never closes hides nothing.
    The time is linear in the text, whatever its tags.
    """
    tags = _tags(text)
    last_think_close = max((i for i, tag in enumerate(tags) if tag.name == "think" and tag.closes), default=-1)
    thinking, opened, answer = False, None, None
    for i, tag in enumerate(tags):
        if tag.name == "think":
            if not tag.closes:
                thinking = thinking or i < last_think_close
            else:
                thinking = False
            opened = None
        elif thinking:
            continue
        elif not tag.closes:
            opened = tag.end
        elif opened is not None:
            answer, opened = text[opened : tag.start].strip(), None
    return answer or None


def is_well_formed(text: str) -> bool:
    """Whether the text is one think block with content, then one answer block with content, and nothing else.

    White space around the blocks is free. The format reward (paper, section on GRPO) is this.
    """
    tags = _tags(text)
    if [tag.text for tag in tags] != _WELL_FORMED:
        return False
    think, think_end, answer, answer_end = tags
    outside = text[: think.start] + text[think_end.end : answer.start] + text[answer_end.end :]
    inside = (text[think.end : think_end.start], text[answer.end : answer_end.start])
    return not outside.strip() and all(content.strip() for content in inside)


def strip_tag(text: str, name: str) -> str:
    """The content of a field that may or may not be wrapped in one `<name>` block."""
    text = text.strip()
    start, end = f"<{name}>", f"</{name}>"
    if text.startswith(start) and text.endswith(end):
        text = text[len(start) : -len(end)]
    return text.strip()
