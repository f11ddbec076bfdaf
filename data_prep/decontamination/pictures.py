"""What a video shows from moment to moment, as small gray pictures, and the perceptual hashes of these.

A hash is 64 bits, the signs of low spatial frequencies, of the whole and of parts of a picture. A sign stays as it is
under another size, quality, brightness and contrast, and turns in a mirror as can be told without the picture. An
emblem in a corner or a line of text at the bottom leaves one of the parts alone. The smaller side of a comparison is
hashed at several crops, so that a crop is met by one of them.
"""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from videokr.errors import UserError
from videokr.video.orientation import upright
from videokr.video.timeline import VideoError, video_stream

SIDE = 128  # pixels, height and width of every picture, whatever the video's shape
MAX_MOMENTS = 40_000  # of one video: more than two hours at four a second
Shown = tuple[Any, float, float]  # a frame, and the seconds at which it comes up and goes

BITS = 64
FREQUENCIES = 9  # along one side, of the discrete cosine transform
SAMPLES = 32  # along one side, which the transform is made of
SCALES = (1.0, 0.95, 0.9, 0.85)  # of the sides of a crop around the middle
MAX_BAR_LUMA = 20  # of 255: a row or column never brighter is a bar at the edge
BAR_PIXELS = 0.02  # of a row or column may be brighter all the same, for what an encoder makes of an edge
MIN_PICTURE = 0.4  # of a side: what is between bars is no less than this
MIN_LUMA_DEVIATION = 3.0  # below which a picture shows nothing to compare
BATCH_PICTURES = 512  # pictures that are worked on, so that an hour takes no more memory than a minute


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


def _shown(path: Path, start_seconds: float) -> Iterator[Shown]:
    """Those that are shown from start_seconds on, and some before; as far as the file decodes."""
    if start_seconds > 0:
        frames = _sought(path, start_seconds)
        try:
            first = next(frames, None)
        except VideoError:
            first = None
        if first and first[1] <= start_seconds:
            yield first
            yield from frames
            return
        frames.close()  # some containers (MPEG-TS) are sought too late
    yield from _sought(path, 0.0)


def _sought(path: Path, start_seconds: float) -> Generator[Shown, None, None]:
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
                    yield *last, time
                last = frame, time
    except av.error.InvalidDataError as error:  # a file that breaks off may end in half a packet
        if last is None:
            raise VideoError(path, error.strerror or str(error)) from None
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise VideoError(path, getattr(error, "strerror", None) or str(error)) from None
    if last is not None:
        yield *last, math.nextafter(last[1], math.inf)


def _small(frame: Any) -> ndarray:
    small: ndarray = upright(frame.reformat(SIDE, SIDE, format="gray", interpolation="AREA").to_ndarray(), frame)
    return small


class Box(NamedTuple):
    """A part of a picture; shares of its height and width."""

    top: float
    bottom: float
    left: float
    right: float

    def part(self, inner: "Box") -> "Box":
        """What `inner` is of this box."""
        height, width = self.bottom - self.top, self.right - self.left
        return Box(
            self.top + inner.top * height,
            self.top + inner.bottom * height,
            self.left + inner.left * width,
            self.left + inner.right * width,
        )

    def scaled(self, scale: float) -> "Box":
        """A box of so much of the sides around the middle."""
        edge = (1 - scale) / 2
        return self.part(Box(edge, 1 - edge, edge, 1 - edge))

    def mirrored(self) -> "Box":
        return Box(self.top, self.bottom, 1 - self.right, 1 - self.left)


WHOLE = Box(0.0, 1.0, 0.0, 1.0)
REGIONS = (WHOLE, Box(0, 1, 0, 0.55), Box(0, 1, 0.45, 1), Box(0, 0.7, 0, 1))
MIRRORED_REGIONS = (0, 2, 1, 3)  # where in REGIONS the mirror image of each is


