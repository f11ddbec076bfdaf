"""What is measured with, made once: H.264 with B-frames and a keyframe every five seconds, proxies, a tiny model."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

FPS, KEYFRAME_EVERY = 30, 150
SAID = "Which way does the box go? To the right."
SIZES = {"360p": (640, 360), "720p": (1280, 720)}  # width, height in pixels


def clips(folder: Path, size: str, seconds: int, number: int = 1) -> list[Path]:
    """So many clips of a folder, drawn where it has none: minutes of work for each hour, two times that in 720p."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{size}-{seconds}s-{each}.mp4" for each in range(number)]
    with ProcessPoolExecutor() as pool:
        drawn = [
            pool.submit(draw, path, *SIZES[size], seconds, seed) for seed, path in enumerate(paths) if not path.exists()
        ]
        for each in drawn:
            each.result()
    return paths


def draw(path: Path, width: int, height: int, seconds: int, seed: int, **muxer_options: str) -> None:
    """A panned board of tiles with grain, over which a box moves; another box colour every seven seconds."""
    import av
    import numpy as np

    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 255, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    board = np.kron(tiles, np.ones((40, 40, 1), np.uint8)).astype(np.int16)
    grain = rng.integers(-6, 6, (2 * height, 2 * width, 3), dtype=np.int16)
    aside = path.with_suffix(".partial.mp4")
    with av.open(str(aside), "w", options=muxer_options) as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", KEYFRAME_EVERY
        for number in range(seconds * FPS):
            across, down = int(20 * (1 + np.sin(number / 47))), int(20 * (1 + np.cos(number / 31)))
            picture = board[down : down + height, across : across + width].copy()
            picture += grain[number * 3 % height :, number * 5 % width :][:height, :width]
            left, scene = number * 2 % (width - 120), number // (7 * FPS)
            picture[50:150, left : left + 100] = (scene * 37 % 255, scene * 91 % 255, 200)
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    aside.replace(path)


def tiny_model(folder: Path, family: str, context_tokens: int, texts: Sequence[str] = ()) -> Path:
    """The demo's model, which by itself stops at 4,096 tokens, of which a video has more; its folder.

    Args:
        texts: what it must be able to spell, besides `SAID`.
    """
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    config = folder / "config.json"
    if not config.exists():
        build_model(FAMILIES[family], [*texts, SAID] * 50, folder)
        settings = json.loads(config.read_text())
        settings["text_config"]["max_position_embeddings"] = context_tokens
        config.write_text(json.dumps(settings))
    return folder


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def build_proxies(
    folder: Path, videos: Path, records: Sequence[Mapping[str, Any]], budget: str, family: str, *flags: str
) -> None:
    """Proxies of the videos of these records, in `folder`."""
    annotations = folder.with_suffix(".jsonl")
    write_lines(annotations, records)
    given = ["--data", str(annotations), "--videos", str(videos), "--to", str(folder)]
    asked = ["--budget", budget, "--family", family, *flags]
    subprocess.run([sys.executable, "-m", "videokr", "proxy", "build", *given, *asked], check=True)
