"""Preparing rows, as published and here: time, and the memory that comes on top of the interpreter's.

The published scripts load a whole file, build all rows, and write them in one go: SFT by `json.dump` with an indent, RL
by `datasets.Dataset.from_list(...).to_parquet`. A plain baseline that does that much, and no more, is written here; the
work on a record (prompt, answer) is ours in both. Every side runs in a process of its own, in turn; memory is that of
all its processes together (proportional set size, sampled).

    python -m benchmarks.data_prep                # in the environment of rl, which has datasets
    python -m benchmarks.data_prep --flat         # ours alone, from 10,000 to 1,000,000 rows
    python -m benchmarks.data_prep --look         # `videokr lint` and `videokr stats` over the SFT rows
    python -m benchmarks.data_prep --check        # `videokr check`, 145,000 files, by level
"""

import argparse
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SFT_ROWS, RL_ROWS = 201_000, 114_000  # of the published files
ROWS_A_VIDEO = 2  # 1.9 in the publication
RATIONALE_WORDS = 197  # on average, in the publication
FLAT_ROWS = (10_000, 100_000, 1_000_000)
VALIDATION_ROWS = 500
CORPUS_VIDEOS, PROBED_VIDEOS = 145_000, 500
LINKS_MOST = 50_000  # names that a file system lets one file have, and fewer
SAMPLED_EVERY_SECONDS = 0.25  # looking costs time
SIDES = ("published", "ours")
WORDS = (
    "the video shows how a thin layer of copper forms over time while its colour turns darker near the lower edge so "
    "that pressure rises and the reading on the gauge settles at a value which the lecturer then writes on the board"
).split()


