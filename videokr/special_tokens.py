"""Texts that are single tokens to both families, and that no text of a user's may hold."""

import re

VIDEO = "<|video_pad|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
END_OF_TURN = "<|im_end|>"  # after every message, the response among them
# A host takes these for its own, and loses count of the videos.
_SPECIAL = re.compile(r"<(?:video|image|audio)>|<\|[a-z_]+\|>")


def find_special_token(text: str) -> str | None:
    """The first text that stands for something to a host; None where there is none."""
    found = _SPECIAL.search(text) if "<" in text else None  # which most texts are without
    return found[0] if found else None
