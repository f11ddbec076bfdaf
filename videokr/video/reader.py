"""The frames that a plan asks for, out of a video file: the one reader of all three stages."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.colours import Rgb
from videokr.video.decoding import decode_all, decode_chosen
from videokr.video.fast_path import is_fast
from videokr.video.frame_plan import FramePlan, VideoHeader
from videokr.video.orientation import upright
from videokr.video.part import plan_part, split_part
from videokr.video.proxy import ProxyKey, proxy_folder
from videokr.video.timeline import TAIL_SECONDS, Timeline, VideoError, opened, read_timeline

if TYPE_CHECKING:
    import torch


def read_frames(path: Path, budget: VideoBudget, patch_size: int) -> tuple["torch.Tensor", FramePlan]:
    """The frames that the plan of this file and budget asks for: of its proxy where there is one, else of itself.

    Args:
        path: of a video, or the name of a part of one (`videokr.video.part`), which no proxy has.

    Returns, raises: as `read_original`.
    """
    folder = None if split_part(path)[1] else proxy_folder()
    found = folder.read(path, ProxyKey(budget, patch_size)) if folder else None
    return found or read_original(path, budget, patch_size)


def read_original(path: Path, budget: VideoBudget, patch_size: int) -> tuple["torch.Tensor", FramePlan]:
    """Decodes the frames that the plan of this file and budget asks for.

    A frame that does not decode is shown as the one before it, as players do.

    Args:
        patch_size: side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL.

    Returns:
        uint8, (frames, 3, height, width), RGB; and the plan.

    Raises:
        UserError: the file is not there.
        VideoError: it cannot be decoded as far as the plan needs it.
    """
    import torch

    file, _ = split_part(path)
    timeline = read_timeline(file, with_packets=True)
    plan = plan_video(path, timeline.facts.header, budget, patch_size)
    frames = torch.empty((len(plan.indices), 3, plan.height, plan.width), dtype=torch.uint8)
    places: dict[int, list[int]] = {}
    for place, index in enumerate(plan.indices):
        places.setdefault(index, []).append(place)
    to_rgb = Rgb()

    def show(index: int, frame: Any) -> None:
        frames[places[index]] = _resized(upright(to_rgb(frame), frame), plan)

    decode(file, timeline, plan.indices, show)
    return frames, plan


def check_frames(path: Path, budget: VideoBudget, patch_size: int) -> None:
    """Decodes as `read_original` does, and keeps nothing; VideoError, too, where a frame that is shown is damaged."""
    timeline = read_timeline(path, with_packets=True)
    plan = plan_video(path, timeline.facts.header, budget, patch_size)
    damaged = decode(path, timeline, plan.indices, lambda index, frame: None)
    if damaged:
        raise VideoError(path, f"frame {min(damaged)} is damaged, one of {len(damaged)} that are shown")


def check_end(path: Path) -> None:
    """Decodes near the end of the file, and no more than that hangs on.

    Raises:
        UserError: the file is not there.
        VideoError: nothing decodes there.
    """
    timeline = read_timeline(path, with_packets=False)
    if not timeline.is_indexed:
        if timeline.table is not None:  # else all of it has been decoded
            decode(path, timeline, (timeline.facts.header.frame_count - 1,), lambda index, frame: None)
        return
    end = max(0.0, timeline.facts.header.duration_seconds - TAIL_SECONDS)
    with opened(path) as (container, stream):
        container.seek((stream.start_time or 0) + int(end / stream.time_base), stream=stream)
        if next(decode_all(container, stream), None) is None:
            raise VideoError(path, f"no frame decodes after {end:.1f} of its {end + TAIL_SECONDS:.1f} seconds")


def plan_video(path: Path, header: VideoHeader, budget: VideoBudget, patch_size: int) -> FramePlan:
    """The frames of a video, or of a part of one, that a budget asks for; see `plan_frames` and `plan_part`.

    VideoError where a frame is too narrow for the processors.
    """
    try:
        return plan_part(header, split_part(path)[1], budget, patch_size)
    except UserError as error:
        raise VideoError(path, str(error)) from None


def decode(path: Path, timeline: Timeline, planned: Iterable[int], show: Callable[[int, Any], None]) -> set[int]:
    """Shows each planned frame with its index, in order; one that is wanted twice once.

    Returns:
        The planned frames that are damaged: they did not decode, and the one before was shown in their place; or hang
        on what FFmpeg knows to be damaged.

    Raises:
        VideoError: nothing decodes, or more than the tail of the file is missing.
    """
    header, table, indices = timeline.facts.header, timeline.table, sorted(set(planned))
    if is_fast() and table is not None and not len(table.damaged) and indices[-1] < len(table.order):
        with opened(path) as (container, stream):
            if decode_chosen(container, stream, table, indices, show):
                return set()
    with opened(path) as (container, stream):
        shown = None if table is None else table.shown
        broken = [] if table is None else table.damaged.tolist()
        damaged: set[int] = set()
        coming, place, newest, is_damaged = iter(indices), -1, None, False
        due = next(coming, None)
        for number, frame in enumerate(decode_all(container, stream)):
            before, place = place, number if shown is None else int(shown.searchsorted(frame.pts, side="right")) - 1
            # A frame that did not come, or came damaged, is in the ones after it up to the next keyframe.
            is_damaged = frame.is_corrupt or ((is_damaged or place > before + 1) and not frame.key_frame)
            while broken and broken[0] <= frame.pts:
                broken.pop(0)
                is_damaged = True
            while due is not None and due <= place:
                show(due, newest if due < place and newest is not None else frame)
                if due < place or is_damaged:  # in the first case it never came
                    damaged.add(due)
                due = next(coming, None)
            if due is None:
                return damaged
            newest = frame
    if newest is None or (header.frame_count - place - 1) / header.average_fps > TAIL_SECONDS:
        raise VideoError(path, f"{place + 1} of its {header.frame_count} frames decode")
    while due is not None:
        show(due, newest)
        damaged.add(due)
        due = next(coming, None)
    return damaged


def _resized(picture: Any, plan: FramePlan) -> "torch.Tensor":
    import torch

    image = torch.from_numpy(picture).permute(2, 0, 1)[None]
    if image.shape[2:] == (plan.height, plan.width):
        return image[0]
    return torch.nn.functional.interpolate(image, (plan.height, plan.width), mode="bicubic", antialias=True)[0]
