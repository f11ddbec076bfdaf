"""What a judge says."""

from dataclasses import dataclass
from typing import Any

KEPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    Attributes:
        correct: the verdict; None where the judge gave none.
        reply: what the judge said, or why there is no reply; shortened, without the key.
    """

    correct: bool | None
    reply: str


def reply_of(completion: Any) -> str | None:
    """The text of a completion; a server that is not quite compatible may leave choices, message or content out."""
    choices = getattr(completion, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    content = getattr(getattr(first, "message", None), "content", None)
    return content if isinstance(content, str) else None


def verdict_of(reply: str | None) -> bool | None:
    """1 or 0 alone, white space aside, is a verdict; nothing else is."""
    return {"1": True, "0": False}.get((reply or "").strip())


def shortened(text: str, secret: str) -> str:
    """A text as it may be kept or shown: in one line, without the key, whole Unicode, of KEPT_CHARACTERS at most."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(whole.replace(secret, "[key]").split())[:KEPT_CHARACTERS]
