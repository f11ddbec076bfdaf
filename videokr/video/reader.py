"""A video file's header, and the frames that a plan asks for: the one reader of all three stages."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.colours import Rgb
from videokr.video.decoding import (
    ONE_FRAME_A_PACKET,
    WITHOUT_TIMES,
    PacketTable,
    codec_of,
    decode_all,
    decode_chosen,
    decoded,
    is_interlaced,
    packets_of,
    read_packets,
)
from videokr.video.fast_path import is_fast
from videokr.video.frame_plan import MILLISECONDS, FramePlan, VideoHeader, plan_frames
from videokr.video.iso_index import shown_seconds
from videokr.video.orientation import is_sideways, upright
from videokr.video.proxy import ProxyKey, proxy_folder

if TYPE_CHECKING:
    import torch

TAIL_SECONDS = 1.0  # so much of a file's end may be missing: the last frame that decodes stands in for it
MICROSECONDS = 1_000_000  # in a second, of what a container states
DECODE_THREADS = 1  # a file: more cost a third more time of the CPUs, and a host decodes several files at once
RATE_TOLERANCE = 0.01  # by which a stated frame rate may differ from that of the file's own timestamps
EVEN_SECONDS = 0.02  # by which a frame of a video with one rate may be shown before or after its time
STATES_ITS_END = ("matroska,webm",)  # and not its duration, where it begins late
MAX_AVI_FRAMES = 2**30  # which the header of one that was written to a pipe states
ATTACHED_PICTURE = 0x400  # of a stream's disposition
HDR_TRANSFERS = (16, 18)  # PQ and HLG, of ITU-T H.273


class VideoError(UserError):
    """A video that cannot be shown; `path` names it."""

    def __init__(self, path: Path, reason: str):
        self.path, self.reason = path, reason
        super().__init__(f"video '{path}' cannot be decoded: {reason}; replace it or leave its record out")

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str]]:
        # An exception is otherwise rebuilt from its text alone, and could not leave a worker process.
        return VideoError, (self.path, self.reason)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of its video.

    Attributes:
        codec: as FFmpeg calls it.
        is_hdr: its light is meant for a screen of high dynamic range (PQ, HLG), for which no host converts it.
    """

    header: VideoHeader
    codec: str
    has_audio: bool
    is_hdr: bool


@dataclass(frozen=True, slots=True)
class _Timeline:
    """
    Attributes:
        table: of the packets; None: they do not tell the frames apart, which are counted then.
        is_indexed: the file's index tells its frames.
    """

    facts: Facts
    table: PacketTable | None
    is_indexed: bool


def read_header(path: Path) -> VideoHeader:
    """What is shown of a file, and when: see `read_facts`.

    Raises:
        UserError, VideoError: see `read_facts`.
    """
    return read_facts(path).header


def read_facts(path: Path) -> Facts:
    """What is shown of a file: told by the index of an MP4, else by the packets, else by decoding all of it once.

    Raises:
        UserError: the file is not there.
        VideoError: no video, no frame in it, or it breaks off as can be told from the header.
    """
    return _timeline(path, with_packets=False).facts


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

    timeline = _timeline(path, with_packets=True)
    plan = _plan(path, timeline.facts.header, budget, patch_size)
    frames = torch.empty((len(plan.indices), 3, plan.height, plan.width), dtype=torch.uint8)
    places: dict[int, list[int]] = {}
    for place, index in enumerate(plan.indices):
        places.setdefault(index, []).append(place)
    to_rgb = Rgb()

    def show(index: int, frame: Any) -> None:
        frames[places[index]] = _resized(upright(to_rgb(frame), frame), plan)

    _decode(path, timeline, plan.indices, show)
    return frames, plan


def check_frames(path: Path, budget: VideoBudget, patch_size: int) -> None:
    """Decodes as `read_original` does, and keeps nothing.

    Raises:
        UserError: the file is not there.
        VideoError: it cannot be decoded as far as the plan needs it, or is damaged there.
    """
    timeline = _timeline(path, with_packets=True)
    plan = _plan(path, timeline.facts.header, budget, patch_size)
    damaged = _decode(path, timeline, plan.indices, lambda index, frame: None)
    if damaged:
        raise VideoError(path, f"frame {min(damaged)} is damaged, one of {len(damaged)} that are shown")


def check_end(path: Path) -> None:
    """Decodes near the end of the file, and no more than that hangs on.

    Raises:
        UserError: the file is not there.
        VideoError: nothing decodes there.
    """
    timeline = _timeline(path, with_packets=False)
    if not timeline.is_indexed:
        if timeline.table is not None:  # else all of it has been decoded
            _decode(path, timeline, (timeline.facts.header.frame_count - 1,), lambda index, frame: None)
        return
    end = max(0.0, timeline.facts.header.duration_seconds - TAIL_SECONDS)
    with opened(path) as (container, stream):
        container.seek((stream.start_time or 0) + int(end / stream.time_base), stream=stream)
        if next(decode_all(container, stream), None) is None:
            raise VideoError(path, f"no frame decodes after {end:.1f} of its {end + TAIL_SECONDS:.1f} seconds")


