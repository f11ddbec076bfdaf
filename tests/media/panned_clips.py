"""Small videos that hashes can tell apart, and copies of drawn originals, made on the spot."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

HEIGHT, WIDTH, RATE = 108, 192, 8
MILLISECOND = Fraction(1, 1000)


def cloud(seed: int, height: int, width: int) -> Any:
    """Gray noise with detail at every scale, uint8."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for octave in range(1, 6):
        cells = rng.random((2**octave + 2, 2**octave + 3))
        rows, columns = (np.linspace(0, n - 1.001, size) for n, size in zip(cells.shape, total.shape, strict=True))
        low, down = rows.astype(int), (rows % 1)[:, None]
        left, right = columns.astype(int), columns % 1
        upper = cells[low][:, left] * (1 - right) + cells[low][:, left + 1] * right
        lower = cells[low + 1][:, left] * (1 - right) + cells[low + 1][:, left + 1] * right
        total += (upper * (1 - down) + lower * down) / 1.5**octave
    return (255 * (total - total.min()) / np.ptp(total)).astype(np.uint8)


def pan(seed: int, seconds: float = 24.0) -> Iterator[Any]:
    """Frames, uint8 (HEIGHT, WIDTH, 3): a camera that goes over a landscape of its own."""
    land = np.repeat(cloud(seed, 2 * HEIGHT, 3 * WIDTH)[..., None], 3, axis=2)
    for number in range(round(seconds * RATE)):
        x = round((0.5 + 0.5 * math.sin(0.21 * number / RATE + seed)) * 2 * WIDTH)
        y = round((0.5 + 0.5 * math.sin(0.33 * number / RATE + 2 * seed)) * HEIGHT)
        yield land[y : y + HEIGHT, x : x + WIDTH]


def write_clip(
    path: Path, frames: Iterable[Any], rate: Fraction | int = RATE, times: Sequence[float] | None = None, **options: str
) -> Path:
    """
    Args:
        times: seconds of the frames; else they are evenly spaced.
        options: of libx264.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = None
        for number, picture in enumerate(frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"} | options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                if times is not None:
                    stream.codec_context.time_base = MILLISECOND
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number if times is None else round(times[number] * 1000)
            frame.time_base = 1 / Fraction(rate) if times is None else MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_records(path: Path, *videos: str | list[str], **fields: object) -> Path:
    """A record a video, or list of videos, with a question that no other file's holds."""
    records = [
        {"id": f"{path.stem}-{number}", "question": f"{path.stem} {number}?", "answer": "x"}
        | {"videos": own if isinstance(own, list) else [own]}
        | fields
        for number, own in enumerate(videos)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


DRAWN_RATE, DRAWN_SECONDS = 2, 24


def draw(job: tuple[Path, str, int, str | None]) -> None:
    """An original of `benchmarks.lecture_videos`, or a copy of it, shorter and with fewer frames a second."""
    from benchmarks import lecture_videos, video_copies

    path, kind, seed, copy = job
    lecture_videos.FPS = video_copies.FPS = DRAWN_RATE
    lecture_videos.SECONDS = DRAWN_SECONDS
    frames, _, quality = video_copies.COPIES[copy] if copy else (lecture_videos.frames_of, 0, 23)
    rate = Fraction(DRAWN_RATE) * Fraction(video_copies.FASTER if copy == "1.25x" else 1)
    write_clip(path, frames(kind, seed), rate, crf=str(quality))
