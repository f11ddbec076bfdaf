"""A video file's header, and the frames that a plan asks for: the one reader of all three stages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.budget import VideoBudget
from videokr.decoding import decode_chosen
from videokr.errors import UserError
from videokr.fast_video import is_fast
from videokr.frame_plan import FramePlan, VideoHeader, plan_frames
from videokr.proxy import ProxyKey, proxy_folder

if TYPE_CHECKING:
    import torch

TAIL_SECONDS = 1.0  # so much of a file's end may be missing: the last frame that decodes stands in for it
MICROSECONDS = 1_000_000  # in a second, of what a container states
DECODE_THREADS = 1  # a file: more cost a third more time of the CPUs, and a host decodes several files at once
RATE_TOLERANCE = 0.01  # by which a stated frame rate may differ from that of the file's own timestamps


class VideoError(UserError):
    """A video that cannot be shown; `path` names it."""

    def __init__(self, path: Path, reason: str):
        self.path, self.reason = path, reason
        super().__init__(f"video '{path}' cannot be decoded: {reason}; replace it or leave its record out")

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str]]:
        # An exception is otherwise rebuilt from its text alone, and could not leave a worker process.
        return VideoError, (self.path, self.reason)


def read_header(path: Path) -> VideoHeader:
    """What the file says of itself; where it holds no frame count (MKV, WebM), its packets are counted.

    Raises:
        UserError: the file is not there.
        VideoError: no video, no frame in it, or it breaks off as can be told from the header.
    """
    with _opened(path) as container:
        return _header(path, container)


def read_frames(path: Path, budget: VideoBudget, patch_size: int) -> tuple["torch.Tensor", FramePlan]:
    """The frames that the plan of this file and budget asks for: of its proxy where there is one, else of itself.

    Raises:
        UserError, VideoError: see `read_original`.
    """
    folder = proxy_folder()
    found = folder.read(path, ProxyKey(budget, patch_size)) if folder else None
    return found or read_original(path, budget, patch_size)


def read_original(path: Path, budget: VideoBudget, patch_size: int) -> tuple["torch.Tensor", FramePlan]:
    """Decodes the frames that the plan of this file and budget asks for.

    Args:
        patch_size: side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL.

    Returns:
        uint8, (frames, 3, height, width), RGB; and the plan.

    Raises:
        UserError: the file is not there.
        VideoError: it cannot be decoded as far as the plan needs it.
    """
    import torch

    with _opened(path) as container:
        plan = _plan(path, container, budget, patch_size)
        frames = torch.empty((len(plan.indices), 3, plan.height, plan.width), dtype=torch.uint8)
        places: dict[int, list[int]] = {}
        for place, index in enumerate(plan.indices):
            places.setdefault(index, []).append(place)

        def show(index: int, frame: Any) -> None:
            frames[places[index]] = _resized(frame, plan)

        _decode(path, container, plan, show)
    return frames, plan


def check_frames(path: Path, budget: VideoBudget, patch_size: int) -> VideoHeader:
    """Decodes as `read_original` does, and keeps nothing.

    Raises:
        UserError: the file is not there.
        VideoError: it cannot be decoded as far as the plan needs it, or a planned frame is damaged.
    """
    with _opened(path) as container:
        plan = _plan(path, container, budget, patch_size)
        is_damaged: dict[int, bool] = {}
        _decode(path, container, plan, lambda index, frame: is_damaged.update({index: frame.is_corrupt}))
    damaged = [index for index in plan.indices if is_damaged[index]]
    if damaged:
        raise VideoError(path, f"frame {damaged[0]} is damaged, one of {len(damaged)} that are shown")
    return plan.header


def _plan(path: Path, container: Any, budget: VideoBudget, patch_size: int) -> FramePlan:
    try:
        return plan_frames(_header(path, container), budget, patch_size)
    except VideoError:
        raise
    except UserError as error:
        raise VideoError(path, str(error)) from None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import av

    if not path.is_file():
        raise UserError(f"video '{path}' is not there")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(path, "there is no video in it")
            stream = container.streams.video[0]
            stream.thread_type, stream.thread_count = "AUTO", DECODE_THREADS
            yield container
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise VideoError(path, getattr(error, "strerror", None) or str(error)) from error


def _header(path: Path, container: Any) -> VideoHeader:
    stream = container.streams.video[0]
    count, fps = stream.frames, float(stream.average_rate or 0)
    if not count:
        seconds = _packet_times(path, container)
        count = len(seconds)
        if count > 1 and seconds[-1] > seconds[0]:
            own = float((count - 1) / (seconds[-1] - seconds[0]))
            fps = fps if abs(fps - own) <= RATE_TOLERANCE * own else own
        container.seek(0)
    if not count or not fps:
        raise VideoError(path, "there is no frame in it")
    try:
        first = next(container.decode(stream))
    except StopIteration:
        raise VideoError(path, "no frame of it decodes") from None
    container.seek(0)
    height, width = first.height, first.width
    return VideoHeader(count, fps, *((width, height) if first.rotation % 180 else (height, width)))


def _packet_times(path: Path, container: Any) -> list[Any]:
    """Seconds of the video's packets, in order, of a file that counts no frames.

    Raises:
        VideoError: the file ends before the time that its header states for all that is in it, sound too.
    """
    packets = [packet for packet in container.demux() if packet.pts is not None]
    stated_seconds = (container.duration or 0) / MICROSECONDS
    ends = [(packet.pts + (packet.duration or 0)) * packet.time_base for packet in packets]
    held_seconds = float(max(ends, default=0)) - (container.start_time or 0) / MICROSECONDS
    if stated_seconds - held_seconds > TAIL_SECONDS:
        raise VideoError(path, f"{held_seconds:.1f} of its {stated_seconds:.1f} seconds are there")
    own = container.streams.video[0].index
    return sorted(packet.pts * packet.time_base for packet in packets if packet.stream_index == own)


def _decode(path: Path, container: Any, plan: FramePlan, show: Callable[[int, Any], None]) -> None:
    """Shows each planned frame with its index, in order; one that is wanted twice once."""
    indices = sorted(set(plan.indices))
    if is_fast():
        if decode_chosen(container, plan.header.frame_count, indices, show):
            return
        container.seek(0)
    wanted = iter(indices)
    due = next(wanted, None)
    decoded = 0
    for frame in _until_damage(container):
        if decoded == due:
            show(due, frame)
            due = next(wanted, None)
        if due is None:
            return
        newest = frame
        decoded += 1
    missing_seconds = (plan.header.frame_count - decoded) / plan.header.average_fps
    if not decoded or missing_seconds > TAIL_SECONDS:
        raise VideoError(path, f"{decoded} of its {plan.header.frame_count} frames decode")
    while due is not None:
        show(due, newest)
        due = next(wanted, None)


def _until_damage(container: Any) -> Iterator[Any]:
    """The frames in order, as far as they decode: a file that breaks off may end in half a packet."""
    import av

    try:
        yield from container.decode(container.streams.video[0])
    except av.error.InvalidDataError:
        return


def _resized(frame: Any, plan: FramePlan) -> "torch.Tensor":
    import torch

    image = torch.from_numpy(frame.to_ndarray(format="rgb24"))
    if frame.rotation:
        image = torch.rot90(image, round(frame.rotation / 90), dims=(0, 1))
    image = image.permute(2, 0, 1)[None]
    if image.shape[2:] == (plan.height, plan.width):
        return image[0]
    return torch.nn.functional.interpolate(image, (plan.height, plan.width), mode="bicubic", antialias=True)[0]