def picture_box(pictures: ndarray) -> Box:
    """The part of a video's pictures that is inside its black bars; the whole where it has none.

    Args:
        pictures: uint8 (pictures, SIDE, SIDE).
    """
    brightest = pictures.max(axis=0)
    edges = []
    for axis in (1, 0):
        lit = np.flatnonzero(np.quantile(brightest, 1 - BAR_PIXELS, axis=axis) > MAX_BAR_LUMA)
        if not len(lit) or lit[-1] + 1 - lit[0] < MIN_PICTURE * SIDE:
            return WHOLE
        edges += [lit[0] / SIDE, (lit[-1] + 1) / SIDE]
    return Box(*map(float, edges))


def are_plain(pictures: ndarray) -> ndarray:
    """bool (pictures,): which show nothing."""
    batches = (pictures[first : first + BATCH_PICTURES] for first in range(0, len(pictures), BATCH_PICTURES))
    deviations = [batch.std(axis=(1, 2), dtype=np.float32) for batch in batches]
    found: ndarray = np.concatenate([np.zeros(0, np.float32), *deviations]) < MIN_LUMA_DEVIATION
    return found


def hash_crops(pictures: ndarray, boxes: Iterable[Box], scales: Sequence[float]) -> ndarray:
    """uint64 (pictures, crops, regions): of the regions of every box at every scale; no crop twice."""
    weights = np.uint64(1) << np.arange(BITS, dtype=np.uint64)
    rows, columns = zip(*_frequencies(), strict=True)
    crops = list(dict.fromkeys(box.scaled(scale) for box in boxes for scale in scales))
    parts = [crop.part(region) for crop in crops for region in REGIONS]
    hashes = np.empty((len(pictures), len(parts)), np.uint64)
    for first in range(0, len(pictures), BATCH_PICTURES):
        small = pictures[first : first + BATCH_PICTURES].astype(np.float32)
        for place, part in enumerate(parts):
            amounts = _transform(part.top, part.bottom) @ small @ _transform(part.left, part.right).T
            signs = (amounts[:, rows, columns] > 0) * weights
            hashes[first : first + len(small), place] = signs.sum(axis=1, dtype=np.uint64)
    return hashes.reshape(len(pictures), len(crops), len(REGIONS))


def mirror_hashes(hashes: ndarray) -> ndarray:
    """Hashes (..., regions) of the same pictures in a mirror: the odd frequencies along a row change their sign."""
    mask = np.uint64(sum(1 << bit for bit, (_, column) in enumerate(_frequencies()) if column % 2))
    turned: ndarray = (hashes ^ mask)[..., list(MIRRORED_REGIONS)]
    return turned


@lru_cache(maxsize=1)
def _frequencies() -> tuple[tuple[int, int], ...]:
    """The lowest BITS spatial frequencies, (rows, columns), without that of the mean brightness."""
    pairs = [(row, column) for row in range(FREQUENCIES) for column in range(FREQUENCIES)]
    return tuple(sorted(pairs, key=lambda pair: (sum(pair), pair))[1 : BITS + 1])


@lru_cache(maxsize=4_096)
def _transform(start: float, end: float) -> ndarray:
    """(FREQUENCIES, SIDE): from one side of a picture to the cosine transform of its part from start to end."""
    order, place = np.arange(FREQUENCIES)[:, None], np.arange(SAMPLES)[None]
    cosines = np.cos(np.pi * order * (2 * place + 1) / (2 * SAMPLES))
    transform: ndarray = (cosines @ area_weights(start, end, SAMPLES)).astype(np.float32)
    return transform


@lru_cache(maxsize=4_096)
def area_weights(start: float, end: float, samples: int) -> ndarray:
    """(samples, SIDE): means over equal stretches from start to end, which may cut pixels."""
    borders = np.linspace(start * SIDE, end * SIDE, samples + 1)
    pixels = np.arange(SIDE)
    middle = np.clip((borders[1:] + borders[:-1]) / 2, 0, SIDE - 1).astype(int)
    shares = np.minimum(borders[1:, None], pixels + 1) - np.maximum(borders[:-1, None], pixels)
    weights: ndarray = np.maximum(shares, 0)
    weights[np.arange(samples), middle] += 1e-6  # beyond the edge the pixel there stands in
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
