"""Videos as the released hosts read them and as they are read here: time of the CPUs, and memory.

    python -m benchmarks.video decode --folder DIR      # originals and proxies, 340 s of 360p and 720p
    python -m benchmarks.video filter --folder DIR      # verl's filter of long prompts, and ours, over 200 rows

In the environment of rl. verl's filter takes seconds a row: --rows asks for fewer. Every reading has a process of its
own; the sides take turns. Videos are made where DIR has none (minutes), with B-frames and a keyframe every five
seconds. qwen-vl-utils reads with torchcodec where that loads (it wants FFmpeg's libraries on the machine), else with
decord; which one is printed.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

SECONDS, FPS, KEYFRAME_EVERY = 340, 30, 150
SIZES = {"360p": (640, 360), "720p": (1280, 720)}  # width, height in pixels
SIDES = ("qwen-vl-utils", "original", "proxy")
FAMILY, PATCH_SIZE = "qwen2_5vl", 14
FILTER_VIDEOS, FILTER_SECONDS = 10, 60
FILTER_SIDES = ("verl", "videokr")


def draw(path: Path, width: int, height: int, seconds: int, seed: int = 0) -> None:
    """A panned board of tiles with grain, over which a box moves; another box colour every seven seconds."""
    import av
    import numpy as np

    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 255, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    board = np.kron(tiles, np.ones((40, 40, 1), np.uint8)).astype(np.int16)
    grain = rng.integers(-6, 6, (2 * height, 2 * width, 3), dtype=np.int16)
    aside = path.with_suffix(".partial.mp4")
    with av.open(str(aside), "w") as container:
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


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_once(side: str, video: Path) -> None:
    """Reads a video at the budget of RL, and prints what it took."""
    import torch

    from videokr.budget import RL_BUDGET

    torch.set_num_threads(1)
    told = {}
    if side == "qwen-vl-utils":
        told["reader"] = os.environ.setdefault("FORCE_QWENVL_VIDEO_READER", stock_reader(video))
        from qwen_vl_utils import fetch_video

        asked = {"video": str(video)} | asdict(RL_BUDGET)
    else:
        from videokr.video_file import read_frames
    base, begin, start = peak_mib(), cpu_seconds(), time.perf_counter()
    frames = fetch_video(asked, PATCH_SIZE) if side == "qwen-vl-utils" else read_frames(video, RL_BUDGET, PATCH_SIZE)[0]
    told |= {"cpu": cpu_seconds() - begin, "wall": time.perf_counter() - start, "peak": peak_mib()}
    print(json.dumps(told | {"grown": peak_mib() - base, "frames": len(frames)}))


def build_once(video: Path, folder: Path) -> None:
    """Builds and checks the proxy of a video that has none, and prints what it took."""
    import torch

    from data_prep.proxies.building import Builder
    from videokr.budget import RL_BUDGET
    from videokr.proxy import DEFAULT_QUALITY, ProxyFolder, ProxyKey

    torch.set_num_threads(1)
    builder = Builder(video.parent, ProxyFolder(folder), ProxyKey(RL_BUDGET, PATCH_SIZE), DEFAULT_QUALITY)
    begin = cpu_seconds()
    built = builder.build(video.name)
    told = {"cpu": cpu_seconds() - begin, "reason": built.reason, "mb": built.size_bytes / 1e6, "psnr": built.psnr_db}
    print(json.dumps(told))


def stock_reader(video: Path) -> str:
    """The reader that qwen-vl-utils takes, where it works: without FFmpeg's libraries torchcodec only seems to."""
    try:
        from torchcodec.decoders import VideoDecoder

        VideoDecoder(str(video))
    except (ImportError, OSError, RuntimeError):
        return "decord"
    return "torchcodec"


