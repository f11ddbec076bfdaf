"""How much of its time SFT waits for videos: LLaMA-Factory as released, ours with originals, ours with proxies.

    python -m benchmarks.sft_input --folder DIR [--hidden 2048 --layers 28] [--clips 16] [--steps 32]

In the environment of sft. A Qwen3-VL of random weights trains on made-up clips with four loader workers; the share is
that of the time between a step's end and the next one's beginning (llamafactory_plugin/input_wait.py). On a CPU a step
takes so long that nothing ever waits: this is for a GPU.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.video import draw

FAMILY, CONFIG = "qwen3vl", "llamafactory_plugin/configs/qwen3vl_sft.yaml"
SIDES = ("LLaMA-Factory", "original", "proxy")
WIDTH, HEIGHT = 1280, 720  # pixels
THINK = "The box moves along the upper edge while the board behind it sways, and its colour changes. " * 10


def make(folder: Path, clips: int, seconds: int, number_of_rows: int) -> None:
    """Every row is of one epoch, at whose end the loader's workers would be started anew; clips come again."""
    from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_message_row
    from videokr.example import parse_example

    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(clips) if not (videos / f"{n}.mp4").exists()]
    with ProcessPoolExecutor() as pool:
        made = [pool.submit(draw, videos / f"{n}.mp4", WIDTH, HEIGHT, seconds, n) for n in missing]
        for future in made:
            future.result()
    said = {"think": THINK, "answer": "to the right"}
    records = [
        said | {"question": f"Which way does box {n} go?", "video": f"{n % clips}.mp4"} for n in range(number_of_rows)
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = [build_message_row(parse_example(record), [record["video"]]) for record in records]
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / DATASET_INFO_FILE).write_text(json.dumps({"rows": build_dataset_entry("rows.json")}))


def make_model(folder: Path, hidden: int, layers: int) -> None:
    """The demo's tokenizer and processor, and random weights of the size of a published text model."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    if (folder / "generation_config.json").exists():
        return
    build_model(FAMILIES[FAMILY], [THINK, "Which way does the box go? To the right."] * 50, folder)
    config = AutoConfig.from_pretrained(folder)
    text, vision = config.text_config, config.vision_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = hidden, 3 * hidden, layers
    text.num_attention_heads, text.num_key_value_heads, text.head_dim = hidden // 128, max(1, hidden // 256), 128
    text.rope_parameters["mrope_section"] = [24, 20, 20]
    text.max_position_embeddings = 32_768
    vision.hidden_size, vision.intermediate_size, vision.depth, vision.num_heads = 1_024, 4_096, 24, 16
    vision.out_hidden_size, vision.deepstack_visual_indexes = hidden, [5, 11, 17]
    vision.num_position_embeddings = 2_304
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    print(f"model: {sum(weights.numel() for weights in model.parameters()) / 1e9:.2f} billion weights", flush=True)
    model.cpu().save_pretrained(folder)


def train_once(side: str, folder: Path, steps: int) -> None:
    import torch

    settings: dict[str, Any] = {
        "model_name_or_path": folder / "model", "dataset": "rows", "dataset_dir": folder,
        "media_dir": folder / "videos",
        "output_dir": folder / f"out-{side}", "max_steps": steps, "save_strategy": "'no'", "deepspeed": "null",
        "flash_attn": "sdpa", "gradient_accumulation_steps": 1, "preprocessing_num_workers": 4, "plot_loss": "false",
    }  # fmt: skip
    if not torch.cuda.is_available():
        settings |= {"use_cpu": "true", "bf16": "false"}
    if side == SIDES[0]:
        settings["template"] = "qwen3_vl"
    argv = [CONFIG, *(f"{key}={value}" for key, value in settings.items())]
    if side != SIDES[0]:
        from llamafactory_plugin.train import train

        train(argv)
        return
    from llamafactory.train.tuner import run_exp

    from llamafactory_plugin.input_wait import InputWait
    from llamafactory_plugin.train import read_config

    run_exp(args=read_config(argv), callbacks=[InputWait(Path(settings["output_dir"]))])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for videos and model; kept")
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60, help="of a clip (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = args.folder.resolve()
    if args.side:
        train_once(args.side, folder, args.steps)
        return
    start = time.perf_counter()
    make(folder, args.clips, args.seconds, args.steps)
    print(f"{args.clips} clips of {args.seconds} s, {WIDTH}x{HEIGHT}: {time.perf_counter() - start:.0f} s", flush=True)
    make_model(folder / "model", args.hidden, args.layers)
    start = time.perf_counter()
    build = ["--data", folder / "data.jsonl", "--videos", folder / "videos", "--to", folder / "proxies"]
    command = [
        sys.executable,
        "-m",
        "videokr",
        "proxy",
        "build",
        *map(str, build),
        "--budget",
        "sft",
        "--family",
        FAMILY,
    ]
    subprocess.run(command, check=True)
    print(f"proxies: {time.perf_counter() - start:.0f} s", flush=True)
    for side in SIDES:
        found = {"VIDEOKR_PROXIES": str(folder / "proxies")} if side == "proxy" else {}
        own = [
            sys.executable,
            "-m",
            "benchmarks.sft_input",
            "--folder",
            str(folder),
            "--side",
            side,
            "--steps",
            str(args.steps),
        ]
        done = subprocess.run(own, capture_output=True, text=True, env=os.environ | found)
        report = folder / f"out-{side}" / "input_wait.json"
        if done.returncode or not report.exists():
            print(f"{side}: status {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}", flush=True)
            continue
        told = json.loads(report.read_text())
        shutil.rmtree(folder / f"out-{side}")  # gigabytes of weights
        print(f"{side:14} {told['seconds'] / told['steps']:.2f} s a step, waited in {told['share']:.1%}", flush=True)


if __name__ == "__main__":
    main()
