"""What a call of the crop tool shows: the part of the video that it names, or why it shows none."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from videokr.budget import VideoBudget
from videokr.dialogue import Call, CallFault
from videokr.video.frame_plan import FramePlan
from videokr.video.part import last_seconds, name_part
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
        end = last_seconds(read_header(video))
        if call[0] > end:
            return CallFault.BEYOND, None
        span = call[0], min(call[1], end)
        return span, read(Path(name_part(str(video), span)), budget, patch_size)
    except VideoError:
        return CallFault.UNREADABLE, None
