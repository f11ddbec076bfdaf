"""Dialogues of other systems with a tool that crops the video, read as those of ours.

LongVT calls `<tool_call>{"name": "crop_video", "arguments": {"video_path", "start_time", "end_time"}}</tool_call>`,
Video-o3 `<grounding>{"temporal_segment": [start, end], "sampling_strategy": ...}</grounding>`. The path and how densely
frames are taken are left away: the video is the row's own, and the run has its frames a second.
"""

import json
import re
from typing import Any

from videokr.dialogue import CLOSE_CALL, OPEN_CALL, TOOL_NAME

_CROP_VIDEO = "crop_video"  # LongVT
_CALL = re.compile(r"<(grounding|tool_call)>(.*?)</\1>", re.DOTALL)
# What their questions begin and end with: how to call the tool, and the path for it.
_OPENING = re.compile(
    r"^Here is the original full video \(Observation 0\):\s*<video>(?:This video is uniformly .*)?\s*"
)
_CLOSING = re.compile(
    r"\s*(?:You FIRST think about the reasoning process|Think first, call|The video path for this video is|"
    r"You are advised to first observe potential clue segments)\b.*",
    re.I | re.DOTALL,
)


def in_own_form(turn: str) -> str:
    """A turn whose calls are written as ours; what is no call of theirs stays as it is."""
    return _CALL.sub(lambda found: _own_call(found[1], found[2]) or found[0], turn)


def without_instruction(question: str) -> str:
    """A question without what tells how their tool is called."""
    return _CLOSING.sub("", _OPENING.sub("", question))


def _own_call(tag: str, block: str) -> str | None:
    """The call as ours; None where it is no call of theirs. One that breaks off is a broken call of ours, too."""
    try:
        call = json.loads(block)
    except (ValueError, RecursionError):
        return None if tag == "tool_call" else OPEN_CALL + block + CLOSE_CALL
    arguments: Any
    if tag == "grounding":
        times = call.get("temporal_segment") if isinstance(call, dict) else None
        start, end = times if isinstance(times, list) and len(times) == 2 else (None, None)
        arguments = {"start_time": start, "end_time": end}
    elif isinstance(call, dict) and call.get("name") == _CROP_VIDEO:
        arguments = call.get("arguments")
    else:
        return None
    return OPEN_CALL + json.dumps({"name": TOOL_NAME, "arguments": arguments}) + CLOSE_CALL
