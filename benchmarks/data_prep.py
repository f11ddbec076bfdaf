"""What the verbs on data take at the published sizes: whole commands, their seconds and peak memory.

The published scripts load a whole file, build all rows, and write them in one go: SFT by `json.dump` with an indent, RL
by `datasets.Dataset.from_list(...).to_parquet`. A plain baseline that does that much, and no more, is written here; the
work on a record (prompt, answer) is ours in both. Each runs in a process of its own, in turn.

    python -m benchmarks.data_prep                # `videokr prepare`; in the environment of rl, which has datasets
    python -m benchmarks.data_prep --look         # `videokr lint` and `videokr stats` over the SFT rows
    python -m benchmarks.data_prep --check        # `videokr check`, 145,000 files, by level
"""

import argparse
import io
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks.sides import Comparison, column, run_command, take_turns

SFT_ROWS, RL_ROWS = 201_000, 114_000  # of the published files
ROWS_A_VIDEO = 2  # 1.9 in the publication
RATIONALE_WORDS = 197  # on average, in the publication
VALIDATION_ROWS = 500
CORPUS_VIDEOS, PROBED_VIDEOS = 145_000, 500
MAX_LINKS = 50_000  # names that a file system lets one file have, and fewer
SIDES = ("plain script", "ours")
WORDS = (
    "the video shows how a thin layer of copper forms over time while its colour turns darker near the lower edge so "
    "that pressure rises and the reading on the gauge settles at a value which the lecturer then writes on the board"
).split()


def records(rows: int, rationale: bool) -> Iterator[dict[str, Any]]:
    """Made-up records of the publication's sizes, half of them multiple choice."""
    rng = random.Random(0)

    def text(words: int) -> str:
        return " ".join(rng.choices(WORDS, k=words)).capitalize()

    for number in range(rows):
        choice = number % 2 == 0
        yield {
            "id": f"row-{number}",
            "question": f"{text(22)}?",
            "problem_type": "multiple choice" if choice else "open-ended",
            "options": [f"{letter}. {text(6)}" for letter in "ABCDE"] if choice else [],
            **({"think": f"<think>{text(RATIONALE_WORDS)}.</think>"} if rationale else {}),
            "solution": f"<answer>{rng.choice('ABCDE') if choice else text(3)}</answer>",
            "video_path": f"videos_{number // 2_000:04d}/{number // ROWS_A_VIDEO:08d}.mp4",
        }


def write_records(path: Path, rows: int, rationale: bool) -> None:
    """The annotation file; for RL, whose preparation looks for the videos, an empty file for each beside it."""
    with path.open("w", encoding="utf-8") as out:
        for record in records(rows, rationale):
            out.write(json.dumps(record) + "\n")
            video = path.parent / record["video_path"]
            if not rationale and not video.exists():
                video.parent.mkdir(exist_ok=True)
                video.touch()


def plain_sft(source: Path, output: Path) -> None:
    from llamafactory_plugin.rows import build_message_row
    from videokr.example import parse_example

    rows = []
    with source.open(encoding="utf-8") as file:
        for line in file:
            example = parse_example(json.loads(line))
            rows.append(build_message_row(example, list(example.videos)))
    with (output / "rows.json").open("w", encoding="utf-8") as out:
        json.dump(rows, out, ensure_ascii=False, indent=2)


