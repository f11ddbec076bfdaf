"""Whether two aligned windows show the same pictures: looked at, no longer hashed.

Hashes take slides of one template, or talks in one studio, for each other. Here the pictures of a window are laid over
each other and compared block by block, and by how they change: what is printed on a slide and how a speaker moves
differ, while a copy agrees everywhere but under an emblem that was added.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from data_prep.decontamination.alignment import Alignment
from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS
from data_prep.decontamination.pictures import WHOLE, Box, area_weights, picture_box, read_pictures
from videokr.errors import UserError
from videokr.video.paths import resolve_video

FIT_SIDE, BLOCK_SIDE, BLOCKS = 32, 8, 8  # pixels, pixels, along one side
SCALES = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85, 0.82)  # of the benchmark's picture, if the training video shows a part
STEPS = (0.02, 0.01)  # shares of a side, by which the edges of a fit are moved
MOVES = (  # of the edges, as in Box: sideways, up and down; wider, higher
    ((0, 0, 1, 1), (0, 0, -1, -1), (1, 1, 0, 0), (-1, -1, 0, 0)),
    ((0, 0, -1, 1), (0, 0, 1, -1), (-1, 1, 0, 0), (1, -1, 0, 0)),
)
_HALVES = (slice(FIT_SIDE // 2), slice(FIT_SIDE // 2, None))
MAX_LATE_SECONDS = 3.0  # by which the hashes may have missed the moment
SPEED_FACTORS = (0.95, 0.975, 1.0, 1.025, 1.05)  # and the speed
MIN_INSIDE = 0.8  # of the pictures that meet where the hashes say; a line with fewer is not tried
MIN_BLOCK_LUMA = 4.0  # standard deviation of a block that shows something
MIN_BLOCK_CORRELATION = 0.7  # correlation
MIN_SAME_SHARE = 0.7  # of the blocks that show something
MIN_MOVING_LUMA = 1.5  # standard deviation over time, over the whole picture, from which on something moves
MIN_MOVEMENT = 0.6  # correlation of what moves
Pair = tuple[str, str, Alignment]  # path of the training video, of the benchmark video, and where they meet


class Resemblance(NamedTuple):
    """How much the pictures of two windows agree.

    Attributes:
        still: share of the blocks that show something, in [0, 1], in which both show the same.
        moving: correlation, in [-1, 1], of what changes in the course of the window; None where nothing does.
    """

    still: float
    moving: float | None

    @property
    def is_same(self) -> bool:
        return self.still >= MIN_SAME_SHARE and (self.moving is None or self.moving >= MIN_MOVEMENT)


def verify(train_root: Path, benchmark_root: Path, pair: Pair) -> Resemblance | None:
    """Looks at the windows of a pair of videos below their roots; None where one cannot be read any more."""
    train, benchmark, alignment = pair
    start, end = alignment.start_seconds, alignment.end_seconds
    slack = MAX_LATE_SECONDS + 1 / BENCHMARK_FPS
    first, last = (alignment.benchmark_seconds(seconds) for seconds in (start, end))
    try:
        own = read_pictures(resolve_video(train, train_root), TRAIN_FPS, start, end)
        file = resolve_video(benchmark, benchmark_root)
        other = read_pictures(file, BENCHMARK_FPS, max(0.0, first - slack), last + slack)
    except UserError:
        return None
    return resemblance(own, other, alignment)


def resemblance(
    train: tuple[ndarray, ndarray], benchmark: tuple[ndarray, ndarray], alignment: Alignment
) -> Resemblance:
    """How much two windows look alike, of which `read_pictures` gives seconds and pictures."""
    seconds, pictures = train
    other_seconds, others = benchmark
    boxes = tuple(dict.fromkeys((picture_box(others), WHOLE)))
    if alignment.is_mirrored:
        others, boxes = others[:, :, ::-1], tuple(box.mirrored() for box in boxes)
    own, others = pictures.astype(np.float32), others.astype(np.float32)
    due = alignment.speed * seconds + alignment.offset_seconds
    inside, nearest = _nearest(due, other_seconds)
    if not inside.any():
        return Resemblance(0.0, None)
    own_boxes = tuple(dict.fromkeys((picture_box(pictures), WHOLE)))
    own_box, box = _fit(own[inside], own_boxes, others[nearest[inside]], boxes)
    inside, nearest = _in_time(_view(own, own_box, FIT_SIDE), _view(others, box, FIT_SIDE), due, other_seconds)
    side = BLOCK_SIDE * BLOCKS
    seen, matched = _view(own[inside], own_box, side), _view(others[nearest[inside]], box, side)
    return Resemblance(_same_share(seen, matched), _same_movement(seen, matched))


def _nearest(due: ndarray, seconds: ndarray) -> tuple[ndarray, ndarray]:
    """Whether each moment is among some seconds, and which of these is nearest."""
    step = 1 / BENCHMARK_FPS
    return (due >= seconds[0] - step) & (due <= seconds[-1] + step), np.abs(seconds - due[:, None]).argmin(axis=1)


def _in_time(own: ndarray, others: ndarray, due: ndarray, seconds: ndarray) -> tuple[ndarray, ndarray]:
    """As `_nearest`, for the line near the given one along which the views are most alike."""

    def unit(views: ndarray) -> ndarray:
        centred: ndarray = views.reshape(len(views), -1) - views.mean(axis=(1, 2))[:, None]
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
        return centred

    alike = unit(own) @ unit(others).T
    middle = (due[0] + due[-1]) / 2
    there = _nearest(due, seconds)[0].sum()
    lines = []
    for factor in SPEED_FACTORS:
        for late in np.arange(-MAX_LATE_SECONDS, MAX_LATE_SECONDS + 1e-6, 1 / BENCHMARK_FPS):
            inside, nearest = _nearest((due - middle) * factor + middle + late, seconds)
            if inside.sum() >= MIN_INSIDE * there:
                lines.append((float(alike[np.arange(len(due)), nearest][inside].mean()), inside, nearest))
    _, inside, nearest = max(lines, key=lambda line: line[0], default=(0.0, *_nearest(due, seconds)))
    return inside, nearest


def _fit(own: ndarray, own_boxes: tuple[Box, ...], others: ndarray, boxes: tuple[Box, ...]) -> tuple[Box, Box]:
    """The box of the training pictures and that part of the others' that look most alike."""

    def alike(seen: ndarray, box: Box) -> float:
        """Without the quarter that agrees least: an emblem may stand there."""
        view = _view(others, box, FIT_SIDE)
        quarters = [np.median(_correlation(seen[:, rows, columns], view[:, rows, columns]))
                    for rows in _HALVES for columns in _HALVES]  # fmt: skip
        return float(sum(quarters) - min(quarters))

    views = [_view(own, box, FIT_SIDE) for box in own_boxes]
    tries = [(number, box.scaled(scale)) for number in range(len(views)) for box in boxes for scale in SCALES]
    number, best = max(tries, key=lambda one: alike(views[one[0]], one[1]))
    for step in STEPS:
        for moves in MOVES:
            near = [best, *(best.part(_moved(step * share for share in move)) for move in moves)]
            best = max(near, key=lambda box: alike(views[number], box))
    return own_boxes[number], best


