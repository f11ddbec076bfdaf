"""Videos of the kinds that lectures come in, made on the spot: what near-duplicates are looked for among.

Several share a template, a studio or a camera path, so that unrelated videos look alike as they do in a corpus.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 1280, 720, 8  # pixels; frames a second
SECONDS = 40
WORDS = (
    "pressure volume energy entropy lattice neuron membrane diffusion gradient catalyst orbital plasma enzyme vector "
    "tensor ligand protein voltage resistor inductance viscosity turbine momentum torque isotope reagent titration "
    "sediment stratum mitosis genome synapse axon cortex artery lesion suture inflation elasticity monetary treaty "
    "dynasty sonata cadence fresco pigment syntax morpheme axiom theorem integral matrix eigenvalue manifold"
).split()
INK, PAPER = (20, 24, 40), (250, 250, 246)  # red, green, blue

Colour = tuple[int, ...]
Array = NDArray[Any]  # uint8 where it is a picture


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _canvas(colour: Colour) -> tuple[Any, Any]:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), colour)
    return image, ImageDraw.Draw(image)


def _phrase(rng: Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def _noise(seed: int, height: int, width: int, octaves: int = 5) -> Array:
    """Cloudy noise in [0, 1], with detail at every scale."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = rng.random((2 + 2**octave * 2, 2 + 2**octave * 3)).astype(np.float32)
        total += np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)) / 1.7**octave
    return (total - total.min()) / (total.max() - total.min())


def _coloured(gray: Array, dark: Colour, bright: Colour) -> Array:
    return (np.asarray(dark) + gray[..., None] * (np.asarray(bright) - np.asarray(dark))).astype(np.uint8)


def slides(rng: Random) -> Iterator[Array]:
    """Slides of one template: the same title bar, emblem and footer in every such video, other text."""
    left = 0
    for _ in range(FPS * SECONDS):
        if not left:
            left = rng.randint(6, 14) * FPS
            image, pen = _canvas(PAPER)
            pen.rectangle((0, 0, WIDTH, 110), fill=(24, 60, 120))
            pen.ellipse((WIDTH - 100, 15, WIDTH - 20, 95), fill=(240, 190, 40))
            pen.rectangle((0, HEIGHT - 40, WIDTH, HEIGHT), fill=(210, 214, 222))
            pen.text((30, HEIGHT - 34), "Department of Applied Sciences", font=_font(22), fill=INK)
            pen.text((40, 25), _phrase(rng, 3).title(), font=_font(56), fill=(255, 255, 255))
            for line in range(rng.randint(3, 7)):
                pen.text((80, 160 + 70 * line), f"- {_phrase(rng, rng.randint(2, 6))}", font=_font(38), fill=INK)
            frame = np.asarray(image)
        left -= 1
        yield frame


