"""The text of SubRip (.srt) and WebVTT (.vtt) subtitles, without times, numbers and markup."""

import html
import re

_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")  # <i>, <c.yellow>, <00:01.200>; {\an8}


def subtitle_text(text: str) -> str | None:
    """What is said, in one line; None where no cue is in it.

    A line that repeats the one before is taken once: subtitles that roll show each line twice.

    Args:
        text: of the file, with `\\n` for line breaks.
    """
    said: list[str] = []
    is_in_cue, has_cue = False, False
    for line in text.split("\n"):
        if _TIMES.match(line):
            is_in_cue = has_cue = True
        elif not line.strip():
            is_in_cue = False
        elif is_in_cue:
            words = " ".join(html.unescape(_MARKUP.sub("", line)).split())
            if words and words not in said[-1:]:
                said.append(words)
    return " ".join(said) if has_cue else None
