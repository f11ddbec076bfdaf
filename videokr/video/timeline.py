"""What is shown of a video file, and when: told without decoding it where that is possible."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.errors import UserError
from videokr.video.decoding import (
    ONE_FRAME_A_PACKET,
    WITHOUT_TIMES,
    PacketTable,
    codec_of,
    decoded,
    is_interlaced,
    is_reordered,
    is_rising,
    packets_of,
    read_packets,
)
from videokr.video.frame_plan import MILLISECONDS, VideoHeader
from videokr.video.iso_index import shown_seconds
from videokr.video.orientation import is_sideways

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
    """What a file says of its video."""

    header: VideoHeader
    codec: str  # as FFmpeg calls it
    has_audio: bool
    is_hdr: bool  # its light is meant for a screen of high dynamic range (PQ, HLG), for which no host converts it


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is shown of a file and when, and the packets that tell it."""

    facts: Facts
    table: PacketTable | None  # of the packets; None: they do not tell the frames apart, which are counted then
    is_indexed: bool  # the file's index tells its frames


def read_header(path: Path) -> VideoHeader:
    """What is shown of a file, and when; raises as `read_timeline`."""
    return read_facts(path).header


def read_facts(path: Path) -> Facts:
    """What a file says of its video; raises as `read_timeline`."""
    return read_timeline(path, with_packets=False).facts


def read_timeline(path: Path, with_packets: bool) -> Timeline:
    """What is shown of a file: told by the index of an MP4, else by the packets, else by decoding all of it once.

    Args:
        with_packets: reads the table of packets also where the header needs none.

    Raises:
        UserError: the file is not there.
        VideoError: no video, no frame in it, or it breaks off as can be told from the header.
    """
    import numpy as np

    with opened(path) as (container, stream):
        indexed = shown_seconds(path, is_reordered(stream)) if codec_of(stream) in ONE_FRAME_A_PACKET else None
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
            return read_timeline(path, with_packets=True)
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
    return Timeline(Facts(VideoHeader(count, rate or 1.0, *size, times), *said), table, is_indexed)


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
    """Refuses a file that ends before the time that its header states for all that is in it, sound too."""
    stated = (container.duration or 0) / MICROSECONDS
    if container.format.name in WITHOUT_TIMES:  # of which FFmpeg tells what is there
        stated = float(stream.frames * stream.time_base) if stream.frames < MAX_AVI_FRAMES else 0.0
    start = 0 if container.format.name in STATES_ITS_END else (container.start_time or 0) / MICROSECONDS
    held = held_seconds - start
    if stated - held > TAIL_SECONDS:
        raise VideoError(path, f"{held:.1f} of its {stated:.1f} seconds are there")


def _decoded_seconds(path: Path) -> tuple[int, Any]:
    """How many frames come out, and when each is shown if that is said of all: from the first one on."""
    import numpy as np

    with opened(path) as (container, stream):
        times, ticks, stated = [], [], []
        for packet in packets_of(container, stream):
            ticks.append(packet.dts)
            stated.append(packet.pts)
            times += [frame.pts for frame in decoded(stream, packet)]
        times += [frame.pts for frame in decoded(stream, None)]
        # Where a file says when packets are decoded, FFmpeg guesses when H.264 and HEVC are shown. Each frame is shown
        # as long after its packet as every other.
        is_guessed = container.format.name in WITHOUT_TIMES and codec_of(stream) in ONE_FRAME_A_PACKET
        is_guessed = is_guessed or (is_reordered(stream) and is_rising(stated))
        if is_guessed and len(ticks) == len(times) and None not in ticks:
            times = sorted(ticks)
        if not is_rising(times):
            return len(times), None
        return len(times), np.array([time - times[0] for time in times]) * float(stream.time_base)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file, and the video stream in it; UserError where it is not there, VideoError where it cannot be opened."""
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

    VideoError where there is none, or its codec is unknown to FFmpeg.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition.value & ATTACHED_PICTURE]
    if not videos:
        raise VideoError(path, "there is no video in it")
    best = container.streams.best("video")
    stream = best if best in videos else videos[0]
    if stream.codec_context is None:
        raise VideoError(path, "its codec is unknown")
    return stream
