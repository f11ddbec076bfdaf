"""Near-duplicates: how many are found, by what was done to a copy; how many unrelated pairs are taken for such; speed.

    python -m benchmarks.decontamination               # generated videos and their copies, a table (Markdown)
    python -m benchmarks.decontamination --scale       # as many windows as the published corpus has, random hashes
    python -m benchmarks.decontamination --hashing     # a minute of video, in CPU-seconds

The first draws originals of every kind in `benchmarks.lecture_videos`, several of one template or studio, takes them
for a benchmark, and their copies (`benchmarks.video_copies`) for a corpus. Parameters were chosen on the originals with
seeds from 0 on; the table is of those from 100 on. A pair is unrelated when the copy is of another original, so that
slides of one template against each other are among them.
"""

import argparse
import resource
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from benchmarks.lecture_videos import FPS, KINDS, frames_of, write_video
from benchmarks.video_copies import COPIES
from data_prep.decontamination import ALIGNED, RULES
from data_prep.decontamination.command import MATCHES
from data_prep.decontamination.match import Kind
from data_prep.engine import cpu_count
from videokr.__main__ import main as videokr

OF_A_KIND = 3
SLIDES = 7  # of one template
HELD_OUT = 100  # the first seed of those that no parameter was chosen on
CORPUS_VIDEOS, CORPUS_WINDOWS = 145_000, 17
BENCHMARK_VIDEOS, BENCHMARK_WINDOWS = 2_000, 10
PIECE_VIDEOS = 500
Original = tuple[str, int]


def originals() -> list[Original]:
    """Kinds and seeds."""
    return [(kind, HELD_OUT + number) for kind in KINDS for number in range(SLIDES if kind == "slides" else OF_A_KIND)]


def video_name(original: Original, copy: str | None = None) -> str:
    kind, seed = original
    return f"{kind} of seed {seed}{f', {copy}' if copy else ''}.mp4"


def draw(job: tuple[Path, Original, str | None]) -> None:
    folder, (kind, seed), copy = job
    path = folder / video_name((kind, seed), copy)
    if path.exists():
        return
    frames, fps, quality = COPIES[copy] if copy else (frames_of, FPS, 23)
    aside = path.with_suffix(".partial.mp4")
    write_video(aside, frames(kind, seed), fps, preset="ultrafast", crf=f"{quality}")
    aside.rename(path)


def draw_all(folder: Path, chosen: list[Original]) -> None:
    """Benchmark and corpus, a record a video."""
    jobs: list[tuple[Path, Original, str | None]] = []
    for side, names in (("benchmark", (None,)), ("corpus", tuple(COPIES))):
        (folder / side).mkdir(parents=True, exist_ok=True)
        own = [(folder / side, original, name) for original in chosen for name in names]
        jobs += own
        with (folder / f"{side}.jsonl").open("wb") as out:
            for _, original, name in own:
                # Without a word in common, so that pictures alone decide.
                record = {"question": f"{side}?", "answer": side, "videos": [video_name(original, name)]}
                out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    with ProcessPoolExecutor(cpu_count()) as pool:
        list(tqdm(pool.map(draw, jobs), total=len(jobs), desc="drawing", unit="video"))


def compare(folder: Path, chosen: list[Original], rule: str) -> None:
    """Prints the table of one rule."""
    output = folder / f"found, {rule}"
    start = time.perf_counter()
    videokr(
        [
            *("decontaminate", "--train", str(folder / "corpus.jsonl"), "--videos", str(folder / "corpus")),
            *("--eval", str(folder / "benchmark.jsonl"), "--eval-videos", str(folder / "benchmark")),
            *("--output", str(output), "--rule", rule, "--fingerprints", str(folder / "fingerprints")),
        ]
    )
    seconds = time.perf_counter() - start
    found, possible = Counter[Any](), 0
    unrelated, slides = 0, 0
    of_name = {video_name(original): original for original in chosen}
    copies = {video_name(original, copy): (original, copy) for original in chosen for copy in COPIES}
    for line in (output / MATCHES).read_bytes().splitlines():
        match = orjson.loads(line)
        original, copy = copies[match["train"]]
        is_copy = original == of_name[match["benchmark"]]
        if match["kind"] == Kind.POSSIBLE:
            possible += not is_copy
        elif is_copy:
            found[copy] += 1
        else:
            unrelated += 1
            slides += "slides" in (original[0], of_name[match["benchmark"]][0])
    pairs = len(chosen) * (len(chosen) - 1) * len(COPIES)
    print(f"\nrule '{rule}', {len(chosen)} originals, {len(copies)} copies, {seconds:.0f} s\n")
    print("| copy | found |\n|---|---|")
    for copy in COPIES:
        print(f"| {copy} | {found[copy]} of {len(chosen)} |")
    print(f"| all | {found.total()} of {len(copies)} ({found.total() / len(copies):.1%}) |")
    print(
        f"| unrelated pairs taken for copies | {unrelated} of {pairs:,} ({unrelated / pairs:.3%}), {slides} of slides |"
    )
    print(f"| unrelated pairs alike by hash alone, kept | {possible} |", flush=True)