def records(rows: int, rationale: bool, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Made-up records of the publication's sizes, half of them multiple choice."""
    rng = random.Random(seed)

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


def published_sft(source: Path, output: Path) -> None:
    from llamafactory_plugin.rows import build_message_row
    from videokr.example import parse_example

    rows = []
    with source.open(encoding="utf-8") as file:
        for line in file:
            example = parse_example(json.loads(line))
            rows.append(build_message_row(example, list(example.videos)))
    with output.open("w", encoding="utf-8") as out:
        json.dump(rows, out, ensure_ascii=False, indent=2)


def published_rl(source: Path, output: Path) -> None:
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


def ours(host: str, source: Path, output: Path) -> None:
    from data_prep.prepare.rl import main as rl
    from data_prep.prepare.sft import main as sft

    if host == "sft":
        sft(["--input", str(source), "--output", str(output)])
    else:
        folders = ["--output-dir", str(output), "--video-base-dir", str(source.parent)]
        rl(["--input-json", str(source), *folders])


def run_once(host: str, side: str, source: Path, output: Path) -> None:
    """Runs one side in this process, and prints its seconds; a line goes before it, when its imports are done."""
    import data_prep.prepare.sft

    if host == "rl":
        import pyarrow.parquet  # noqa: F401

        import data_prep.prepare.rl  # noqa: F401
    if host == "rl" and side == "published":
        import datasets  # noqa: F401
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    if side != "published":
        ours(host, source, output)
    elif host == "sft":
        published_sft(source, output)
    else:
        published_rl(source, output)
    print(time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Measured:
    """
    Attributes:
        base_mib: held by the process when its imports are done.
        peak_mib: held by it and all processes that it starts, together, at most.
    """

    seconds: float
    base_mib: float
    peak_mib: float

    @property
    def grown_mib(self) -> float:
        return self.peak_mib - self.base_mib


def held_mib(session: int) -> float:
    """Proportional set size of all processes of a session."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                rollup = (stat.parent / "smaps_rollup").read_text()
                total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
        except (OSError, StopIteration):  # it has just ended
            continue
    return total / 1024


def run_side(host: str, side: str, source: Path, folder: Path) -> Measured:
    output = folder / f"{host}-{side}" / ("rows.json" if host == "sft" else "rows")
    output.parent.mkdir(exist_ok=True)
    if host == "rl":
        output.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.data_prep", "--side", host, side, str(source), str(output)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        base = peak = held_mib(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        while process.poll() is None:
            peak = max(peak, held_mib(process.pid))
            time.sleep(SAMPLED_EVERY_SECONDS)
        if process.returncode:
            raise SystemExit(f"{host}, {side}: status {process.returncode}")
        return Measured(float(process.stdout.read().splitlines()[-1]), base, peak)


def compare(folder: Path, rounds: int) -> None:
    for host, rows in (("sft", SFT_ROWS), ("rl", RL_ROWS)):
        source = folder / f"{host}.jsonl"
        write_records(source, rows, rationale=host == "sft")
        runs: dict[str, list[Measured]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            for side in SIDES:
                runs[side].append(run_side(host, side, source, folder))
        print(f"{host}, {rows:,} rows; median of {rounds} rounds")
        for what, unit in (("seconds", "s"), ("peak_mib", "MiB"), ("grown_mib", "MiB beyond the imports")):
            published, *own = (statistics.median(getattr(one, what) for one in runs[side]) for side in SIDES)
            ratios = (
                f"{side} {value:7.1f} ({published / value:4.1f}x)" for side, value in zip(SIDES[1:], own, strict=True)
            )
            print(f"  {unit:23} published {published:7.1f}  {'  '.join(ratios)}", flush=True)


def flat(folder: Path) -> None:
    for host in ("sft", "rl"):
        for rows in FLAT_ROWS:
            source = folder / f"{host}.jsonl"
            write_records(source, rows, rationale=host == "sft")
            one = run_side(host, "ours", source, folder)
            print(f"{host} {rows:>9,} rows: {one.seconds:5.1f} s, peak {one.peak_mib:.0f} MiB", flush=True)


def look(folder: Path) -> None:
    source = folder / "sft.jsonl"
    write_records(source, SFT_ROWS, rationale=True)
    for verb in ("lint", "stats"):
        command = [sys.executable, "-m", "videokr", verb, "--data", str(source)]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=-3, stderr=-3, start_new_session=True) as process:
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, held_mib(process.pid))
                time.sleep(SAMPLED_EVERY_SECONDS)
        seconds = time.perf_counter() - start
        print(
            f"{verb:5} {SFT_ROWS:,} rows: {seconds:.1f} s, peak {peak:.0f} MiB, status {process.returncode}", flush=True
        )


def check(folder: Path) -> None:
    """`fast` over as many files as the corpus has, index first and last in turn, and the same again; then `probe` over
    a part of them, whole again each time."""
    from benchmarks.clips import draw
    from videokr.__main__ import main as videokr

    index_last, index_first = folder / "last.mp4", folder / "first.mp4"
    draw(index_last, 320, 180, seconds=10, seed=0)
    draw(index_first, 320, 180, seconds=10, seed=0, movflags="faststart")
    videos = folder / "videos"
    for number in range(CORPUS_VIDEOS):
        path = videos / f"{number // 2_000:04d}" / f"{number:08d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        linked = number - number % LINKS_MOST + number % 2
        original = index_first if number % 2 else index_last
        if number % LINKS_MOST < 2:
            path.write_bytes(original.read_bytes())
        else:
            path.hardlink_to(videos / f"{linked // 2_000:04d}" / f"{linked:08d}.mp4")
    some = folder / "some.jsonl"
    with some.open("w") as out:
        for number in range(PROBED_VIDEOS):
            out.write(json.dumps({"video": f"{number // 2_000:04d}/{number:08d}.mp4"}) + "\n")
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
    parser.add_argument("--flat", action="store_true", help="ours alone, at growing numbers of rows")
    parser.add_argument("--look", action="store_true", help="time and memory of lint and stats")
    parser.add_argument("--check", action="store_true", help="the time of `videokr check`")
    parser.add_argument("--rounds", type=int, default=3, help="of each side (default: %(default)s)")
    parser.add_argument("--side", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        host, side, source, output = args.side
        run_once(host, side, Path(source), Path(output))
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.flat:
            flat(Path(folder))
        elif args.look:
            look(Path(folder))
        elif args.check:
            check(Path(folder))
        else:
            compare(Path(folder), args.rounds)


if __name__ == "__main__":
    main()