def plain_rl(source: Path, output: Path) -> None:
    import datasets

    from verl_plugin.rows import build_row
    from videokr.example import parse_example

    with source.open(encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    examples = [parse_example(item) for item in items]
    root = source.parent
    rows = [
        build_row(
            example, [str((root / video).resolve()) for video in example.videos if (root / video).exists()], "", 0
        )
        for example in examples
    ]
    order = list(range(len(rows)))
    random.Random(0).shuffle(order)
    held_out = set(order[:VALIDATION_ROWS])
    for name, chosen in (("train", False), ("test", True)):
        own = [row for number, row in enumerate(rows) if (number in held_out) == chosen]
        datasets.Dataset.from_list(own).to_parquet(str(output / f"{name}.parquet"))


def compare(folder: Path, rounds: int) -> None:
    for host, rows in (("sft", SFT_ROWS), ("rl", RL_ROWS)):
        source = folder / f"{host}.jsonl"
        write_records(source, rows, rationale=host == "sft")

        def run(side: str, host: str = host, source: Path = source) -> dict[str, float]:
            output = folder / f"{host}, {side}"
            output.mkdir(exist_ok=True)
            if side == SIDES[0]:
                return run_command("benchmarks.data_prep", "--plain", host, source, output)
            if host == "sft":
                return run_command("videokr", "prepare", "sft", "--input", source, "--output", output / "rows.json")
            folders = ("--output-dir", output, "--video-base-dir", source.parent)
            return run_command("videokr", "prepare", "rl", "--input-json", source, *folders)

        told, runs = Comparison(host), take_turns(SIDES, rounds, run)
        told.add(f"{host}, {rows:,} rows", "s", column(runs, "seconds"))
        told.add(f"{host}, {rows:,} rows", "MiB at most", column(runs, "peak_mib"))


def look(folder: Path) -> None:
    source = folder / "sft.jsonl"
    write_records(source, SFT_ROWS, rationale=True)
    for verb in ("lint", "stats"):
        took = run_command("videokr", verb, "--data", source)
        print(f"{verb:5} {SFT_ROWS:,} rows: {took['seconds']:.1f} s, peak {took['peak_mib']:.0f} MiB", flush=True)


def check(folder: Path) -> None:
    """`fast` over as many files as the corpus has, index first and last in turn, and the same again; then `probe` over
    a part of them, whole again each time."""
    from benchmarks.clips import draw, write_lines
    from videokr.__main__ import main as videokr

    index_last, index_first = folder / "last.mp4", folder / "first.mp4"
    draw(index_last, 320, 180, seconds=10, seed=0)
    draw(index_first, 320, 180, seconds=10, seed=0, movflags="faststart")
    videos = folder / "videos"
    for number in range(CORPUS_VIDEOS):
        path = videos / f"{number // 2_000:04d}" / f"{number:08d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        linked = number - number % MAX_LINKS + number % 2
        if number % MAX_LINKS < 2:
            path.write_bytes((index_first if number % 2 else index_last).read_bytes())
        else:
            path.hardlink_to(videos / f"{linked // 2_000:04d}" / f"{linked:08d}.mp4")
    some = folder / "some.jsonl"
    write_lines(some, ({"video": f"{number // 2_000:04d}/{number:08d}.mp4"} for number in range(PROBED_VIDEOS)))
    for level, flags, count in (
        ("fast", [], CORPUS_VIDEOS),
        ("fast", [], CORPUS_VIDEOS),
        ("probe", ["--data", str(some), "--manifest", str(folder / "probe.parquet")], PROBED_VIDEOS),
        ("decode", ["--data", str(some), "--manifest", str(folder / "decode.parquet")], PROBED_VIDEOS),
    ):
        start = time.perf_counter()
        with redirect_stdout(io.StringIO()):
            status = videokr(["check", "--videos", str(videos), "--level", level, *flags])
        seconds = time.perf_counter() - start
        each = f"{seconds / count * 1e6:,.1f} us a file"
        print(f"check, {level:6} {count:>7,} files: {seconds:6.1f} s, {each}, status {status}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--look", action="store_true", help="time and memory of lint and stats")
    parser.add_argument("--check", action="store_true", help="the time of `videokr check`")
    parser.add_argument("--rounds", type=int, default=3, help="of each side (default: %(default)s)")
    parser.add_argument("--plain", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.plain:
        host, source, output = args.plain
        (plain_sft if host == "sft" else plain_rl)(Path(source), Path(output))
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.look:
            look(Path(folder))
        elif args.check:
            check(Path(folder))
        else:
            compare(Path(folder), args.rounds)


if __name__ == "__main__":
    main()