def _moved(edges: Iterable[float]) -> Box:
    """The whole, with its edges moved by so much."""
    return Box(*(whole + edge for whole, edge in zip(WHOLE, edges, strict=True)))


def _view(pictures: ndarray, box: Box, side: int) -> ndarray:
    """float32 (pictures, side, side)."""
    shown: ndarray = area_weights(box.top, box.bottom, side) @ pictures @ area_weights(box.left, box.right, side).T
    return shown


def _correlation(own: ndarray, others: ndarray) -> ndarray:
    """float32 (pictures,), in [-1, 1]."""
    a, b = (views - views.mean(axis=(1, 2), keepdims=True) for views in (own, others))
    size = np.sqrt((a * a).sum(axis=(1, 2)) * (b * b).sum(axis=(1, 2)))
    found: ndarray = (a * b).sum(axis=(1, 2)) / np.maximum(size, 1e-6)
    return found


def _same_share(own: ndarray, others: ndarray) -> float:
    """Of the blocks in which either shows something, those in which both show the same; 0 where none does."""
    a, b = (blocks - blocks.mean(axis=1, keepdims=True) for blocks in (_blocks(own), _blocks(others)))
    deviations = a.std(axis=1), b.std(axis=1)
    shows = np.maximum(*deviations) > MIN_BLOCK_LUMA
    correlation = (a * b).mean(axis=1) / np.maximum(deviations[0] * deviations[1], 1e-6)
    return float((correlation[shows] > MIN_BLOCK_CORRELATION).mean()) if shows.any() else 0.0


def _same_movement(own: ndarray, others: ndarray) -> float | None:
    """Correlation of what differs from a window's mean picture; None where that is next to nothing in both."""
    a, b = (views - views.mean(axis=0) for views in (own, others))
    if max(a.std(), b.std()) < MIN_MOVING_LUMA:
        return None
    return float((a * b).mean() / max(float(np.sqrt((a * a).mean() * (b * b).mean())), 1e-6))


def _blocks(views: ndarray) -> ndarray:
    """(blocks, all their pixels at all times)."""
    parts = views.reshape(len(views), BLOCKS, BLOCK_SIDE, BLOCKS, BLOCK_SIDE)
    blocks: ndarray = parts.transpose(1, 3, 0, 2, 4).reshape(BLOCKS * BLOCKS, -1)
    return blocks
