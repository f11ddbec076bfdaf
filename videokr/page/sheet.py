"""Contact sheets: a few of the frames that a model was shown, small, in one picture a video."""

import base64
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.colours import Rgb
from videokr.video.frame_plan import TIMESTAMPED_PATCH_SIZE, FramePlan, VideoHeader, plan_frames, spread
from videokr.video.orientation import is_sideways, upright
from videokr.video.timeline import VideoError, read_header, video_stream

FRAMES = 6  # of a video at most
MAX_WIDTH, MAX_HEIGHT = 128, 96  # pixels of one frame
GAP = 2  # pixels between two
MAX_ENLARGEMENT = 1.25  # of a sheet on a page
MAX_THREADS = 8
# From large to small: the scale of a picture's sides, the encoder's quality.
_LADDER = (
    *((1.0, quality) for quality in (75, 60, 45, 35, 25)),
    *((0.75, quality) for quality in (35, 25, 15)),
    *((0.5, quality) for quality in (25, 15, 5)),
    (0.35, 5),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Frames of one video in one picture."""

    picture: bytes  # WebP of `width` times `height` pixels or smaller in proportion, frames from left to right
    width: int
    height: int
    seconds: tuple[float, ...]  # into the video, of each frame


@dataclass(frozen=True, slots=True)
class NoSheet:
    """Why a video has no sheet; names no folder."""

    reason: str


Sheets = Mapping[str, Sheet | NoSheet]  # by a video's path
Moments = VideoBudget | Sequence[float]  # which frames: some of those that a budget plans, or those at these seconds
Key = TypeVar("Key")


def make_sheets(videos: Mapping[Key, tuple[Path, Moments]], bytes_each: int) -> dict[Key, Sheet | NoSheet]:
    """Draws many sheets, each of so many bytes at most, with a progress bar."""
    pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))
    try:
        drawn = pool.map(lambda video: make_sheet(video[0], video[1], bytes_each), videos.values())
        progress = tqdm(drawn, desc="contact sheets", unit="video", total=len(videos), disable=None)
        return dict(zip(videos, progress, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def make_sheet(path: Path, moments: Moments, max_bytes: int) -> Sheet | NoSheet:
    """The sheet of one video, as large as `max_bytes` allows."""
    if not path.is_file():
        return NoSheet("is not there")
    try:
        header = read_header(path)
        seconds = planned_seconds(header, moments) if isinstance(moments, VideoBudget) else moments
        frames = _frames(path, header, seconds)
    except VideoError as error:
        return NoSheet(f"cannot be decoded: {error.reason.replace(str(path), path.name)}")
    except UserError as error:
        return NoSheet(str(error).replace(str(path), path.name))
    return _encoded(frames, max_bytes)


def planned_seconds(header: VideoHeader, budget: VideoBudget) -> list[float]:
    """When the frames of a sheet are shown: evenly among those that the budget asks for, the first and the last too."""
    return seconds_among(plan_frames(header, budget, TIMESTAMPED_PATCH_SIZE), FRAMES)


def seconds_among(plan: FramePlan, most: int) -> list[float]:
    """When the frames of a plan are shown, each once: so many at most, evenly among them."""
    places = spread(len(plan.indices), min(most, len(plan.indices)))
    return [plan.header.seconds_of(index) for index in dict.fromkeys(plan.indices[place] for place in places)]


def _frames(path: Path, header: VideoHeader, wanted: Sequence[float]) -> dict[float, Any]:
    """Pictures by their seconds: of the frames at these seconds, or the last before where the file ends early.

    Each is looked for from the key frame before it, so that a long video is not decoded whole. VideoError where none
    decodes.
    """
    import av

    tolerance = 0.5 / header.average_fps
    found: dict[float, Any] = {}
    try:
        with av.open(str(path)) as container:
            stream = video_stream(path, container)
            stream.thread_type, stream.thread_count = "NONE", 1  # as many videos are read at once as there are cores
            start = float((stream.start_time or 0) * stream.time_base)
            for seconds in wanted:
                earliest = start + seconds - tolerance
                container.seek(max(0, math.floor(earliest / stream.time_base)), stream=stream)
                frame = _frame_at(container, stream, earliest)
                if frame is not None and (shown := max(0.0, frame.time - start)) not in found:
                    found[shown] = _small(frame)
    except (av.FFmpegError, UnicodeDecodeError) as error:
        if not found:
            raise VideoError(path, getattr(error, "strerror", None) or str(error)) from error
    if not found:
        raise VideoError(path, "no frame of it decodes")
    return found


def _frame_at(container: Any, stream: Any, earliest: float) -> Any:
    """The first frame no earlier than this, else the last that decodes; None where none does."""
    import av

    last = None
    with suppress(av.error.InvalidDataError):
        for frame in container.decode(stream):
            last = last if frame.time is None else frame
            if last is not None and last.time >= earliest:
                break
    return last


def _small(frame: Any) -> Any:
    from PIL import Image

    width, height = frame.width, frame.height
    most = (MAX_HEIGHT, MAX_WIDTH) if is_sideways(frame) else (MAX_WIDTH, MAX_HEIGHT)
    scale = min(1.0, most[0] / width, most[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(upright(Rgb()(frame, size, "AREA"), frame))


def _encoded(frames: Mapping[float, Any], max_bytes: int) -> Sheet:
    from PIL import Image

    images = list(frames.values())
    width, height = images[0].size
    strip = Image.new("RGB", (len(images) * (width + GAP) - GAP, height), "white")
    for place, image in enumerate(images):
        strip.paste(image, (place * (width + GAP), 0))

    for scale, quality in _LADDER:  # to the last step, where none fits
        size = max(1, round(strip.width * scale)), max(1, round(strip.height * scale))
        file = io.BytesIO()
        strip.resize(size).save(file, "WEBP", quality=quality)
        if file.tell() <= max_bytes:
            break
    return Sheet(file.getvalue(), strip.width, strip.height, tuple(frames))


def sheet_style(sheets: Iterable[Sheet | NoSheet]) -> str:
    """A style sheet with every picture once, however many examples show it; the first has the class `s0`."""
    rules = []
    for place, sheet in enumerate(sheets):
        if isinstance(sheet, Sheet):
            picture = base64.b64encode(sheet.picture).decode()
            rules.append(
                f".s{place}{{max-width:{round(sheet.width * MAX_ENLARGEMENT)}px}}"
                f".s{place} .strip{{aspect-ratio:{sheet.width}/{sheet.height};"
                f"background-image:url(data:image/webp;base64,{picture})}}"
            )
    return "\n".join(rules)
