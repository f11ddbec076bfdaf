"""Frames of a part of a video, for a model that asks to look again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videokr.budget import BY_TIME, VideoBudget
from videokr.dialogue import CallFault
from videokr.spans import Span
from videokr.video.frame_plan import MILLISECONDS, FramePlan, VideoHeader, frame_size
from videokr.video.reader import read_planned
from videokr.video.timeline import VideoError, read_header

if TYPE_CHECKING:
    import torch

# VideoTemp-o3: 2 fps, 4 to 64 frames. The least pixels are what Qwen3-VL's processor makes of the smallest picture: of
# a frame that has them no host changes the size again.
CROP_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=64, min_pixels=65_536, max_pixels=100_352, sampling=BY_TIME)


@dataclass(frozen=True, slots=True)
class Crop:
    """What a call of the tool shows.

    Attributes:
        frames: uint8, (frames, 3, height, width), RGB; sides are multiples of two patches.
        seconds: when each is shown, counted from the start of the whole video.
        was_clamped: whether the span ends with the video, sooner than was asked for.
    """

    frames: "torch.Tensor"
    seconds: tuple[float, ...]
    was_clamped: bool

    @property
    def text(self) -> str:
        """What is said of the frames, behind them."""
        end = " The video ends there." if self.was_clamped else ""
        return f"Frames at {', '.join(f'{second:.1f}' for second in self.seconds)} seconds.{end}"


def read_crop(path: Path, span: Span, patch_size: int, budget: VideoBudget = CROP_BUDGET) -> Crop | CallFault:
    """The frames of a part of a video; a fault where there are none.

    Args:
        path: of the row's own video, never out of a model's text.
        patch_size: side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL.
    """
    try:
        if span[0] > last_seconds(read_header(path)):
            return CallFault.BEYOND
        frames, plan = read_planned(path, lambda header: plan_crop(header, span, budget, patch_size))
    except VideoError:
        return CallFault.UNREADABLE
    return Crop(frames, tuple(plan.seconds), span[1] > last_seconds(plan.header))


def last_seconds(header: VideoHeader) -> float:
    """When the last frame is shown."""
    return header.seconds_of(header.frame_count - 1)


def plan_crop(header: VideoHeader, span: Span, budget: VideoBudget, patch_size: int) -> FramePlan:
    """The frames of a span that begins within the video: evenly by true time, those of its start and end among them.

    A video that has fewer shows some twice.
    """
    start, end = span[0], min(span[1], last_seconds(header))
    number = round(min(max((end - start) * budget.fps, budget.min_frames), budget.max_frames))
    moments = [round((start + (end - start) * place / (number - 1)) * MILLISECONDS) for place in range(number)]
    height, width = frame_size(header, budget, patch_size, number)
    return FramePlan(header, tuple(map(header.index_at, moments)), height, width, patch_size, tuple(moments))
