"""A turn of a model that may look again: its thoughts, then calls of the crop tool or the answer. Written and read.

The form is VideoTemp-o3's: `<think>...</think><tool_call>{"name": ..., "arguments": [{"start_time": s, "end_time": e},
...]}</tool_call>`; calls in blocks of their own, with an object each, are read as well. Data are prepared in it.

Qwen3.5 has another: each call in a block, `<function=...>` with a `<parameter=...>` for each time. Every stage asks and
trains a checkpoint in the form of its own chat template (`write_calls`), and reads both.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from videokr.errors import UserError
from videokr.prompt import VIDEO_PLACEHOLDER
from videokr.response import read_response
from videokr.spans import Span

CROP = "crop"  # as a run is told to use the tool
TOOL_NAME = "get_video_clip_frame"
MAX_CALLS = 3  # of one turn, VideoTemp-o3's
MAX_ROUNDS = 3  # turns with calls
MAX_CALL_CHARACTERS = 4_096  # of one block
MAX_SECONDS = 1e6  # no video is as long; not-a-number and infinity are beyond it, too
OPEN_CALL, CLOSE_CALL = "<tool_call>", "</tool_call>"
# The system turn of a dialogue. In words and not by the chat templates' `tools`, which Qwen2.5-VL's has none of: so the
# bytes are the same in every host; in another form of calls: `write_calls`.
SYSTEM = f"""\
Before you answer, you may look at parts of the video again, at more frames of them. Give your thinking between the \
<think> and </think> tags, and then, instead of the final answer, call the tool with times in seconds:
{OPEN_CALL}{{"name": "{TOOL_NAME}", "arguments": [{{"start_time": 12.5, "end_time": 20.0}}]}}{CLOSE_CALL}
Up to {MAX_CALLS} parts may be asked for at once, and up to {MAX_ROUNDS} times."""
# With the names of the turns around it where a host has left out their marks, which are special tokens.
_OBSERVATION = re.compile(r"\n(?:user\n)?<tool_response>\n(.*?)\n</tool_response>\n(?:assistant\n)?", re.DOTALL)
_CALL = re.compile(f"{OPEN_CALL}(.*?)(?:{CLOSE_CALL}|$)", re.DOTALL)
_FUNCTION = re.compile(r"\s*<function=([^<>]*)>(.*)</function>\s*", re.DOTALL)
_NUMBER = re.compile(r"<parameter=([^<>]*)>\s*(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)\s*</parameter>")
XML_MARK = "<function="  # in a chat template that writes calls in XML
_XML_CALL = f"""\
{OPEN_CALL}
{XML_MARK}{TOOL_NAME}>
<parameter=start_time>
{{}}
</parameter>
<parameter=end_time>
{{}}
</parameter>
</function>
{CLOSE_CALL}"""
_WHOLE_CALL = re.compile(f"{OPEN_CALL}((?:(?!</?tool_call>).)*){CLOSE_CALL}", re.DOTALL)
_CALL_TURN = re.compile(rf"(?:\s*{_WHOLE_CALL.pattern})+\s*", re.DOTALL)


class CallFault(StrEnum):
    """Why a call shows nothing; the value is what the model is told, and all that it is told."""

    BROKEN = "This call cannot be read: it needs a name and arguments."
    UNKNOWN = f"There is no such tool: the only one is {TOOL_NAME}."
    NO_TIMES = "start_time and end_time must both be numbers of seconds, from 0 on."
    REVERSED = "end_time must be later than start_time."
    BEYOND = "start_time is beyond the end of the video."
    TOO_MANY = f"At most {MAX_CALLS} parts of the video can be shown at once."
    UNREADABLE = "This part of the video cannot be read."
    NO_ROOM = "There is no room left for more frames: answer now."
    NO_ROUNDS = f"There are at most {MAX_ROUNDS} rounds: answer now."

    @property
    def key(self) -> str:
        """By which it is counted."""
        return self.name.lower()


Call = Span | CallFault
OPEN_OBSERVATION = "<tool_response>\n"
TOOL_RESPONSE = OPEN_OBSERVATION + "{}\n</tool_response>"  # as the chat templates of all families write it


@dataclass(frozen=True, slots=True)
class Turn:
    """What is read of a turn.

    Attributes:
        calls: in their order; empty where there are none, or where there is an answer, which ends the dialogue.
        answer: the content of the answer block; None where there is none.
        is_well_formed: whether it is one think block with content, then calls alone or one answer block with content.
    """

    calls: tuple[Call, ...]
    answer: str | None
    is_well_formed: bool


def read_tool(name: str) -> str:
    """The tool of a run: CROP, or empty for none.

    Raises:
        UserError: there is no such tool.
    """
    if name not in ("", CROP):
        raise UserError(f"tool '{name}' is unknown: give {CROP}, or none")
    return name


def build_call_turn(rationale: str, spans: Sequence[Span]) -> str:
    """A turn that asks for parts of the video, as data are prepared; see `write_calls`."""
    arguments = [{"start_time": start, "end_time": end} for start, end in spans]
    call = json.dumps({"name": TOOL_NAME, "arguments": arguments})
    return f"<think>{rationale}</think>\n{OPEN_CALL}{call}{CLOSE_CALL}"


def write_calls(text: str, chat_template: object) -> str:
    """A text with its calls as a checkpoint writes them: in JSON, or in XML where its chat template does.

    Args:
        chat_template: of its processor or tokenizer.
    """
    return _WHOLE_CALL.sub(_in_xml, text) if XML_MARK in str(chat_template) else text


def tells_of_tool(text: str | None) -> bool:
    """Whether a text holds the system turn, in whichever form."""
    return text is not None and any(write_calls(SYSTEM, template) in text for template in ("", XML_MARK))


def build_observation(shown: Sequence[Call]) -> str:
    """The text of the user's turn that answers calls.

    Args:
        shown: the spans that are shown, with one placeholder each for their frames, in order; or why they are not.
    """
    parts = [
        one.value if isinstance(one, CallFault) else f"{VIDEO_PLACEHOLDER}From {one[0]:.1f} to {one[1]:.1f} seconds."
        for one in shown
    ]
    return TOOL_RESPONSE.format("\n".join(parts))


def read_turn(text: str) -> Turn:
    """Reads a turn; whatever a model may write gives a turn.

    A call inside the thinking is none. A block that breaks off is a broken call.
    """
    said = read_response(text)
    if said.answer is not None:
        return Turn((), said.answer, said.is_well_formed and OPEN_CALL not in text)
    calls = [call for block in _CALL.findall(said.outside) for call in _read_block(block)]
    kept = [call if place < MAX_CALLS else CallFault.TOO_MANY for place, call in enumerate(calls[: MAX_CALLS + 1])]
    thoughts, closing, behind = text.strip().partition("</think>")
    is_thought = thoughts.startswith("<think>") and bool(thoughts.removeprefix("<think>").strip())
    is_well_formed = bool(closing) and is_thought and _CALL_TURN.fullmatch(behind) is not None
    return Turn(tuple(kept), None, is_well_formed and not any(isinstance(call, CallFault) for call in kept))


def split_turns(text: str) -> list[str]:
    """The model's turns out of a whole dialogue's text, in which the observations stand between them."""
    return _OBSERVATION.split(text)[::2]


def split_faults(text: str) -> list[tuple[CallFault | None, ...]]:
    """What each observation out of a whole dialogue's text says of its calls, in order: None of one that is shown."""
    faults = {fault.value: fault for fault in CallFault}
    return [tuple(map(faults.get, told.split("\n"))) for told in _OBSERVATION.split(text)[1::2]]


