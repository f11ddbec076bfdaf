"""What a video shows from moment to moment, as small gray pictures."""

import math
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from videokr.errors import UserError
from videokr.video.orientation import upright
from videokr.video.timeline import VideoError, video_stream

SIDE = 128  # pixels, height and width of every picture, whatever the video's shape
MAX_MOMENTS = 40_000  # of one video: more than two hours at four a second


class TimedFrame(NamedTuple):
    """A frame, and the seconds at which it comes up and goes."""

    frame: Any
    came_up: float
    gone: float


def read_pictures(
    path: Path, fps: float, start_seconds: float = 0.0, end_seconds: float = math.inf
) -> tuple[ndarray, ndarray]:
    """The picture that is shown at every 1/fps seconds, counted from the video's first frame.

    Frames that no other is made from may be passed over, so that a picture may be a little older than it could be.

    Args:
        start_seconds, end_seconds: of the part that is read.

    Returns:
        Seconds, float64 (pictures,): when each came up, or the moment asked for where it had come up before the last
        one; and uint8 (pictures, SIDE, SIDE).

    Raises:
        UserError: the file is not there.
        VideoError: it has no video, or nothing of the part decodes.
    """
    if not path.is_file():
        raise UserError(f"video '{path}' is not there")
    seconds: list[float] = []
    pictures: list[ndarray] = []
    number = math.ceil(start_seconds * fps)
    for frame, came_up, gone in _shown(path, start_seconds):
        small = None
        number = max(number, math.ceil(came_up * fps))
        while number / fps < gone and number / fps <= end_seconds and number < MAX_MOMENTS:
            due = number / fps
            small = _small(frame) if small is None else small
            seconds.append(came_up if came_up > due - 1 / fps else due)
            pictures.append(small)
            number += 1
        if gone > end_seconds or number == MAX_MOMENTS:
            break
    if not pictures:
        raise VideoError(path, f"no frame decodes from {start_seconds:g} s on")
    return np.array(seconds), np.stack(pictures)


def _shown(path: Path, start_seconds: float) -> Iterator[TimedFrame]:
    """Those that are shown from start_seconds on, and some before; as far as the file decodes."""
    if start_seconds > 0:
        frames = _sought(path, start_seconds)
        try:
            first = next(frames, None)
        except VideoError:
            first = None
        if first and first.came_up <= start_seconds:
            yield first
            yield from frames
            return
        frames.close()  # some containers (MPEG-TS) are sought too late
    yield from _sought(path, 0.0)


def _sought(path: Path, start_seconds: float) -> Generator[TimedFrame, None, None]:
    """From the key frame before start_seconds on, or from wherever the container has it."""
    import av

    last: tuple[Any, float] | None = None
    try:
        with av.open(str(path)) as container:
            stream = video_stream(path, container)
            stream.thread_type, stream.thread_count = "NONE", 1  # as many videos are read at once as there are cores
            stream.codec_context.skip_frame = "NONREF"
            first = float((stream.start_time or 0) * stream.time_base)
            if start_seconds > 0:
                container.seek(math.floor((first + start_seconds) / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                time = frame.time - first
                if last is not None and time > last[1]:
                    yield TimedFrame(*last, time)
                last = frame, time
    except av.error.InvalidDataError as error:  # a file that breaks off may end in half a packet
        if last is None:
            raise VideoError(path, error.strerror or str(error)) from None
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise VideoError(path, getattr(error, "strerror", None) or str(error)) from None
    if last is not None:
        yield TimedFrame(*last, math.nextafter(last[1], math.inf))


def _small(frame: Any) -> ndarray:
    small: ndarray = upright(frame.reformat(SIDE, SIDE, format="gray", interpolation="AREA").to_ndarray(), frame)
    return small
