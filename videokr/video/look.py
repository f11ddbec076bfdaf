"""What a call of the crop tool shows: the part of the video that it names, or why it shows none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from videokr.budget import VideoBudget
from videokr.dialogue import Call, CallFault
from videokr.errors import RecordError
from videokr.example import VIDEO_FIELDS, Example
from videokr.record_spans import ROUNDS_FIELD
from videokr.video.frame_plan import FramePlan
from videokr.video.part import name_part, span_shown
from videokr.video.reader import read_frames
from videokr.video.timeline import VideoError, read_header

if TYPE_CHECKING:
    import torch

Frames = tuple["torch.Tensor", FramePlan]
ReadFrames = Callable[[Path, VideoBudget, int], Frames]


def look(
    video: Path, budget: VideoBudget, patch_size: int, call: Call, read: ReadFrames = read_frames
) -> tuple[Call, Frames | None]:
    """The span that is shown, which ends with the video at the latest, and its frames; or why there are none.

    Args:
        video: the row's own; no path comes out of what a model writes.
        read: decodes, as `read_frames` does.
    """
    if isinstance(call, CallFault):
        return call, None
    try:
        span = span_shown(read_header(video), call)
        if span is None:
            return CallFault.BEYOND, None
        return span, read(Path(name_part(str(video), span)), budget, patch_size)
    except VideoError:
        return CallFault.UNREADABLE, None


def shown_rounds(example: Example, video: Path) -> Example:
    """The example with the spans of its rounds as a call of them shows them, so that rows say what a dialogue will.

    RecordError where one begins beyond the end of the video, or the video cannot be read.
    """
    if not example.rounds:
        return example
    try:
        header = read_header(video)
    except VideoError as error:
        raise RecordError(VIDEO_FIELDS[0], "video cannot be read", str(error)) from None
    rounds = []
    for thoughts, spans in example.rounds:
        shown = [span_shown(header, span) for span in spans]
        if None in shown:
            raise RecordError(ROUNDS_FIELD, "looks beyond the end of the video", f"{spans} of '{video}'")
        rounds.append((thoughts, tuple(span for span in shown if span is not None)))
    return replace(example, rounds=tuple(rounds))
