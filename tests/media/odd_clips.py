"""Clips of every shape that videos come in, with a record each, for `videokr parity`.

Every codec, container, rate and duration comes in turn: H.264, HEVC and VP9; MP4, MKV and WebM; half a second to forty
minutes; 1 to 60 frames a second and variable; odd, tall and wide frames; turned on their side; one frame alone. Every
fifth is of a kind that files from elsewhere are of. Every eighth record has two videos. The same questions stand in
dialogues.jsonl, with rounds that look again.

    python tests/media/odd_clips.py --output DIR [--count 200]
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from videokr.errors import UserError, exit_status
from videokr.video.part import end_seconds
from videokr.video.timeline import read_header

KINDS = (("libx264", "mp4"), ("libx264", "mkv"), ("libx265", "mp4"), ("libx265", "mkv"), ("libvpx-vp9", "webm"))
RATES = (Fraction(30_000, 1001), Fraction(25), Fraction(60), Fraction(10), Fraction(24_000, 1001), Fraction(15))
SIZES = ((64, 48), (48, 96), (160, 90), (71, 53), (200, 32), (320, 180), (56, 56), (640, 360), (360, 640))
SECONDS = (0.5, 2.0, 7.3, 20.0, 63.9, 4.0)
LONG_SECONDS, LONG_RATE = (600, 2_400), Fraction(1)  # long ones by a low frame rate
TWO_VIDEOS_EVERY = 8  # records: one that has the clip before as well
SMALL = (64, 48)  # width, height in pixels, as in SIZES
# Of one clip, so that drawing stays quick.
FRAMES_MAX, PIXELS_MAX = 2_000, 60_000_000
# Colours tagged BT.709, BT.2020 or of full range; cut without encoding anew; frames that are packets but not shown; an
# index of the first fragment alone; half frames; no times of showing; a smaller video first; a picture of the cover.
KINDS_ELSEWHERE = (
    ("bt709", "mp4"), ("trimmed", "mp4"), ("hidden", "webm"), ("half indexed", "mp4"), ("full range", "mkv"),
    ("interlaced", "ts"), ("untimed", "avi"), ("two streams", "mp4"), ("bt2020", "mkv"), ("cover", "mp4"),
)  # fmt: skip
ELSEWHERE_EVERY = 5
SIZE_ELSEWHERE = (160, 96)  # width, height in pixels
MATRICES = {"bt709": 1, "bt2020": 9}  # of ITU-T H.273
FULL_RANGE = 2
ENCODER_OPTIONS = {
    "interlaced": {"preset": "fast", "flags": "+ildct+ilme", "x264-params": "tff=1"},
    "untimed": {"preset": "fast", "bf": "3"},
    "half indexed": {"g": "10"},
}
MUXER_OPTIONS = {"half indexed": {"movflags": "frag_keyframe"}}
TRIMMED = 7  # frames that an edit list leaves out
HIDDEN_EVERY, VP8_SHOWN = 10, 0x10
TURNED = bytes.fromhex("000000000001000000000000ffff00000000000000000000000000000000000040000000")
UPRIGHT = bytes.fromhex("000100000000000000000000000000000001000000000000000000000000000040000000")


@dataclass(frozen=True, slots=True)
class Shape:
    """
    Attributes:
        variable: frames are not equally long.
        turned: to be shown turned by a quarter; MP4 alone.
        kind: one of KINDS_ELSEWHERE, or empty.
    """

    codec: str
    container: str
    rate: Fraction
    frames: int
    width: int
    height: int
    variable: bool
    turned: bool
    kind: str = ""

    @property
    def shown(self) -> int:
        """Frames that a player shows."""
        left_out = {"trimmed": TRIMMED, "hidden": self.frames // HIDDEN_EVERY}
        return self.frames - left_out.get(self.kind, 0)


def shape(number: int) -> Shape:
    """The clip with this number; the same in every run."""
    if number % ELSEWHERE_EVERY == ELSEWHERE_EVERY - 2:
        place = number // ELSEWHERE_EVERY
        kind, container = KINDS_ELSEWHERE[place % len(KINDS_ELSEWHERE)]
        codec = "libvpx" if kind == "hidden" else "libx264"
        return Shape(codec, container, RATES[place % 3], 60 + 40 * (place % 4), *SIZE_ELSEWHERE, False, False, kind)
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

    with av.open(str(path), "w", options=MUXER_OPTIONS.get(clip.kind, {})) as container:
        has_another, is_cover = clip.kind in ("two streams", "cover"), clip.kind == "cover"
        if has_another:
            codec, worse = ("mjpeg", {}) if is_cover else ("libx264", {"crf": "45"})
            first: Any = container.add_stream(codec, rate=clip.rate, options=worse)
            first.width, first.height = SMALL
            first.pix_fmt = "yuvj420p" if is_cover else "yuv420p"
        stream = _stream(clip, container)
        if has_another:
            first.disposition = av.stream.Disposition.attached_pic.value if is_cover else 0
            stream.disposition = av.stream.Disposition.default.value
            shown = replace(clip, width=SMALL[0], height=SMALL[1])
            for picture, time in islice(_pictures(shown), 1 if is_cover else None):
                container.mux(first.encode(_frame(picture, time, clip)))
            container.mux(first.encode())
        for picture, time in _pictures(clip):
            container.mux(_as_kind(stream.encode(_frame(picture, time, clip)), clip))
        container.mux(_as_kind(stream.encode(), clip))
    if clip.turned:
        turn(path)


def _stream(clip: Shape, container: Any) -> Any:
    odd = clip.width % 2 or clip.height % 2
    quick = {"libx264": {"preset": "ultrafast"}, "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"}}
    options = quick.get(clip.codec, {"deadline": "realtime", "cpu-used": "8"})
    stream: Any = container.add_stream(clip.codec, rate=clip.rate, options=options | ENCODER_OPTIONS.get(clip.kind, {}))
    stream.width, stream.height = clip.width, clip.height
    stream.pix_fmt = "yuv444p" if odd else "yuv420p"
    stream.codec_context.time_base = _tick(clip)
    if clip.kind in MATRICES:
        stream.codec_context.colorspace = MATRICES[clip.kind]
    if clip.kind == "full range":
        stream.codec_context.color_range = FULL_RANGE
    return stream


def _tick(clip: Shape) -> Fraction:
    return 1 / clip.rate if clip.container == "avi" else 1 / (1000 * clip.rate)


def _pictures(clip: Shape) -> Iterator[tuple[Any, int]]:
    """With the time of each in ticks."""
    import numpy as np

    rng, step = Random(clip.frames), 1 if clip.container == "avi" else 1000
    time = 0
    for number in range(clip.frames):
        picture = np.zeros((clip.height, clip.width, 3), np.uint8)
        picture[:] = (number * 7 % 256, number // 3 % 256, 255 - number * 5 % 256)
        place = number * 3 % clip.width
        picture[:, place : place + clip.width // 8 + 1] = (250, 250, 30)
        if clip.kind == "hidden" and number % HIDDEN_EVERY == HIDDEN_EVERY - 1:
            yield picture, time - step // 2
            continue
        yield picture, time
        time += rng.choice((step // 2, step, 3 * step)) if clip.variable else step


def _frame(picture: Any, time: int, clip: Shape) -> Any:
    import av

    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = time, _tick(clip)
    return frame


def _as_kind(packets: list[Any], clip: Shape) -> list[Any]:
    """As they are to be muxed: a trimmed clip begins before its start, which makes an edit list."""
    for packet in packets:
        if clip.kind == "trimmed":
            shift = round(TRIMMED / clip.rate / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        if clip.kind == "hidden" and packet.pts % 1000:
            content = bytes(packet)
            packet.update(bytes([content[0] & ~VP8_SHOWN]) + content[1:])
    return packets


def turn(path: Path, matrix: bytes = TURNED) -> None:
    """Writes a quarter turn, or what `matrix` does, into the track header of an MP4."""
    content = path.read_bytes()
    place = content.index(UPRIGHT, content.index(b"tkhd"))
    path.write_bytes(content[:place] + matrix + content[place + len(matrix) :])


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


def dialogue(number: int, given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record with one to three rounds before its answer, each with one to three parts of its first video."""
    rng = Random(number)
    end = end_seconds(read_header(folder / given["videos"][0]))
    rounds = []
    for calls in [rng.randint(1, 3) for _ in range(1 + number % 3)]:
        spans = [sorted(round(rng.uniform(0, end), 3) for _ in range(2)) for _ in range(calls)]
        rounds.append({"think": f"{calls} parts.", "clue": [span for span in spans if span[0] < span[1]]})
    return given | {"rounds": [one for one in rounds if one["clue"]]}


def write_clips(output: Path, count: int, progress: bool = True) -> None:
    """Writes the clips, records.jsonl, and dialogues.jsonl with the same questions.

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
        shown = names[-2:] if number % TWO_VIDEOS_EVERY == TWO_VIDEOS_EVERY - 1 else names[-1:]
        lines.append(json.dumps(record(number, shown)) + "\n")
    (aside / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    dialogues = (dialogue(number, json.loads(line), aside) for number, line in enumerate(lines))
    (aside / "dialogues.jsonl").write_text("".join(json.dumps(one) + "\n" for one in dialogues), encoding="utf-8")
    aside.rename(output)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must not be there")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args(argv)
    write_clips(args.output, args.count)
    print(f"{args.output}: {args.count} clips")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
