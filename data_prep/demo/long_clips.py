"""A made-up corpus of long videos whose event lasts a second, for dialogues that look again.

The first look at a video of a minute sees a frame every nine seconds, and never the one that is asked about.
DIR/videos, DIR/sft.jsonl, DIR/rl.jsonl and DIR/eval.jsonl, as `data_prep.demo.clips` has them. Most rows of SFT
look again before they answer, the others do not, and GRPO finds out which of them pays. DIR/plain.jsonl is for SFT
without a tool.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tqdm import tqdm

from data_prep.demo.clips import SPLITS, encode, lettered, split_of
from data_prep.demo.scenes import BACKGROUND, COLOURS, FPS, HUES, SHAPES, SIDE, draw
from videokr.errors import UserError, exit_status
from videokr.options import LETTERS
from videokr.response import Kind
from videokr.video.frame_plan import spread

SECONDS = 64
FIRST_LOOK = 8  # frames that are seen of a whole video
PLAIN_SHARE = 0.2  # of the rows of SFT: without a tool
LOOK_SHARE = 0.6  # of the others; with half of them a greedy answer never looks
AT_ONCE = "It is not seen."  # and a letter that nothing tells
RADIUS = 22.0  # pixels


def hidden_seconds() -> list[int]:
    """Seconds of which the first look sees no frame."""
    seen = set(spread(SECONDS * FPS, FIRST_LOOK))
    return [second for second in range(1, SECONDS - 1) if seen.isdisjoint(range(FPS * second, FPS * (second + 1)))]


def record(split: str, number: int, video: str, rng: Random, path: Path) -> dict[str, Any]:
    """Draws a video, and asks what is seen in one of its seconds."""
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 8, (SECONDS * FPS, SIDE, SIDE, 1))
    frames = np.repeat(BACKGROUND + noise, 3, axis=3).astype(np.uint8)
    shape, second = rng.choice(SHAPES), rng.choice(hidden_seconds())
    colours = list(COLOURS)
    colour, first = rng.choice(colours), rng.randrange(len(colours))
    centre = rng.uniform(RADIUS, SIDE - RADIUS), rng.uniform(RADIUS, SIDE - RADIUS)
    for frame in frames[FPS * second : FPS * (second + 1)]:
        draw(frame, shape, colour, centre, RADIUS)
    encode(frames, path)
    options = colours[first:] + colours[:first]
    span = [second, second + 1]
    asked = {
        "id": f"long-{number:04d}",
        "question": f"Which colour is the {shape} from {second} to {second + 1} seconds?",
        "options": lettered(options),
        "problem_type": Kind.MULTIPLE_CHOICE.value,
        "solution": LETTERS[options.index(colour)],
        "video_path": video,
        "clue": [span],
    }
    if split != "sft":
        return asked
    if rng.random() >= LOOK_SHARE:
        return asked | {"think": AT_ONCE}
    tried = ", ".join(lettered(options[: options.index(colour) + 1]))
    looks = [{"think": f"The {shape} is from {second} to {second + 1}.", "clue": [span]}]
    return asked | {"rounds": looks, "think": f"The {shape} is {HUES[colour]}, so it is {colour}. {tried}"}


def _at_once(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "rounds"} | {"think": AT_ONCE}


def write_corpus(output: Path, videos: int, seed: int, progress: bool = True) -> dict[str, int]:
    """Draws and describes the videos; returns the number of records in each split.

    Raises:
        UserError: something stands at `output` already.
    """
    if output.exists():
        raise UserError(f"'{output}' is there already: remove it, or give another --output")
    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "videos").mkdir(parents=True)
    records: dict[str, list[str]] = {split: [] for split in SPLITS}
    for number in tqdm(range(videos), desc="drawing videos", unit="video", disable=not progress):
        split, video = split_of(number, videos), f"videos/{number:04d}.mp4"
        made = record(split, number, video, Random(f"{seed}/{number}"), aside / video)
        records[split].append(json.dumps(made))
    records["plain"] = records["sft"][: round(len(records["sft"]) * PLAIN_SHARE)]
    records["sft"] = records["sft"][len(records["plain"]) :]
    records["plain"] = [json.dumps(_at_once(json.loads(line))) for line in records["plain"]]
    for split, lines in records.items():
        (aside / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    aside.rename(output)
    return {split: len(lines) for split, lines in records.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must not be there")
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    counts = write_corpus(args.output, args.videos, args.seed)
    print(f"{args.output}: questions: " + ", ".join(f"{split} {count}" for split, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
