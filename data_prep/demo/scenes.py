"""Scenes of the made-up corpus: coloured shapes that move, grow, appear a number of times or in an order.

A scene is FRAMES frames shown at FPS, so that sampling at 2 frames a second takes every frame, in every host, at the
same time. One of its frames, without the time of it, answers no question.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

SIDE = 64  # pixels; two merged patches of 32, and resized to two of 28 where the patch grid is 28
FRAMES = 8
FPS = 2
SLOTS = FRAMES // 2  # two frames make one temporal patch of the models

COLOURS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (60, 90, 255), "yellow": (240, 220, 40)}
# What is seen is told in other words than the options, so that only one of a rationale's words is an option's.
HUES = {"red": "crimson", "green": "lime", "blue": "navy", "yellow": "gold"}
SHAPES = ("square", "circle", "triangle")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SIDES = {"left": ("east", "west"), "right": ("west", "east"), "up": ("south", "north"), "down": ("north", "south")}
CHANGES = {"grows": (6, 26), "shrinks": (26, 6), "stays": (16, 16), "blinks": (16, 16)}  # first, last radius; pixels
LOOKS = {
    "grows": ("small", "large"),
    "shrinks": ("large", "small"),
    "stays": ("there", "there"),
    "blinks": ("there", "gone"),
}
COUNTS = ("1", "2", "3", "4")
BACKGROUND = 24

Array = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scene:
    """A few frames, and what is asked of them.

    Attributes:
        frames: uint8, (FRAMES, SIDE, SIDE, 3), RGB.
        question: without options.
        choices: the four texts to choose from, in no particular order.
        answer: one of the choices.
        rationale: what is to be seen from moment to moment, in one regular sentence without its full stop; it ends with
            the answer.
    """

    frames: Array
    question: str
    choices: tuple[str, ...]
    answer: str
    rationale: str


def draw(frame: Array, shape: str, colour: str, centre: tuple[float, float], radius: float) -> None:
    """Paints one shape into a frame; `centre` is (x, y) and `radius` half the width, in pixels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + 0.5
    dx, dy = x - centre[0], y - centre[1]
    if shape == "square":
        inside = np.maximum(np.abs(dx), np.abs(dy)) <= radius
    elif shape == "circle":
        inside = dx * dx + dy * dy <= radius * radius
    else:
        inside = (np.abs(dy) <= radius) & (2 * np.abs(dx) <= dy + radius)
    frame[inside] = COLOURS[colour]


def _blank(rng: Random) -> Array:
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 8, (FRAMES, SIDE, SIDE, 1))
    return np.repeat(BACKGROUND + noise, 3, axis=3).astype(np.uint8)


def _place(rng: Random, radius: float) -> tuple[float, float]:
    return rng.uniform(radius, SIDE - radius), rng.uniform(radius, SIDE - radius)


def _flash(frames: Array, slot: int, shape: str, colour: str, rng: Random) -> None:
    """Paints a shape somewhere into the two frames of a slot."""
    centre = _place(rng, 22.0)
    for frame in frames[2 * slot : 2 * slot + 2]:
        draw(frame, shape, colour, centre, 22.0)


def motion(rng: Random) -> Scene:
    """One shape crosses the frame in one direction."""
    frames, shape, colour = _blank(rng), rng.choice(SHAPES), rng.choice(list(COLOURS))
    direction = rng.choice(list(DIRECTIONS))
    radius, across = 16.0, rng.uniform(26, SIDE - 26)
    start, end = rng.uniform(8, 14), rng.uniform(SIDE - 14, SIDE - 8)
    step = DIRECTIONS[direction]
    if sum(step) < 0:
        start, end = end, start
    for index, frame in enumerate(frames):
        along = start + (end - start) * index / (FRAMES - 1)
        draw(frame, shape, colour, (along, across) if step[0] else (across, along), radius)
    before, after = SIDES[direction]
    seen = f"The {colour} {shape} is {before}, then {after}, so it goes {direction}"
    return Scene(frames, f"Which way does the {shape} go?", tuple(DIRECTIONS), direction, seen)


def change(rng: Random) -> Scene:
    """One shape in its place grows, shrinks, stays as it is, or blinks."""
    frames, shape, colour = _blank(rng), rng.choice(SHAPES), rng.choice(list(COLOURS))
    what = rng.choice(list(CHANGES))
    first, last = CHANGES[what]
    centre = _place(rng, 26.0)
    for index, frame in enumerate(frames):
        if what != "blinks" or index // 2 % 2 == 0:
            draw(frame, shape, colour, centre, first + (last - first) * index / (FRAMES - 1))
    before, after = LOOKS[what]
    seen = f"The {colour} {shape} is {before}, then {after}, so it {what}"
    return Scene(frames, f"What does the {shape} do?", tuple(CHANGES), what, seen)


def count(rng: Random) -> Scene:
    """One shape appears one to four times, each time somewhere else."""
    frames, shape, colour, number = _blank(rng), rng.choice(SHAPES), rng.choice(list(COLOURS)), rng.choice(COUNTS)
    slots = set(rng.sample(range(SLOTS), int(number)))
    for slot in sorted(slots):
        _flash(frames, slot, shape, colour, rng)
    looks = ", ".join("yes" if slot in slots else "no" for slot in range(SLOTS))
    seen = f"The {colour} {shape} is seen: {looks}, so it appears {number}"
    return Scene(frames, f"How many times does a {shape} appear?", COUNTS, number, seen)


def order(rng: Random) -> Scene:
    """Four shapes of four colours appear one after the other."""
    frames, shape = _blank(rng), rng.choice(SHAPES)
    colours = rng.sample(list(COLOURS), SLOTS)
    for slot, colour in enumerate(colours):
        _flash(frames, slot, shape, colour, rng)
    place, colour = rng.choice((("first", colours[0]), ("last", colours[-1])))
    seen = f"The {shape} is {', '.join(HUES[name] for name in colours)}, so the {place} is {colour}"
    return Scene(frames, f"Which colour is the {place} {shape}?", tuple(COLOURS), colour, seen)


SCENES: dict[str, Callable[[Random], Scene]] = {"motion": motion, "change": change, "count": count, "order": order}
