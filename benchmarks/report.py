"""What a report of many examples costs: seconds, memory and the page's size.

    python -m benchmarks.report

Made-up answers of several hundred words about as many videos as there are questions, each file a link to one of a few
clips of a minute. The page is made twice: without contact sheets, which is reading, scoring and writing, and with them,
which is mostly decoding.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clips import clips
from benchmarks.sides import run_command
from videokr.budget import EVAL_BUDGET
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.card import RunCard
from videokr.evaluation.run import answers_path
from videokr.evaluation.verdict import Verdict
from videokr.example import Example
from videokr.prompt import prompt_digest
from videokr.response import Kind, build_response

TASK = "videokr_eval"
CLIPS, CLIP_SECONDS, SIZE = 6, 60, "360p"
RESPONSE_WORDS, SUBJECTS = 300, 30
WORDS = "the a of frame object left right moves then shows because answer option therefore energy cell valve".split()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=2_000, help="(default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = link_videos(folder / "videos", args.examples)
        write_run(folder / "run", videos)
        page = folder / "report.html"
        for title, options in (("without sheets", ["--no-sheets"]), ("with sheets", [])):
            took = run_command("videokr", "report", folder / "run", "--output", page, *options)
            told = f"{took['seconds']:.1f} s, {took['peak_mib']:.0f} MiB, a page of {page.stat().st_size / 1e6:.1f} MB"
            print(f"{args.examples} examples {title}: {told}", flush=True)


def link_videos(folder: Path, number: int) -> list[Path]:
    drawn = clips(folder / "clips", SIZE, CLIP_SECONDS, CLIPS)
    videos = [folder / f"{place:05d}.mp4" for place in range(number)]
    for place, video in enumerate(videos):
        video.hardlink_to(drawn[place % CLIPS])
    return videos


def write_run(folder: Path, videos: Sequence[Path]) -> None:
    rng = random.Random(0)
    answers = [answered(number, str(video), rng) for number, video in enumerate(videos)]
    write_answers(answers, answers_path(folder, TASK))
    RunCard(
        model="model",
        model_fingerprint=None,
        model_revision=None,
        backend="vllm",
        prompt_sha256=prompt_digest(),
        budget=EVAL_BUDGET,
        max_model_len=32_768,
        generation="",
        probe=None,
        extractor="any-form",
        judge=None,
        seed=0,
        data={TASK: {"questions": len(answers), "sha256": "0" * 64}},
    ).write(folder)


def answered(number: int, video: str, rng: random.Random) -> Answered:
    """Every third question is open and has no verdict."""
    is_open = number % 3 == 0
    example = Example(
        id=f"example-{number}",
        question=said(rng, 30),
        options=() if is_open else tuple(said(rng, 6) for _ in range(4)),
        kind=Kind.OPEN_ENDED if is_open else Kind.MULTIPLE_CHOICE,
        answer=said(rng, 3) if is_open else rng.choice("ABCD"),
        rationale=None,
        videos=(video,),
        groups={"subject": f"subject {number % SUBJECTS}", "source": f"source {number % 3}"},
    )
    verdict = rng.choice([Verdict.UNSCORED] if is_open else [Verdict.RIGHT, Verdict.WRONG, Verdict.UNPARSED])
    answer = {Verdict.RIGHT: example.answer, Verdict.UNSCORED: said(rng, 3), Verdict.UNPARSED: None}.get(verdict, "E")
    thought = said(rng, rng.randint(RESPONSE_WORDS // 3, 2 * RESPONSE_WORDS - RESPONSE_WORDS // 3))
    return Answered(TASK, example, build_response(thought, answer or ""), verdict, answer, None, 9_000, 600)


def said(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


if __name__ == "__main__":
    main()
