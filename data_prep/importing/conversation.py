"""Conversations, `[{"from": "human", "value": ...}, ...]` or with `role` and `content`, as questions and answers."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from videokr.errors import RecordError
from videokr.example import record_videos

ASKS, ANSWERS, SETS_UP = ("human", "user"), ("gpt", "assistant"), ("system",)
# LLaVA's rows write `<image>` for a video, too.
_MARKS_AROUND = re.compile(r"^(?:\s*<(?:video|image)>)+\s*|\s*(?:<(?:video|image)>\s*)+$", re.I)


class Turn(NamedTuple):
    question: str
    answer: str


def turns_of(messages: Any, name: str, answer: Any = None) -> tuple[list[Turn], list[str]]:
    """The turns, and the videos that stand among the messages' parts; what a system message says is left away.

    Args:
        answer: of a last message that asks, where the row has it elsewhere.

    Raises:
        RecordError: question and answer do not follow each other, or something else than text and videos is said.
    """
    turns, videos, asked = [], list[str](), None
    for message in messages if isinstance(messages, list) else [messages]:
        if not isinstance(message, Mapping):
            raise RecordError(name, "a message is no object", repr(message)[:80])
        who = message.get("from", message.get("role"))
        said = _said(message.get("value", message.get("content")), name, videos)
        if who in SETS_UP:
            continue
        if who not in (ASKS if asked is None else ANSWERS):
            raise RecordError(name, "question and answer do not follow each other", f"a message of {who!r}")
        if asked is None:
            asked = _MARKS_AROUND.sub("", said)
            continue
        turns.append(Turn(asked, said))
        asked = None
    if asked is not None and answer is not None:
        turns.append(Turn(asked, answer))
    elif asked is not None or not turns:
        raise RecordError(name, "question and answer do not follow each other", "the last message asks")
    return turns, videos


def has_system(messages: Any) -> bool:
    """Whether one of them sets up the conversation; `turns_of` leaves it away."""
    return any(isinstance(said, Mapping) and said.get("from", said.get("role")) in SETS_UP for said in messages)


def _said(content: Any, name: str, videos: list[str]) -> str:
    """The text of a message; puts the videos of its parts into `videos`."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text" and isinstance(part["text"], str):
            texts.append(part["text"])
        elif kind == "video":
            videos.extend(record_videos({"videos": part.get("video")}))
        else:
            raise RecordError(name, "a message of something else than text and videos", repr(part)[:80])
    return "\n".join(texts)
