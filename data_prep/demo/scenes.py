"""Scenes of the made-up corpus: coloured shapes that move, grow, appear a number of times or in an order.

A scene is FRAMES frames shown at FPS, so that sampling at 2 frames a second takes every frame, in every host, at the
same time. No single frame of it answers its questions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

SIDE = 96  # pixels; a multiple of 32, and rounded to 84 where the patch grid is 28
FRAMES = 8
FPS = 2
SLOTS = FRAMES // 2  # two frames make one temporal patch of the models

COLOURS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (60, 90, 255), "yellow": (240, 220, 40)}
SHAPES = ("square", "circle", "triangle")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
GROWTHS = {
    "it grows": (8, 28),
    "it shrinks": (28, 8),
    "it stays the same": (18, 18),
    "it comes and goes": (18, 18),
}
COUNTS = ("1", "2", "3", "4")
BACKGROUND = 24

Array = Any  # numpy carries no types that a checker outside the environment could read


@dataclass(frozen=True, slots=True)
class Question:
    """
    Attributes:
        text: the question, without options.
        choices: the four texts to choose from, in no particular order.
        answer: one of the choices.
        rationale: what is to be seen, in one regular sentence.
    """

    text: str
    choices: tuple[str, ...]
    answer: str
    rationale: str


@dataclass(frozen=True, slots=True)
class Scene:
    """
    Attributes:
        subject: what the scene is about; a key of SCENES.
        frames: uint8, (FRAMES, SIDE, SIDE, 3), RGB.
        questions: what can be asked of it, each answered by the frames.
    """

    subject: str
    frames: Array
    questions: tuple[Question, ...]


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
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 12, (FRAMES, SIDE, SIDE, 1))
    return np.repeat(BACKGROUND + noise, 3, axis=3).astype(np.uint8)


def _place(rng: Random, radius: float) -> tuple[float, float]:
    return rng.uniform(radius, SIDE - radius), rng.uniform(radius, SIDE - radius)


def motion(rng: Random) -> Scene:
    """One shape crosses most of the frame in one direction."""
    frames, shape, colour, direction = (
        _blank(rng),
        rng.choice(SHAPES),
        rng.choice(list(COLOURS)),
        rng.choice(list(DIRECTIONS)),
    )
    radius, across = 12.0, rng.uniform(14, SIDE - 14)
    start, end = rng.uniform(13, 24), rng.uniform(SIDE - 24, SIDE - 13)
    step = DIRECTIONS[direction]
    if sum(step) < 0:
        start, end = end, start
    for index, frame in enumerate(frames):
        along = start + (end - start) * index / (FRAMES - 1)
        draw(frame, shape, colour, (along, across) if step[0] else (across, along), radius)
    question = Question(
        f"Which way does the {shape} move?", tuple(DIRECTIONS), direction, f"The {colour} {shape} goes {direction}."
    )
    return Scene("motion", frames, (question,))


def size(rng: Random) -> Scene:
    """One shape in its place grows, shrinks, stays, or comes and goes."""
    frames, shape, colour, change = (
        _blank(rng),
        rng.choice(SHAPES),
        rng.choice(list(COLOURS)),
        rng.choice(list(GROWTHS)),
    )
    first, last = GROWTHS[change]
    centre = _place(rng, 30.0)
    for index, frame in enumerate(frames):
        if change == "it comes and goes" and (index // 2) % 2:
            continue
        draw(frame, shape, colour, centre, first + (last - first) * index / (FRAMES - 1))
    question = Question(f"What happens to the {shape}?", tuple(GROWTHS), change, f"The {colour} {shape}: {change}.")
    return Scene("size", frames, (question,))


def count(rng: Random) -> Scene:
    """One shape appears one to four times, each time somewhere else."""
    frames, shape, colour, number = _blank(rng), rng.choice(SHAPES), rng.choice(list(COLOURS)), rng.choice(COUNTS)
    for slot in sorted(rng.sample(range(SLOTS), int(number))):
        centre = _place(rng, 14.0)
        for frame in frames[2 * slot : 2 * slot + 2]:
            draw(frame, shape, colour, centre, 14.0)
    question = Question(
        f"How many times does a {shape} appear?", COUNTS, number, f"A {colour} {shape} is seen {number} times."
    )
    return Scene("count", frames, (question,))


def order(rng: Random) -> Scene:
    """Four shapes of four colours appear one after the other."""
    frames, shape = _blank(rng), rng.choice(SHAPES)
    colours = rng.sample(list(COLOURS), SLOTS)
    for slot, colour in enumerate(colours):
        centre = _place(rng, 16.0)
        for frame in frames[2 * slot : 2 * slot + 2]:
            draw(frame, shape, colour, centre, 16.0)
    seen = f"In order: {', '.join(colours)}."
    first = Question(f"Which colour is the first {shape}?", tuple(COLOURS), colours[0], seen)
    last = Question(f"Which colour is the last {shape}?", tuple(COLOURS), colours[-1], seen)
    return Scene("order", frames, (first, last))


SCENES: dict[str, Callable[[Random], Scene]] = {"motion": motion, "size": size, "count": count, "order": order}
