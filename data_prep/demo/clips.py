"""A made-up corpus of real videos with exact answers, split by video into SFT, RL and evaluation files.

DIR/videos/*.mp4 (H.264), DIR/sft.jsonl, DIR/rl.jsonl and DIR/eval.jsonl, with the field names of the published files;
DIR/sft.csv and DIR/rl.csv with the same questions in columns of another name, as somebody's own data comes: most rows
of the first hold no reasoning.
Bytes depend on the seed and the encoder alone. The folder appears whole or not at all.
"""

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from data_prep.demo.scenes import FPS, SCENES, SIDE, Array, Scene
from videokr.errors import UserError, exit_status
from videokr.options import LETTERS
from videokr.response import Kind, build_response

DATASET = "VideoKR-Demo"
SPLITS = ("sft", "rl", "eval")
EVAL_SHARE, RL_SHARE = 0.2, 0.2  # of all videos; the rest is for SFT
OPEN_ENDED_EVERY = 6  # one question in so many is open-ended
SFT_TIMES = 2  # a video's question is put with other options in another order; the publication has 1.9 a video
# Of the rows of sft.csv. The model learns to answer with and without thinking; GRPO finds out which of them pays.
RATIONALE_SHARE = 0.4
MIN_VIDEOS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is put: of which kind, and with the options in which order."""

    id: str
    subject: str
    scene: Scene
    kind: Kind
    options: tuple[str, ...]
    video: str

    @property
    def answer(self) -> str:
        if self.kind is Kind.OPEN_ENDED:
            return self.scene.answer
        return LETTERS[self.options.index(self.scene.answer)]

    @property
    def rationale(self) -> str:
        """What is seen, in one regular sentence; then the options up to the one that says so."""
        tried = self.options[: self.options.index(self.scene.answer) + 1] if self.options else ()
        return f"{self.scene.rationale}. {', '.join(lettered(tried))}".strip()


def lettered(options: Sequence[str]) -> list[str]:
    return [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)]


def encode(frames: Array, path: Path) -> None:
    """Writes frames as H.264 in MP4, one every 1 / FPS seconds, none of them reordered."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "12", "bf": "0", "threads": "1"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def asked(subject: str, scene: Scene, number: int, name: str, rng: Random, times: int = 1) -> Iterator[Asked]:
    """The scene's question, put so many times; the correct letter is uniformly random."""
    for index in range(times):
        open_ended = rng.randrange(OPEN_ENDED_EVERY) == 0
        kind = Kind.OPEN_ENDED if open_ended else Kind.MULTIPLE_CHOICE
        first = rng.randrange(len(scene.choices))
        options = () if open_ended else scene.choices[first:] + scene.choices[:first]
        yield Asked(f"demo-{number:04d}-{index}", subject, scene, kind, options, name)


def record(split: str, item: Asked) -> dict[str, Any]:
    """One raw record, its fields spelled as in the published file of the split."""
    common = {"question": item.scene.question, "options": lettered(item.options), "problem_type": item.kind.value}
    if split == "sft":
        think, solution = build_response(item.rationale, item.answer).split("\n")
        return {"id": item.id, **common, "think": think, "solution": solution, "video_path": item.video}
    if split == "rl":
        return {"problem_id": item.id, **common, "solution": item.answer, "videos": [item.video]}
    groups = {"dataset": DATASET, "subject": item.subject, "source": "drawn"}
    return {"id": item.id, **common, "solution": item.answer, "video_path": item.video, **groups}


def write_table(path: Path, items: Sequence[Asked], **more_columns: Sequence[str]) -> None:
    """The questions as a table not made for VideoKR; local_script/demo.sh says which column is what."""
    rows = []
    for number, item in enumerate(items):
        options = dict(zip(LETTERS, item.options or [""] * len(item.scene.choices), strict=False))
        row = {"name": item.id, "asked": item.scene.question, **options, "key": item.answer, "clip": item.video}
        rows.append(row | {name: column[number] for name, column in more_columns.items()})
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def split_of(number: int, videos: int) -> str:
    """The split of the video with this number; subjects turn with the number, so every split has all of them."""
    if number < round(videos * EVAL_SHARE):
        return "eval"
    return "rl" if number < round(videos * (EVAL_SHARE + RL_SHARE)) else "sft"


def write_corpus(output: Path, videos: int, seed: int, progress: bool = True) -> dict[str, int]:
    """Draws, encodes and describes the videos; returns the number of records in each split.

    Raises:
        UserError: too few videos, or something stands at `output` already.
    """
    if videos < MIN_VIDEOS:
        raise UserError(f"--videos {videos}: at least {MIN_VIDEOS} are needed to fill all splits")
    if output.exists():
        raise UserError(f"'{output}' is there already: remove it, or give another --output")
    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "videos").mkdir(parents=True)
    items: dict[str, list[Asked]] = {split: [] for split in SPLITS}
    subjects = list(SCENES)
    for number in tqdm(range(videos), desc="drawing videos", unit="video", disable=not progress):
        rng = Random(f"{seed}/{number}")
        subject = subjects[number % len(subjects)]
        scene = SCENES[subject](rng)
        name = f"videos/{number:04d}.mp4"
        encode(scene.frames, aside / name)
        split = split_of(number, videos)
        items[split] += asked(subject, scene, number, name, rng, times=SFT_TIMES if split == "sft" else 1)
    for split, own in items.items():
        lines = [json.dumps(record(split, item)) for item in own]
        (aside / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rng = Random(f"{seed}/rationales")
    rationales = [item.rationale if rng.random() < RATIONALE_SHARE else "" for item in items["sft"]]
    write_table(aside / "sft.csv", items["sft"], why=rationales)
    write_table(aside / "rl.csv", items["rl"])
    aside.rename(output)
    return {split: len(own) for split, own in items.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must not be there")
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    counts = write_corpus(args.output, args.videos, args.seed)
    print(f"{args.output}: {args.videos} videos; questions: " + ", ".join(f"{s} {n}" for s, n in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