def calls_to_answer(turn: Turn, rounds: int) -> tuple[Call, ...]:
    """What the user's next turn answers; empty where the dialogue is over.

    A model that calls once more after the last round is told so, once.

    Args:
        rounds: turns with calls that were answered before.
    """
    if rounds > MAX_ROUNDS or not turn.calls:
        return ()
    return turn.calls if rounds < MAX_ROUNDS else (CallFault.NO_ROUNDS,)


def _in_xml(call: re.Match[str]) -> str:
    read = _read_block(call[1])
    spans = [_XML_CALL.format(*one) for one in read if isinstance(one, tuple)]
    return "\n".join(spans) if len(spans) == len(read) else call[0]  # thoughts may quote anything


def _read_block(block: str) -> list[Call]:
    if len(block) > MAX_CALL_CHARACTERS:
        return [CallFault.BROKEN]
    function = _FUNCTION.fullmatch(block)
    try:
        if function:
            named = {name: float(value) for name, value in _NUMBER.findall(function[2])}
            call = {"name": function[1], "arguments": named}
        else:
            call = json.loads(block)
    except (ValueError, RecursionError):
        return [CallFault.BROKEN]
    if not isinstance(call, dict) or "arguments" not in call:
        return [CallFault.BROKEN]
    if call.get("name") != TOOL_NAME:
        return [CallFault.UNKNOWN]
    arguments = call["arguments"]
    several = arguments if isinstance(arguments, list) and arguments else [arguments]
    return [_read_times(one) for one in several]


def _read_times(argument: Any) -> Call:
    start, end = (argument.get(name) if isinstance(argument, dict) else None for name in ("start_time", "end_time"))
    if not (_is_time(start) and _is_time(end)):
        return CallFault.NO_TIMES
    return (float(start), float(end)) if start < end else CallFault.REVERSED


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS
