"""Videos with every fault that a corpus has, made on the spot; each is named by what is wrong with it."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from odd_clips import Shape, draw

TRIMMED = Shape("libx264", "mp4", Fraction(25), 100, 160, 96, variable=False, turned=False, kind="trimmed")
SIDE, RATE, FRAMES = 64, 10, 60


def encode(path: Path, frames: int = FRAMES, faststart: bool = False, **options: str) -> bytes:
    """A moving bar over noise, which fills some kilobytes a second."""
    settings = options | ({"movflags": "faststart"} if faststart else {})
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=settings) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": "10", "bf": "0"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
            picture[:, number % SIDE] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def encode_as(path: Path, container: str, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str) -> None:
    with av.open(str(path), "w", format=container) as made:
        stream = made.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 176, 144, pix_fmt
        for number in range(FRAMES):
            picture = np.full((144, 176, 3), number * 4, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode())


def encode_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def _zeroed(data: bytes) -> bytes:
    start = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    return data[:start] + bytes(len(data) // 3) + data[start + len(data) // 3 :]


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


# name: how it is made, at which level it is rejected (None: it is fine), and why.
Fault = tuple[Callable[[Path], Any], str | None, str]
FAULTS: dict[str, Fault] = {
    "fine.mp4": (encode, None, ""),
    "index first.mp4": (lambda path: encode(path, faststart=True), None, ""),
    "fragmented.mp4": (lambda path: encode(path, movflags="frag_keyframe+empty_moov"), None, ""),
    "matroska.mkv": (encode, None, ""),
    "one frame.mp4": (lambda path: encode(path, frames=1), None, ""),
    "with space and 'quotes\".mp4": (encode, None, ""),
    "line\nbreak.mp4": (encode, None, ""),
    "видео-影片.mp4": (encode, None, ""),
    "transport stream.ts": (encode, None, ""),
    "avi.avi": (encode, None, ""),
    "B-frames.mts": (lambda path: encode_as(path, "mpegts", bf="3", g="250"), None, ""),
    "B-frames.avi": (lambda path: encode_as(path, "avi", bf="3", g="250"), None, ""),
    "animated.gif": (lambda path: encode_as(path, "gif", "gif", "rgb8"), None, ""),
    "phone.3gp": (lambda path: encode_as(path, "3gp"), None, ""),
    "tape.mxf": (lambda path: encode_as(path, "mxf", "mpeg2video"), None, ""),
    "windows.asf": (lambda path: encode_as(path, "asf", "mpeg4"), None, ""),
    "trimmed.mp4": (lambda path: draw(TRIMMED, path), None, ""),
    "half indexed.mp4": (lambda path: encode(path, movflags="frag_keyframe"), None, ""),
    "unknown codec.mp4": (
        lambda path: path.write_bytes(encode(path).replace(b"avc1", b"zz9z").replace(b"avcC", b"zz9C")),
        "probe",
        "does not open",
    ),
    "padded.mp4": (lambda path: path.write_bytes(encode(path) + bytes(64)), None, ""),
    "the camera's own behind it.mp4": (lambda path: path.write_bytes(encode(path) + b"serialno12345678"), None, ""),
    "empty.mp4": (Path.touch, "fast", "empty"),
    "page.mp4": (lambda path: path.write_bytes(b"\n<!DOCTYPE html><html>404</html>"), "fast", "not a video"),
    "text.mp4": (lambda path: path.write_bytes(b"no such video"), "fast", "not a video"),
    "picture.mp4": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)), "probe", "does not open"),
    "zeros.mp4": (lambda path: path.write_bytes(bytes(5_000)), "fast", "not a video"),
    "one byte.mp4": (lambda path: path.write_bytes(b"\0"), "fast", "not a video"),
    "folder.mp4": (Path.mkdir, "fast", "not a file"),
    "pipe.mp4": (lambda path: os.mkfifo(path), "fast", "not a file"),
    "link outside.mp4": (_link("/etc/hostname"), "fast", "a link that leads outside"),
    "link to nothing.mp4": (_link("nothing.mp4"), "fast", "not there"),
    "link to itself.mp4": (_link("link to itself.mp4"), "fast", "not there"),
    "link inside.mp4": (_link("fine.mp4"), None, ""),
    "cut, index last.mp4": (lambda path: path.write_bytes(_cut(encode(path), 0.5)), "fast", "cut off"),
    "cut, index first.mp4": (lambda p: p.write_bytes(_cut(encode(p, faststart=True), 0.5)), "fast", "cut off"),
    "cut.mkv": (lambda path: path.write_bytes(_cut(encode(path), 0.5)), "fast", "cut off"),
    "cut in the first box.mp4": (lambda path: path.write_bytes(encode(path)[:20]), "fast", "cut off"),
    "no frames.mp4": (lambda path: path.write_bytes(encode(path).replace(b"mdat", b"free")), "fast", "cut off"),
    "sound alone.mp4": (encode_sound, "probe", "no video in it"),
    "boxes of noise.mp4": (
        lambda p: p.write_bytes(
            b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x10moov" + b"x" * 8 + b"\0\0\0\x10mdat" + b"y" * 8
        ),
        "probe",
        "no video in it",
    ),
    "zeroed in the middle.mp4": (lambda path: path.write_bytes(_zeroed(encode(path))), "decode", "does not decode"),
}


def write_faulty_videos(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, (make, _, _) in FAULTS.items():
        make(folder / name)