def run_side(job: str, *arguments: object, **environment: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.video", job, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        raise SystemExit(f"{job} {' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def decode(folder: Path, rounds: int) -> None:
    proxies = folder / "proxies"
    for name, (width, height) in SIZES.items():
        video = folder / f"{name}.mp4"
        if not video.exists():
            draw(video, width, height, SECONDS)
        builds: list[dict[str, Any]] = []
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            shutil.rmtree(proxies, ignore_errors=True)
            builds.append(run_side("build-once", video, proxies))
            for side in SIDES:
                found = {"VIDEOKR_PROXIES": str(proxies)} if side == "proxy" else {}
                runs[side].append(run_side("read-once", side, video, **found))
        print(f"{name}, {SECONDS} s, {runs['proxy'][0]['frames']} frames; median of {rounds} rounds; "
              f"qwen-vl-utils by {runs[SIDES[0]][0]['reader']}")  # fmt: skip
        for what, unit in (("cpu", "CPU-s"), ("peak", "MiB"), ("grown", "MiB beyond the imports")):
            stock, *own = (statistics.median(run[what] for run in runs[side]) for side in SIDES)
            ratios = (
                f"{side} {value:8.2f} ({stock / value:5.1f}x)" for side, value in zip(SIDES[1:], own, strict=True)
            )
            print(f"  {unit:23} {SIDES[0]} {stock:8.2f}  {'  '.join(ratios)}", flush=True)
        build, stock = (statistics.median(run["cpu"] for run in taken) for taken in (builds, runs[SIDES[0]]))
        print(f"  building a proxy {build:.2f} CPU-s ({build / stock:.2f} of a reading by {SIDES[0]}), "
              f"{builds[0]['mb']:.2f} MB, PSNR {builds[0]['psnr']:.1f} dB", flush=True)  # fmt: skip


def filter_once(side: str, folder: Path, model: Path) -> None:
    """Loads the rows with the filter of one side on, and prints the seconds of the filter alone."""
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.tokenizer import hf_processor, hf_tokenizer

    from verl_plugin.dataset import VideoKRDataset

    stock = side == "verl"
    config = OmegaConf.create({"max_prompt_length": 16_384, "filter_overlong_prompts": True, "video_key": "videos",
                               "image_patch_size": PATCH_SIZE, "filter_overlong_prompts_workers": 1,
                               "cache_dir": str(folder / "cache")})  # fmt: skip
    tokenizer, processor = hf_tokenizer(str(model)), hf_processor(str(model))
    kept = 0.0
    dataset_class = RLHFDataset if stock else VideoKRDataset
    own = dataset_class.maybe_filter_out_long_prompts

    def timed(*arguments: Any) -> Any:
        nonlocal kept
        start = time.perf_counter()
        result = own(*arguments)
        kept = time.perf_counter() - start
        return result

    dataset_class.maybe_filter_out_long_prompts = timed
    with redirect_stdout(sys.stderr):
        rows = dataset_class(str(folder / "rows.parquet"), tokenizer, config, processor)
    print(json.dumps({"seconds": kept, "rows": len(rows)}))


def filter_rows(folder: Path, rounds: int, number_of_rows: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data_prep.demo.tiny_model import build_model
    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example
    from videokr.family import FAMILIES

    model = folder / "model"
    if not (model / "config.json").exists():
        build_model(FAMILIES[FAMILY], ["Which way does the box go? To the right."] * 50, model)
    rows = []
    for number in range(number_of_rows):
        video = folder / f"short_{number % FILTER_VIDEOS}.mp4"
        if not video.exists():
            draw(video, *SIZES["360p"], FILTER_SECONDS, seed=number)
        record = {"question": f"Which way does box {number} go?", "answer": "to the right", "video": video.name}
        rows.append(build_row(parse_example(record), [str(video)], "train", number, asdict(RL_BUDGET)))
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    runs: dict[str, list[float]] = {side: [] for side in FILTER_SIDES}
    for _ in range(rounds):
        for side in FILTER_SIDES:
            told = run_side("filter-once", side, folder, model, FORCE_QWENVL_VIDEO_READER=stock_reader(video))
            runs[side].append(told["seconds"])
            print(f"  {side}: {told['seconds']:.4f} s, {told['rows']} of {number_of_rows} rows stay", flush=True)
    stock, own = (statistics.median(runs[side]) for side in FILTER_SIDES)
    print(f"filter, {number_of_rows} rows: verl {stock:.2f} s, ours {own:.4f} s ({stock / own:,.0f}x)")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    for name, does in (("decode", "originals and proxies"), ("filter", "of long prompts")):
        job = jobs.add_parser(name, help=does)
        job.add_argument("--folder", type=Path, required=True, help="for videos; kept")
        job.add_argument("--rounds", type=int, default=3, help="of each side (default: %(default)s)")
    jobs.choices["filter"].add_argument("--rows", type=int, default=200, help="(default: %(default)s)")
    for name in ("read-once", "build-once", "filter-once"):
        jobs.add_parser(name).add_argument("given", nargs="+")
    args = parser.parse_args()
    if args.job == "build-once":
        build_once(Path(args.given[0]), Path(args.given[1]))
    elif args.job == "read-once":
        read_once(args.given[0], Path(args.given[1]))
    elif args.job == "filter-once":
        filter_once(args.given[0], Path(args.given[1]), Path(args.given[2]))
    else:
        args.folder.mkdir(parents=True, exist_ok=True)
        folder = args.folder.resolve()
        decode(folder, args.rounds) if args.job == "decode" else filter_rows(folder, args.rounds, args.rows)


if __name__ == "__main__":
    main()
