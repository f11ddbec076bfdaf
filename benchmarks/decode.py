"""A video's frames at the budget of RL: as qwen-vl-utils reads them, as we decode them, and out of a proxy.

    python -m benchmarks.decode --folder DIR [--seconds 20 340] [--rounds 3] [--plot PNG]

In the environment of rl; 20 s and 340 s of 360p and of 720p. CPU time and peak memory of one reading in a process of
its own, and how much of that comes on top of the imports (torch's 0.5 GiB); the sides take turns. The proxy is built
anew in each round, which is measured too. qwen-vl-utils reads with torchcodec where that loads (it wants FFmpeg's
libraries on the machine), else with decord; which one is printed.
"""

import os
import shutil
import time
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clips import SIZES, clips
from benchmarks.sides import Comparison, column, cpu_seconds, parser_of, peak_mib, run_side

SIDES = ("qwen-vl-utils", "original", "proxy")
FAMILY, PATCH_SIZE = "qwen2_5vl", 14


def stock_reader(video: Path) -> str:
    """The reader that qwen-vl-utils takes, where it works: without FFmpeg's libraries torchcodec only seems to."""
    try:
        from torchcodec.decoders import VideoDecoder

        VideoDecoder(str(video))
    except (ImportError, OSError, RuntimeError):
        return "decord"
    return "torchcodec"


def read(side: str, path: str) -> dict[str, Any]:
    """Reads a video at the budget of RL: CPU seconds, peak MiB of the process, and those beyond its imports."""
    import torch

    from videokr.budget import RL_BUDGET

    torch.set_num_threads(1)
    video = Path(path)
    if side == SIDES[0]:
        reader = os.environ.setdefault("FORCE_QWENVL_VIDEO_READER", stock_reader(video))
        from qwen_vl_utils import fetch_video

        asked = {"video": path} | asdict(RL_BUDGET)
    else:
        from videokr.video.reader import read_frames

        reader = side
    base, begin, start = peak_mib(), cpu_seconds(), time.perf_counter()
    frames = fetch_video(asked, PATCH_SIZE) if side == SIDES[0] else read_frames(video, RL_BUDGET, PATCH_SIZE)[0]
    took = {"cpu": cpu_seconds() - begin, "wall": time.perf_counter() - start, "peak": peak_mib()}
    return took | {"beyond": peak_mib() - base, "frames": len(frames), "reader": reader}


def build(path: str, folder: str) -> dict[str, Any]:
    """Builds and checks the proxy of a video that has none."""
    import torch

    from data_prep.proxies.building import Builder
    from videokr.budget import RL_BUDGET
    from videokr.video.proxy import DEFAULT_QUALITY, ProxyFolder, ProxyKey

    torch.set_num_threads(1)
    video = Path(path)
    builder = Builder(video.parent, ProxyFolder(Path(folder)), ProxyKey(RL_BUDGET, PATCH_SIZE), DEFAULT_QUALITY)
    begin = cpu_seconds()
    built = builder.build(video.name)
    return {"cpu": cpu_seconds() - begin, "mb": built.size_bytes / 1e6, "psnr": built.psnr_db}


def run_reads(video: Path, proxies: Path, rounds: int) -> tuple[list[Any], dict[str, list[Any]]]:
    """What each round of building a proxy took, and of reading by each side."""
    built = []
    reads: dict[str, list[Any]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        shutil.rmtree(proxies, ignore_errors=True)
        built.append(run_side("benchmarks.decode.build", video, proxies))
        for side in SIDES:
            found = {"VIDEOKR_PROXIES": str(proxies)} if side == "proxy" else {}
            reads[side].append(run_side("benchmarks.decode.read", side, video, **found))
    return built, reads


def main() -> None:
    parser = parser_of(__doc__, "videos and proxies", rounds=3)
    parser.add_argument("--seconds", type=int, nargs="+", default=[20, 340], help="of the clips (default: 20 340)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    told = Comparison("The frames of the budget of RL, H.264")
    for size, seconds in product(SIZES, args.seconds):
        clip = f"{size}, {seconds} s"
        built, reads = run_reads(clips(folder, size, seconds)[0], folder / "proxies", args.rounds)
        print(f"{clip}, {reads['proxy'][0]['frames']} frames; qwen-vl-utils by {reads[SIDES[0]][0]['reader']}")
        told.add(clip, "CPU seconds", column(reads, "cpu"))
        told.add(f"{clip}, peak memory", "MiB", column(reads, "peak"))
        told.add(f"{clip}, of it beyond the imports", "MiB", column(reads, "beyond"))
        stock, own = (median(run["cpu"] for run in runs) for runs in (reads[SIDES[0]], built))
        print(f"{clip}, building a proxy: {own:.2f} CPU seconds ({own / stock:.2f} of a reading by {SIDES[0]}), "
              f"{built[0]['mb']:.2f} MB, PSNR {built[0]['psnr']:.1f} dB", flush=True)  # fmt: skip
    told.draw(args.plot)


if __name__ == "__main__":
    main()
