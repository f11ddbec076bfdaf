"""A part of a video: named as a media fragment (`lecture.mp4#t=10.5,20`, W3C), planned and read like a whole one."""

import re
from dataclasses import replace
from pathlib import Path

from videokr.budget import BY_TIME, VideoBudget
from videokr.spans import Span, write_seconds
from videokr.video.frame_plan import (
    MILLISECONDS,
    TEMPORAL_PATCH_FRAMES,
    FramePlan,
    VideoHeader,
    frame_size,
    plan_frames,
)

MAX_FRAMES = 64  # VideoTemp-o3: 2 fps, 4 to 64 frames
_PART = re.compile(r"(.+)#t=(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", re.DOTALL)


def name_part(video: str, span: Span) -> str:
    """The name of a part of a video, from the file's."""
    return f"{video}#t={write_seconds(span[0])},{write_seconds(span[1])}"


def split_part(video: str | Path) -> tuple[Path, Span | None]:
    """The file, and the part of it that is meant; None for all of it."""
    part = _PART.fullmatch(str(video))
    return (Path(part[1]), (float(part[2]), float(part[3]))) if part else (Path(video), None)


def plan_part(header: VideoHeader, span: Span | None, budget: VideoBudget, patch_size: int) -> FramePlan:
    """The frames of a part of a video: evenly by true time, those of its start and its end among them.

    The budget's frames a second and pixels hold, and of its frames MAX_FRAMES at most. A part that has fewer frames
    than the least shows some twice; what lies beyond the end of the video is not shown.

    Args:
        span: that begins within the video; None: all of it, by the budget's own rule.

    Raises:
        UserError: a frame too narrow for the processors.
    """
    if span is None:
        return plan_frames(header, budget, patch_size)
    start, end = span[0], min(span[1], end_seconds(header))
    budget = replace(budget.bounded(max_frames=min(budget.max_frames, MAX_FRAMES)), sampling=BY_TIME)
    wanted = min(max((end - start) * budget.fps, budget.min_frames), budget.max_frames)
    number = max(int(wanted / TEMPORAL_PATCH_FRAMES) * TEMPORAL_PATCH_FRAMES, TEMPORAL_PATCH_FRAMES)
    moments = [round((start + (end - start) * place / (number - 1)) * MILLISECONDS) for place in range(number)]
    height, width = frame_size(header, budget, patch_size, number)
    return FramePlan(header, tuple(map(header.index_at, moments)), height, width, patch_size, tuple(moments))


def span_shown(header: VideoHeader, span: Span) -> Span | None:
    """The span as far as the video goes; None where it begins after that."""
    end = end_seconds(header)
    return (span[0], min(span[1], end)) if span[0] < end else None


def end_seconds(header: VideoHeader) -> float:
    """How long the last frame is seen, which may be shown late where frames are not equally long."""
    return max(header.duration_seconds, header.seconds_of(header.frame_count - 1))
