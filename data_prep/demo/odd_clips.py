"""Clips of every shape that videos come in, with a record each, for `videokr parity`.

Every codec, container, rate and duration comes in turn: H.264, HEVC and VP9; MP4, MKV and WebM; half a second to forty
minutes; 1 to 60 frames a second and variable; odd, tall and wide frames; turned on their side; one frame alone. Every
eighth record has two videos, unless told otherwise.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from videokr.errors import UserError, exit_status

KINDS = (("libx264", "mp4"), ("libx264", "mkv"), ("libx265", "mp4"), ("libx265", "mkv"), ("libvpx-vp9", "webm"))
RATES = (Fraction(30_000, 1001), Fraction(25), Fraction(60), Fraction(10), Fraction(24_000, 1001), Fraction(15))
SIZES = ((64, 48), (48, 96), (160, 90), (71, 53), (200, 32), (320, 180), (56, 56), (640, 360), (360, 640))
SECONDS = (0.5, 2.0, 7.3, 20.0, 63.9, 4.0)
LONG_SECONDS, LONG_RATE = (600, 2_400), Fraction(1)  # long ones by a low frame rate
TWO_VIDEOS_EVERY = 8  # records: one with the clip before as well
SMALL = (64, 48)  # width, height in pixels, as in SIZES
# Of one clip, so that drawing stays quick.
FRAMES_MAX, PIXELS_MAX = 2_000, 60_000_000
TURNED = bytes.fromhex("000000000001000000000000ffff00000000000000000000000000000000000040000000")
UPRIGHT = bytes.fromhex("000100000000000000000000000000000001000000000000000000000000000040000000")


@dataclass(frozen=True, slots=True)
class Shape:
    """
    Attributes:
        variable: frames are not equally long.
        turned: to be shown turned by a quarter; MP4 alone.
    """

    codec: str
    container: str
    rate: Fraction
    frames: int
    width: int
    height: int
    variable: bool
    turned: bool


def shape(number: int) -> Shape:
    """The clip with this number; the same in every run."""
    rng = Random(number)
    codec, container = KINDS[number % len(KINDS)]
    rate, seconds = RATES[number % len(RATES)], SECONDS[number // 2 % len(SECONDS)]
    if number % 20 == 19:
        rate, seconds = LONG_RATE, LONG_SECONDS[number // 20 % len(LONG_SECONDS)]
    width, height = SMALL if rate == LONG_RATE else rng.choice(SIZES)
    most = max(min(FRAMES_MAX, PIXELS_MAX // (width * height)), int(LONG_RATE * seconds))
    frames = 1 if number % 25 == 24 else min(max(2, round(seconds * rate)), most)
    if codec != "libx264":  # the others' smallest block
        width, height = max(width, 64), max(height, 64)
    turned = container == "mp4" and number % 3 == 0
    return Shape(codec, container, rate, frames, width, height, number % 7 == 6 and frames > 2, turned)


def draw(clip: Shape, path: Path) -> None:
    """A bar that moves over a background which changes, so that no two frames are alike."""
    import av
    import numpy as np

    odd = clip.width % 2 or clip.height % 2
    quick = {"libx264": {"preset": "ultrafast"}, "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"}}
    options = quick.get(clip.codec, {"deadline": "realtime", "cpu-used": "8"})
    ticks = 1000 * clip.rate
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(clip.codec, rate=clip.rate, options=options)
        stream.width, stream.height = clip.width, clip.height
        stream.pix_fmt = "yuv444p" if odd else "yuv420p"
        stream.codec_context.time_base = 1 / ticks
        rng = Random(clip.frames)
        time = 0
        for number in range(clip.frames):
            picture = np.zeros((clip.height, clip.width, 3), np.uint8)
            picture[:] = (number * 7 % 256, number // 3 % 256, 255 - number * 5 % 256)
            place = number * 3 % clip.width
            picture[:, place : place + clip.width // 8 + 1] = (250, 250, 30)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, 1 / ticks
            time += rng.choice((500, 1000, 3000)) if clip.variable else 1000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if clip.turned:
        turn(path)


def turn(path: Path) -> None:
    """Writes a quarter turn into the track header of an MP4."""
    content = path.read_bytes()
    place = content.index(UPRIGHT, content.index(b"tkhd"))
    path.write_bytes(content[:place] + TURNED + content[place + len(TURNED) :])


def put_index_first(given: Path, output: Path) -> None:
    """The same MP4 as files for streaming have it: its header promises all frames, wherever the file ends."""
    import av

    with av.open(str(given)) as source, av.open(str(output), "w", options={"movflags": "faststart"}) as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)


def record(number: int, videos: list[str]) -> dict[str, Any]:
    solution = {"think": "<think>A bar moves to the right.</think>", "solution": "<answer>B</answer>"}
    question = {"question": "Which way does the bar go?", "options": ["A. left", "B. right"]}
    return {"id": f"odd-{number:03d}", **question, "problem_type": "multiple choice", **solution, "videos": videos}


def write_clips(output: Path, count: int, pairs: bool = True, progress: bool = True) -> None:
    """Writes the clips and records.jsonl.

    Args:
        pairs: every eighth record has the clip before as well.

    Raises:
        UserError: something stands at `output` already.
    """
    if output.exists():
        raise UserError(f"'{output}' is there already: remove it, or give another --output")
    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "videos").mkdir(parents=True)
    lines, names = [], []
    for number in tqdm(range(count), desc="drawing clips", unit="clip", disable=not progress):
        clip = shape(number)
        names.append(f"videos/{number:03d}.{clip.container}")
        draw(clip, aside / names[-1])
        shown = names[-2:] if pairs and number % TWO_VIDEOS_EVERY == TWO_VIDEOS_EVERY - 1 else names[-1:]
        lines.append(json.dumps(record(number, shown)) + "\n")
    (aside / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    aside.rename(output)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must not be there")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--single", action="store_true", help="no record with two videos")
    args = parser.parse_args(argv)
    write_clips(args.output, args.count, pairs=not args.single)
    print(f"{args.output}: {args.count} clips")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