def plots(rng: Random) -> Iterator[Array]:
    """Slides with curves that are drawn as time goes by."""
    per_slide = rng.randint(9, 14) * FPS
    for number in range(FPS * SECONDS):
        at = number % per_slide
        if not at:
            title, phase = _phrase(rng, 4), rng.uniform(0, 6)
            waves = [(rng.uniform(0.5, 5), rng.uniform(20, 90)) for _ in range(4)]
            colours = [tuple(rng.randint(0, 200) for _ in range(3)) for _ in range(2)]
        image, pen = _canvas((255, 255, 255))
        pen.text((120, 30), title, font=_font(44), fill=INK)
        pen.line((120, 620, 1200, 620), fill=INK, width=4)
        pen.line((120, 620, 120, 120), fill=INK, width=4)
        for curve, colour in enumerate(colours):
            xs = np.linspace(0, 6, 200)[: 2 + 198 * at // per_slide]
            ys = 380 - np.sum([size * np.sin(rate * xs + phase + curve) for rate, size in waves], axis=0)
            pen.line([(120 + 180 * x, float(y)) for x, y in zip(xs, ys, strict=True)], fill=colour, width=6)
        yield np.asarray(image)


def studio(rng: Random) -> Iterator[Array]:
    """A speaker before the same wall and shelf in every such video; another face, coat and way of moving."""
    from PIL import Image, ImageDraw

    wall = _coloured(_noise(7, HEIGHT, WIDTH, 4), (70, 60, 55), (150, 140, 120))
    shelf = Image.fromarray(wall)
    pen = ImageDraw.Draw(shelf)
    books = Random(3)
    for row in (80, 260):
        for place in range(40, 460, 22):
            pen.rectangle((place, row + books.randint(0, 40), place + 18, row + 140),
                          fill=tuple(books.randint(30, 220) for _ in range(3)))  # fmt: skip
    skin = tuple(rng.randint(low, low + 60) for low in (160, 110, 80))
    coat = tuple(rng.randint(0, 230) for _ in range(3))
    hair = tuple(rng.randint(0, 120) for _ in range(3))
    side, size = rng.randint(620, 900), rng.uniform(0.85, 1.3)
    rates = [rng.uniform(0.2, 1.6) for _ in range(4)]
    phases = [rng.uniform(0, 6) for _ in range(4)]
    for number in range(FPS * SECONDS):
        image = shelf.copy()
        pen = ImageDraw.Draw(image)
        swing = [math.sin(rate * number / FPS * 2 + phase) for rate, phase in zip(rates, phases, strict=True)]
        x, y = side + 60 * swing[0], 260 + 18 * swing[1]
        pen.ellipse((x - 200 * size, y + 110 * size, x + 200 * size, y + 700 * size), fill=coat)
        pen.ellipse((x - 85 * size, y - 120 * size, x + 85 * size, y + 40 * size), fill=hair)
        pen.ellipse((x - 78 * size, y - 90 * size, x + 78 * size, y + 110 * size), fill=skin)
        pen.ellipse((x - 25 * size, y + (50 - 4 * swing[2]) * size, x + 25 * size, y + (62 + 8 * swing[2]) * size),
                    fill=(120, 40, 40))  # fmt: skip
        hand = (x - 260 * size + 40 * swing[3], y + 260 + 120 * swing[2])
        pen.ellipse((hand[0] - 40, hand[1] - 40, hand[0] + 40, hand[1] + 40), fill=skin)
        yield np.asarray(image)


def landscape(rng: Random) -> Iterator[Array]:
    """A camera that pans over a landscape of its own."""
    dark, bright = (tuple(rng.randint(low, low + 100) for _ in range(3)) for low in (0, 150))
    big = _coloured(_noise(rng.getrandbits(30), HEIGHT * 3 // 2, WIDTH * 2, 7), dark, bright)
    rate_x, rate_y, phase = rng.uniform(0.04, 0.12), rng.uniform(0.05, 0.2), rng.uniform(0, 6)
    for number in range(FPS * SECONDS):
        x = round((0.5 + 0.5 * math.sin(rate_x * number / FPS * 3 + phase)) * WIDTH)
        y = round((0.5 + 0.5 * math.sin(rate_y * number / FPS * 3 + phase)) * HEIGHT / 2)
        yield big[y : y + HEIGHT, x : x + WIDTH]


def shapes(rng: Random) -> Iterator[Array]:
    """Coloured bodies that bounce before a plain background."""
    back = tuple(rng.randint(0, 255) for _ in range(3))
    count = rng.randint(3, 7)
    looks = [
        (rng.randint(30, 130), tuple(rng.randint(0, 255) for _ in range(3)), rng.random() < 0.5) for _ in range(count)
    ]
    own = np.random.default_rng(rng.getrandbits(30))
    place, speed = own.random((count, 2)) * (WIDTH, HEIGHT), own.uniform(-220, 220, (count, 2))
    for _ in range(FPS * SECONDS):
        place = place + speed / FPS
        speed = np.where((place < 0) & (speed < 0) | (place > (WIDTH, HEIGHT)) & (speed > 0), -speed, speed)
        image, pen = _canvas(back)
        for (x, y), (radius, colour, is_round) in zip(place.tolist(), looks, strict=True):
            (pen.ellipse if is_round else pen.rectangle)((x - radius, y - radius, x + radius, y + radius), fill=colour)
        yield np.asarray(image)


def whiteboard(rng: Random) -> Iterator[Array]:
    """A board that fills with writing and is wiped now and then."""
    image, pen = _canvas((244, 246, 244))
    colours = ((20, 20, 20), (180, 30, 30), (30, 60, 170))
    x, y, colour = 60.0, 80.0, colours[0]
    for _ in range(FPS * SECONDS):
        for _ in range(2):
            if rng.random() < 0.08:
                radius = rng.randint(20, 90)
                pen.ellipse((x, y, x + 2 * radius, y + radius), outline=colour, width=5)
            pen.text((x, y), rng.choice(WORDS)[: rng.randint(1, 5)], font=_font(rng.choice((40, 56))), fill=colour)
            x += rng.randint(60, 170)
            if x > 1180:
                x, y, colour = rng.randint(40, 120), y + 84, rng.choice(colours)
            if y > 640:
                image, pen = _canvas((244, 246, 244))
                x, y = 60.0, 80.0
        yield np.asarray(image)


def screencast(rng: Random) -> Iterator[Array]:
    """A dark editor whose text scrolls in steps."""
    colours = ((230, 190, 90), (150, 220, 150), (210, 210, 220), (120, 170, 250))
    lines = [(" " * 4 * rng.randint(0, 3) + _phrase(rng, rng.randint(1, 6)), rng.choice(colours)) for _ in range(200)]
    top = 0
    for number in range(FPS * SECONDS):
        if number % FPS == 0 and rng.random() < 0.6:
            top += rng.randint(1, 5)
        if number % FPS == 0:
            image, pen = _canvas((30, 31, 38))
            pen.rectangle((0, 0, 180, HEIGHT), fill=(44, 45, 54))
            for place, (line, colour) in enumerate(lines[top : top + 20]):
                pen.text((200, 20 + 34 * place), line, font=_font(26), fill=colour)
            frame = np.asarray(image)
        yield frame


def particles(rng: Random) -> Iterator[Array]:
    """Particles in a current of their own, under a microscope."""
    own = np.random.default_rng(rng.getrandbits(30))
    count = rng.randint(60, 160)
    place = own.random((count, 2)) * (WIDTH, HEIGHT)
    radii = own.integers(6, 30, count)
    flow = own.normal(0, 1.2, (4, 2))
    back = _coloured(_noise(rng.getrandbits(30), HEIGHT, WIDTH, 3), (150, 170, 160), (215, 225, 215))
    from PIL import Image, ImageDraw

    for number in range(FPS * SECONDS):
        turn = place / 200
        place = place + np.stack([np.sin(turn @ flow[0] + number / 40), np.cos(turn @ flow[1] - number / 50)], 1) * 9
        place %= (WIDTH, HEIGHT)
        image = Image.fromarray(back)
        pen = ImageDraw.Draw(image)
        for (x, y), radius in zip(place.tolist(), radii.tolist(), strict=True):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(120, 60, 110), outline=(60, 20, 60))
        yield np.asarray(image)


def wireframe(rng: Random) -> Iterator[Array]:
    """A body of edges that turns."""
    own = np.random.default_rng(rng.getrandbits(30))
    points = own.normal(0, 1, (rng.randint(8, 16), 3))
    edges = [tuple(own.choice(len(points), 2, replace=False)) for _ in range(30)]
    colour = tuple(rng.randint(120, 255) for _ in range(3))
    for number in range(FPS * SECONDS):
        a, b = number / FPS * 0.5, number / FPS * 0.23
        turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
        tilt = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
        seen = points @ turn.T @ tilt.T
        image, pen = _canvas((12, 14, 24))
        flat = seen[:, :2] * 190 / (1 + 0.15 * seen[:, 2:]) + (WIDTH / 2, HEIGHT / 2)
        for first, last in edges:
            pen.line([*flat[first].tolist(), *flat[last].tolist()], fill=colour, width=7)
        yield np.asarray(image)


def montage(rng: Random) -> Iterator[Array]:
    """Shots of two to four seconds, each of something else."""
    number = 0
    while number < FPS * SECONDS:
        shot = rng.choice((landscape, shapes, particles, wireframe, plots))(rng)
        for _ in range(min(rng.randint(2, 4) * FPS, FPS * SECONDS - number)):
            yield next(shot)
            number += 1


KINDS: dict[str, Callable[[Random], Iterator[Array]]] = {
    "slides": slides,
    "plots": plots,
    "studio": studio,
    "landscape": landscape,
    "shapes": shapes,
    "whiteboard": whiteboard,
    "screencast": screencast,
    "particles": particles,
    "wireframe": wireframe,
    "montage": montage,
}


def frames_of(kind: str, seed: int) -> Iterator[Array]:
    """FPS * SECONDS frames, uint8 (HEIGHT, WIDTH, 3), RGB; the same in every run."""
    return KINDS[kind](Random(f"{kind}/{seed}"))


def write_video(path: Path, frames: Iterable[Array], fps: float, **options: str) -> None:
    """Encodes frames as H.264, with options of x264."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=round(fps), options=options)
        for number, picture in enumerate(frames):
            if not number:
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
