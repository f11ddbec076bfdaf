"""What becomes of a video on its way into another corpus: copies that only a viewer takes for the same."""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.lecture_videos import FPS, HEIGHT, WIDTH, Array, frames_of

EXCERPT_SECONDS = 20
FASTER = 1.25
CRUSHED = 36  # x264's constant rate factor of a poor copy


def _each(change: Callable[[Array], Array]) -> Callable[[str, int], Iterator[Array]]:
    return lambda kind, seed: (change(frame) for frame in frames_of(kind, seed))


def _resized(frame: Array, width: int, height: int) -> Array:
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


def _cropped(frame: Array, share: float = 0.05) -> Array:
    rows, columns = round(HEIGHT * share), round(WIDTH * share)
    return _resized(np.ascontiguousarray(frame[rows:-rows, columns:-columns]), WIDTH, HEIGHT)


def _brighter(frame: Array) -> Array:
    return np.clip(frame.astype(np.int16) * 1.15 + 25, 0, 255).astype(np.uint8)


def _with_logo(frame: Array) -> Array:
    """An emblem of a seventh of the width in a corner."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(frame)
    pen = ImageDraw.Draw(image)
    pen.rectangle((WIDTH - 210, 30, WIDTH - 30, 150), fill=(200, 20, 30))
    pen.ellipse((WIDTH - 170, 45, WIDTH - 80, 135), fill=(255, 255, 255))
    return np.asarray(image)


def _letterboxed(frame: Array) -> Array:
    bar = round(HEIGHT * 0.12)
    inner = _resized(frame, WIDTH, HEIGHT - 2 * bar)
    return np.pad(inner, ((bar, bar), (0, 0), (0, 0)))


def _excerpt(kind: str, seed: int) -> Iterator[Array]:
    """Another video of the kind, with EXCERPT_SECONDS of this one in its middle."""
    own, other = frames_of(kind, seed), frames_of(kind, 1_000 + seed)
    first = 7 + seed % 5  # where the excerpt starts, in either
    for number, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        yield mine if first <= number / FPS < first + EXCERPT_SECONDS else theirs


# name: the frames of a copy, and at which rate and quality they are encoded.
Copy = tuple[Callable[[str, int], Iterator[Array]], float, int]
COPIES: dict[str, Copy] = {
    "re-encoded": (frames_of, FPS, CRUSHED),
    "360p": (_each(lambda frame: _resized(frame, 640, 360)), FPS, 28),
    "5% crop": (_each(_cropped), FPS, 23),
    "brightness": (_each(_brighter), FPS, 23),
    "logo": (_each(_with_logo), FPS, 23),
    "1.25x": (frames_of, FPS * FASTER, 23),
    "mirrored": (_each(lambda frame: frame[:, ::-1]), FPS, 23),
    "letterbox": (_each(_letterboxed), FPS, 23),
    "excerpt": (_excerpt, FPS, 23),
}