def _plan(path: Path, header: VideoHeader, budget: VideoBudget, patch_size: int) -> FramePlan:
    try:
        return plan_frames(header, budget, patch_size)
    except UserError as error:
        raise VideoError(path, str(error)) from None


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file, and the video stream in it.

    Raises:
        UserError: the file is not there.
        VideoError: it cannot be opened; or see `video_stream`.
    """
    import av

    if not path.is_file():
        raise UserError(f"video '{path}' is not there")
    try:
        container: Any
        with av.open(str(path)) as container:
            stream = video_stream(path, container)
            stream.thread_type, stream.thread_count = "AUTO", DECODE_THREADS
            yield container, stream
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise VideoError(path, getattr(error, "strerror", None) or str(error)) from error


def video_stream(path: Path, container: Any) -> Any:
    """The best one in an opened file, as FFmpeg chooses it; no picture that is attached to sound.

    Raises:
        VideoError: there is none, or FFmpeg does not know its codec.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition.value & ATTACHED_PICTURE]
    if not videos:
        raise VideoError(path, "there is no video in it")
    best = container.streams.best("video")
    stream = best if best in videos else videos[0]
    if stream.codec_context is None:
        raise VideoError(path, "its codec is unknown")
    return stream


def _timeline(path: Path, with_packets: bool) -> _Timeline:
    """
    Args:
        with_packets: reads the table of packets also where the header needs none.
    """
    import numpy as np

    with opened(path) as (container, stream):
        indexed = shown_seconds(path) if codec_of(stream) in ONE_FRAME_A_PACKET else None
        if indexed is not None and len(indexed) != stream.frames:
            indexed = None
        only_first = indexed is not None and not with_packets
        packets = read_packets(container, stream, only_first)
        if packets.first is None:
            raise VideoError(path, "no frame of it decodes")
        first, table = packets.first, packets.table
        count, seconds = 0, None
        is_indexed = indexed is not None and not is_interlaced(stream, first)
        if only_first and not is_indexed:
            return _timeline(path, with_packets=True)
        if indexed is not None and is_indexed:
            count, seconds = len(indexed), indexed
        else:
            _refuse_broken_off(path, container, stream, packets.held_seconds)
            if table is not None:
                count, seconds = len(table.order), (table.shown - table.shown[0]) * float(stream.time_base)
        is_hdr = stream.codec_context.color_trc in HDR_TRANSFERS
        said = codec_of(stream), bool(container.streams.audio), is_hdr
        rate = float(stream.average_rate or stream.guessed_rate or 0)
    if not count:
        count, seconds = _decoded_seconds(path)
        table = None
    if not rate and seconds is None and count > 1:
        raise VideoError(path, "it says neither its frame rate nor when its frames are shown")
    height, width = first.height, first.width
    size = (width, height) if is_sideways(first) else (height, width)
    times = None
    if seconds is not None and count > 1:
        rate, is_even = _rate(rate, seconds)
        times = None if is_even else tuple(np.rint(seconds * MILLISECONDS).astype(int).tolist())
    return _Timeline(Facts(VideoHeader(count, rate or 1.0, *size, times), *said), table, is_indexed)


def _rate(stated: float, seconds: Any) -> tuple[float, bool]:
    """The mean frame rate, as stated if that is about right; and whether frames are shown evenly by it."""
    import numpy as np

    own = (len(seconds) - 1) / float(seconds[-1])
    rates = [stated, own] if abs(stated - own) <= RATE_TOLERANCE * own else [own]
    for rate in rates:
        if np.abs(seconds - np.arange(len(seconds)) / rate).max() <= EVEN_SECONDS:
            return rate, True
    return rates[0], False


def _refuse_broken_off(path: Path, container: Any, stream: Any, held_seconds: float) -> None:
    """
    Raises:
        VideoError: the file ends before the time that its header states for all that is in it, sound too.
    """
    stated = (container.duration or 0) / MICROSECONDS
    if container.format.name in WITHOUT_TIMES:  # of which FFmpeg tells what is there
        stated = float(stream.frames * stream.time_base) if stream.frames < MAX_AVI_FRAMES else 0.0
    start = 0 if container.format.name in STATES_ITS_END else (container.start_time or 0) / MICROSECONDS
    held = held_seconds - start
    if stated - held > TAIL_SECONDS:
        raise VideoError(path, f"{held:.1f} of its {stated:.1f} seconds are there")


def _decoded_seconds(path: Path) -> tuple[int, Any]:
    """How many frames come out, and when each is shown if that is said of all: from the first one on.

    Raises:
        VideoError: none does.
    """
    import numpy as np

    with opened(path) as (container, stream):
        times, ticks = [], []
        for packet in packets_of(container, stream):
            ticks.append(packet.dts)
            times += [frame.pts for frame in decoded(stream, packet)]
        times += [frame.pts for frame in decoded(stream, None)]
        # Of AVI's H.264 and HEVC FFmpeg guesses the times. Each frame is shown as long after its packet as every other.
        is_guessed = container.format.name in WITHOUT_TIMES and codec_of(stream) in ONE_FRAME_A_PACKET
        if is_guessed and len(ticks) == len(times) and None not in ticks:
            times = sorted(ticks)
        if not _is_rising(times):
            return len(times), None
        return len(times), np.array([time - times[0] for time in times]) * float(stream.time_base)


def _is_rising(times: list[Any]) -> bool:
    return None not in times and all(before < after for before, after in pairwise(times))


def _decode(path: Path, timeline: _Timeline, planned: Iterable[int], show: Callable[[int, Any], None]) -> set[int]:
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