def scale() -> None:
    """Random hashes of a whole corpus, a piece at a time, against the index of a whole benchmark."""
    import numpy as np

    from data_prep.decontamination.alignment import WINDOW_SECONDS
    from data_prep.decontamination.candidates import BenchmarkIndex
    from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS, Fingerprint
    from data_prep.decontamination.pictures import REGIONS, SCALES

    rng = np.random.default_rng(0)

    def fingerprints(name: str, videos: int, windows: int, fps: float, crops: int) -> list[Fingerprint]:
        pictures = round(windows * WINDOW_SECONDS * fps)
        seconds = (np.arange(pictures) / fps).astype(np.float32)
        hashes = rng.integers(0, 2**64, (videos, pictures, crops, len(REGIONS)), np.uint64)
        return [Fingerprint(f"{name}{n}", 1, 1, seconds, own) for n, own in enumerate(hashes)]

    benchmark = fingerprints("b", BENCHMARK_VIDEOS, BENCHMARK_WINDOWS, BENCHMARK_FPS, len(SCALES))
    start = time.process_time()
    index = BenchmarkIndex(benchmark)
    built = time.process_time() - start
    planted = found = 0
    spent = 0.0
    for first in tqdm(range(0, CORPUS_VIDEOS, PIECE_VIDEOS), desc="comparing", unit="piece"):
        piece = fingerprints(f"{first} ", PIECE_VIDEOS, CORPUS_WINDOWS, TRAIN_FPS, 1)
        copied = benchmark[first // PIECE_VIDEOS]  # one copy in every piece, which has to be found
        step = round(BENCHMARK_FPS / TRAIN_FPS)
        hashes = piece[0].hashes.copy()
        hashes[40:60, 0] = copied.hashes[: 20 * step : step, 0]
        piece[0] = piece[0]._replace(hashes=hashes)
        planted += 1
        start = time.process_time()
        candidates = index.candidates(piece)
        spent += time.process_time() - start
        found += any((one.train, one.benchmark) == (piece[0].path, copied.path) for one in candidates)
    windows = CORPUS_VIDEOS * CORPUS_WINDOWS, BENCHMARK_VIDEOS * BENCHMARK_WINDOWS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{windows[0]:,} windows against {windows[1]:,}: index {built:.1f} CPU-s, comparison {spent:.1f} CPU-s")
    print(f"in all {built + spent:.1f} CPU-s; {found} of {planted} planted copies found; peak {peak:,.0f} MiB")


def hashing() -> None:
    """A minute of H.264 at 25 frames a second with frames made from both sides, as the corpus' side reads it."""
    import numpy as np

    from data_prep.decontamination.fingerprint import Reader

    picture = next(frames_of("landscape", 0))
    with tempfile.TemporaryDirectory() as temporary:
        for height, width in ((720, 1280), (360, 640)):
            path = Path(temporary) / f"{height}.mp4"
            rolled = (np.roll(picture, (number // 3, number), axis=(0, 1)) for number in range(60 * 25))
            write_video(path, (shown[:height, :width] for shown in rolled), fps=25, preset="medium", g="125")
            start = time.process_time()
            Reader(path.parent, is_benchmark=False).read(path.name)
            spent = time.process_time() - start
            rate = path.stat().st_size * 8 / 60 / 1e6
            print(f"{height}p, {rate:.2f} Mbit/s: {spent:.2f} CPU-s a minute of video", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", action="store_true", help="speed at the published sizes")
    parser.add_argument("--hashing", action="store_true", help="the cost of a minute of video")
    parser.add_argument("--folder", type=Path, help="keeps the videos there, for another run")
    parser.add_argument("--published", action="store_true", help="the published rule beside ours")
    args = parser.parse_args()
    if args.scale:
        scale()
        return
    if args.hashing:
        hashing()
        return
    chosen = originals()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        draw_all(folder, chosen)
        for rule in RULES if args.published else (ALIGNED,):
            compare(folder, chosen, rule)


if __name__ == "__main__":
    main()
