"""What a report of many examples costs: seconds, memory and the page's size.

    python -m benchmarks.report

Made-up answers of several hundred words about as many videos as there are questions, each file a copy of one of a few
clips that are drawn as hard to compress as video gets. The page is made twice, each in a process of its own: without
contact sheets, which is reading, scoring and writing, and with them, which is mostly decoding.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from videokr.budget import EVAL_BUDGET
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.card import RunCard
from videokr.evaluation.run import answers_path
from videokr.evaluation.verdict import Verdict
from videokr.example import Example
from videokr.prompt import prompt_digest
from videokr.response import Kind, build_response

TASK = "videokr_eval"
CLIPS, CLIP_SECONDS, FPS, WIDTH, HEIGHT = 6, 60, 24, 640, 360
KEY_FRAMES_EVERY = 240  # frames
SUBJECTS = 30
WORDS = "the a of frame object left right moves then shows because answer option therefore energy cell valve".split()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2_000, help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--words", type=int, default=300, help="of a response, on average (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the runs here and leave them")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        started = time.perf_counter()
        videos = write_videos(folder / "videos", args.examples)
        runs = [write_run(folder / f"run-{seed}", videos, args.words, seed) for seed in range(args.runs)]
        print(f"drawn in {time.perf_counter() - started:.0f} s: {CLIPS} clips of {CLIP_SECONDS} s, {WIDTH}x{HEIGHT}")
        print(f"{args.examples} examples, {args.runs} runs, {args.words} words a response, {os.cpu_count()} cores")
        for title, options in (("without sheets", ["--no-sheets"]), ("with sheets", [])):
            measure(title, [*map(str, runs), "--output", str(folder / "report.html"), *options])


def measure(title: str, arguments: Sequence[str]) -> None:
    """Runs the command in a process of its own, and prints what it cost."""
    code = (
        "import resource, sys, time\n"
        "from videokr.__main__ import main as videokr\n"
        "started = time.perf_counter()\n"
        "videokr(['report', *sys.argv[1:]])\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(f'{time.perf_counter() - started:.1f} s, peak {peak:.0f} MiB', file=sys.stderr)\n"
    )
    print(f"\n{title}", flush=True)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def write_run(folder: Path, videos: Sequence[Path], words: int, seed: int) -> Path:
    rng = random.Random(seed)
    answers = [answered(number, str(video), words, rng) for number, video in enumerate(videos)]
    write_answers(answers, answers_path(folder, TASK))
    RunCard(
        model=f"model-{seed}",
        model_fingerprint=None,
        model_revision=None,
        backend="vllm",
        prompt_sha256=prompt_digest(),
        budget=EVAL_BUDGET,
        max_model_len=32_768,
        generation="",
        probe=None,
        extractor="videokr",
        judge=None,
        seed=0,
        data={TASK: {"questions": len(answers), "sha256": "0" * 64}},
    ).write(folder)
    return folder


def answered(number: int, video: str, words: int, rng: random.Random) -> Answered:
    """The question is the same in every run, what is said of it is not."""
    asked = random.Random(number)
    is_open = number % 3 == 0
    example = Example(
        id=f"example-{number}",
        question=said(asked, 30),
        options=() if is_open else tuple(said(asked, 6) for _ in range(4)),
        kind=Kind.OPEN_ENDED if is_open else Kind.MULTIPLE_CHOICE,
        answer=said(asked, 3) if is_open else asked.choice("ABCD"),
        rationale=None,
        videos=(video,),
        groups={"subject": f"subject {number % SUBJECTS}", "source": f"source {number % 3}"},
    )
    verdict = rng.choice([Verdict.UNSCORED] if is_open else [Verdict.RIGHT, Verdict.WRONG, Verdict.UNPARSED])
    answer = {Verdict.RIGHT: example.answer, Verdict.UNSCORED: said(rng, 3), Verdict.UNPARSED: None}.get(verdict, "E")
    thought = said(rng, rng.randint(words // 3, 2 * words - words // 3))
    return Answered(TASK, example, build_response(thought, answer or ""), verdict, answer, None, 9_000, 2 * words)


def said(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def write_videos(folder: Path, number: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    clips = [folder / f"clip-{seed}.mp4" for seed in range(min(CLIPS, number))]
    for seed, clip in enumerate(clips):
        if not clip.is_file():
            draw(clip, seed)
    videos = [folder / f"{place:05d}.mp4" for place in range(number)]
    for place, video in enumerate(videos):
        if not video.exists():
            video.hardlink_to(clips[place % len(clips)])
    return videos


def draw(path: Path, seed: int) -> None:
    """Noise of every scale, drifting: no picture of it is small."""
    import av
    import numpy as np

    generator = np.random.default_rng(seed)
    layers = [
        np.kron(generator.integers(0, 256, (HEIGHT // side, WIDTH // side, 3)), np.ones((side, side, 1)))
        for side in (4, 10, 40)
    ]
    texture = (sum(layers) / len(layers)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "28", "g": str(KEY_FRAMES_EVERY)})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(CLIP_SECONDS * FPS):
            frame = av.VideoFrame.from_ndarray(np.roll(texture, 2 * index, axis=1), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
