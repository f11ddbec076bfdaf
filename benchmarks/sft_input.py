"""What SFT's input costs, and how much of its time SFT waits for it: LLaMA-Factory as released, and ours.

    python -m benchmarks.sft_input --folder DIR [--clips 16] [--steps 32] [--plot PNG]

In the environment of sft; clips of 720p, a row a batch, four loader workers. First the input alone: batches are taken
from the trainer's own loader, and nothing is trained. Then, on a GPU, a model of 2 billion random weights trains on
them: the share of the time between a step's end and the next one's beginning (llamafactory_plugin/input_wait.py). On a
CPU a step takes so long that nothing ever waits.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.clips import build_proxies, clips
from benchmarks.device import FAMILY, make_model
from benchmarks.sides import Comparison, column, cpu_seconds, parser_of, take_turns

CONFIG = f"llamafactory_plugin/configs/{FAMILY}_sft.yaml"
SIDES = ("LLaMA-Factory", "originals", "proxies")
SIZE = "720p"
THINK = "The box moves along the upper edge while the board behind it sways, and its colour changes. " * 10


def make(folder: Path, number_of_clips: int, seconds: int, number_of_rows: int) -> None:
    """Every row is of one epoch, at whose end the loader's workers would be started anew; clips come again."""
    from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_message_row
    from videokr.example import parse_example

    videos = clips(folder / "videos", SIZE, seconds, number_of_clips)
    said = {"think": THINK, "answer": "to the right"}
    records = [
        said | {"question": f"Which way does box {n} go?", "video": videos[n % len(videos)].name}
        for n in range(number_of_rows)
    ]
    rows = [build_message_row(parse_example(record), [record["video"]]) for record in records]
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / DATASET_INFO_FILE).write_text(json.dumps({"rows": build_dataset_entry("rows.json")}))
    build_proxies(folder / "proxies", folder / "videos", records, "sft", FAMILY)


def has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def loader_drain(report: Path) -> Any:
    """A trainer's callback that takes all batches, writes what that took, and ends the process."""
    from transformers import TrainerCallback

    class Drain(TrainerCallback):
        def on_train_begin(self, *_: Any, train_dataloader: Any = None, **__: Any) -> None:
            begin, start, rows = cpu_seconds(), time.perf_counter(), 0
            for _batch in train_dataloader:
                rows += 1
            told = {"seconds": (time.perf_counter() - start) / rows, "cpu": (cpu_seconds() - begin) / rows}
            report.write_text(json.dumps(told))
            raise SystemExit

    return Drain()


def train_once(side: str, folder: Path, steps: int, alone: bool) -> None:
    from llamafactory_plugin import input_wait

    settings: dict[str, Any] = {
        "model_name_or_path": folder / "model", "dataset": "rows", "dataset_dir": folder,
        "media_dir": folder / "videos",
        "output_dir": folder / f"out-{side}", "max_steps": steps, "save_strategy": "'no'", "deepspeed": "null",
        "flash_attn": "sdpa", "gradient_accumulation_steps": 1, "preprocessing_num_workers": 4, "plot_loss": "false",
    }  # fmt: skip
    if not has_gpu():
        settings |= {"use_cpu": "true", "bf16": "false"}
    if side == SIDES[0]:
        settings["template"] = "qwen3_vl"
    if alone:
        input_wait.InputWait = lambda output_dir: loader_drain(output_dir / input_wait.REPORT_FILE)  # type: ignore[assignment,misc]
    argv = [CONFIG, *(f"{key}={value}" for key, value in settings.items())]
    if side != SIDES[0]:
        from llamafactory_plugin.train import train

        train(argv)
        return
    from llamafactory.train.tuner import run_exp

    from llamafactory_plugin.settings import read_config

    run_exp(args=read_config(argv), callbacks=[input_wait.InputWait(Path(settings["output_dir"]))])


def run(side: str, folder: Path, steps: int, *alone: str) -> dict[str, Any]:
    """Trains, or takes the input alone, in a process of its own; what input_wait.json tells."""
    found = {"VIDEOKR_PROXIES": str(folder / "proxies")} if side == "proxies" else {}
    own = ["--folder", str(folder), "--side", side, "--steps", str(steps), *alone]
    command = [sys.executable, "-m", "benchmarks.sft_input", *own]
    with (folder / f"{side}.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | found)
    report = folder / f"out-{side}" / "input_wait.json"
    if done.returncode or not report.exists():
        raise SystemExit(f"{side}: status {done.returncode}, see {folder / f'{side}.log'}")
    told: dict[str, Any] = json.loads(report.read_text())
    shutil.rmtree(folder / f"out-{side}")  # gigabytes of weights
    return told


def main() -> None:
    parser = parser_of(__doc__, "clips, proxies and model")
    parser.add_argument("--clips", type=int, default=16, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of a clip (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=32, help="(default: %(default)s)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = args.folder.resolve()
    if args.side:
        train_once(args.side, folder, args.steps, args.alone)
        return
    make(folder, args.clips, args.seconds, args.steps)
    if not (folder / "model").exists():
        make_model(folder / "model", [THINK], tiny=not has_gpu())
    told = Comparison(f"SFT's input, clips of {args.seconds} s of {SIZE}")
    alone = take_turns(SIDES, args.rounds, lambda side: run(side, folder, args.steps, "--alone"))
    told.add("input of a row", "s", column(alone, "seconds"))
    told.add("input of a row", "CPU seconds", column(alone, "cpu"))
    if has_gpu():
        trained = take_turns(SIDES, args.rounds, lambda side: run(side, folder, args.steps))
        told.add(
            "a step", "s", {side: [run["seconds"] / run["steps"] for run in made] for side, made in trained.items()}
        )
        told.add("waiting for input", "of the time", column(trained, "share"))
    told.draw(args.plot)


if __name__ == "__main__":
    main()
