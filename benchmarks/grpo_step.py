"""A step of GRPO on a CPU, rollouts of one clip each: verl as released, and with our dataset, agent loop and engine.

    python -m benchmarks.grpo_step --folder DIR [--size 720p] [--rounds 2] [--plot PNG]

In the environment of rl. The demo's model and settings, and the pixels of its frames; as many frames as the recipe's.
Eight rollouts of a prompt, whose clip is another in each step. Seconds of a step by verl's own `timing_s/step`, without
each run's first, in which vLLM warms up; decodes and processor passes as benchmarks/video_counts.py sees them: decodes
with the start-up filter's, passes from the first rollout on. At the recipe's pixels (--max-pixels 100352) a prompt has
7,500 tokens, which take the demo's model minutes on a CPU, whoever reads the video.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.clips import SIZES, clips
from benchmarks.sides import Comparison, parser_of
from benchmarks.video_counts import DECODE, PASS, VARIABLE, read_counts

ROOT = Path(__file__).parents[1]
SIDES = ("verl", "originals", "proxies")
FAMILY, PATCH_SIZE, ROLLOUTS = "qwen2_5vl", 14, 8
PROMPT_TOKENS, RESPONSE_TOKENS = 16_384, 64
MICRO_BATCHES, MICRO_BATCH = ("actor.ppo", "ref.log_prob", "rollout.log_prob"), 2  # rollouts: of long prompts, too
STOCK = (
    "data.custom_cls.path=null",
    "data.custom_cls.name=null",
    f"data.image_patch_size={PATCH_SIZE}",
    "actor_rollout_ref.rollout.agent.default_agent_loop=single_turn_agent",
    "trainer.v1.sampler.custom_sampler.name=null",
)


def make(folder: Path, size: str, seconds: int, steps: int, max_pixels: int) -> None:
    """Model, clips and rows; every row's clip is its own, and its budget, which stock verl takes from nowhere else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data_prep.demo.tiny_model import build_model
    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example
    from videokr.family import FAMILIES

    if not (folder / "model" / "config.json").exists():
        build_model(FAMILIES[FAMILY], ["Which way does the box go? To the right."] * 50, folder / "model")
    lengthen(folder / "model" / "config.json")
    budget = asdict(RL_BUDGET.bounded(max_pixels=max_pixels))
    rows, records = [], []
    for number, clip in enumerate(clips(folder / "clips", size, seconds, steps)):
        said = {"question": f"Which way does box {number} go?", "answer": "to the right", "video": clip.name}
        records.append(json.dumps(said) + "\n")
        rows.append(build_row(parse_example(said), [str(clip)], "train", number, budget))
    (folder / "rows.jsonl").write_text("".join(records))
    train = pa.Table.from_pylist(rows)
    pq.write_table(train, folder / "train.parquet")
    # verl asks for a validation set, whose filter would decode too: one row without a video.
    asked = rows[0] | {"prompt": [{"role": "user", "content": "Which way does it go?"}], "videos": []}
    pq.write_table(pa.Table.from_pylist([asked], train.schema), folder / "test.parquet")
    build = ["--data", folder / "rows.jsonl", "--videos", folder / "clips", "--to", folder / "proxies"]
    told = ["--budget", "rl", "--family", FAMILY, "--max-pixels", str(max_pixels)]
    subprocess.run([sys.executable, "-m", "videokr", "proxy", "build", *map(str, build), *told], check=True)


def lengthen(config: Path) -> None:
    """The demo's model stops at 4,096 tokens, of which a video of the budget of RL has more."""
    settings = json.loads(config.read_text())
    settings["text_config"]["max_position_embeddings"] = PROMPT_TOKENS + RESPONSE_TOKENS
    config.write_text(json.dumps(settings))


def run(side: str, folder: Path, steps: int) -> dict[str, Any]:
    """A run of so many steps, of one prompt each: seconds of the steps after the first, and what was counted."""
    output, counts = folder / "out", folder / "counts"
    shutil.rmtree(output, ignore_errors=True)
    counts.write_text("")
    stock = side == SIDES[0]
    overrides = [
        *(line for line in (ROOT / "data_prep/demo/grpo.args").read_text().splitlines() if "video_budget" not in line),
        "data.train_max_samples=-1",
        "data.train_batch_size=1",
        "data.shuffle=False",
        f"data.max_prompt_length={PROMPT_TOKENS}",
        f"data.max_response_length={RESPONSE_TOKENS}",
        "actor_rollout_ref.actor.ppo_mini_batch_size=1",
        *(f"actor_rollout_ref.{name}_micro_batch_size_per_gpu={MICRO_BATCH}" for name in MICRO_BATCHES),
        "trainer.total_epochs=1",
        f"trainer.total_training_steps={steps}",
        "trainer.save_freq=-1",
        *(STOCK if stock else ()),
    ]
    environment = {
        "VIDEOKR_CPU": "1", "VIDEOKR_PYTHON": sys.executable, "MODEL_PATH": str(folder / "model"),
        "DATA_DIR": str(folder), "OUTPUT_DIR": str(output), VARIABLE: str(counts),
        "VERL_USE_EXTERNAL_MODULES": "benchmarks.video_counts", "FORCE_QWENVL_VIDEO_READER": "decord",
        "VERL_USE_EXTERNAL_PLUGINS": "none" if stock else "auto",
    }  # fmt: skip
    environment |= {"VIDEOKR_PROXIES": str(folder / "proxies")} if side == "proxies" else {}
    command = ["bash", str(ROOT / "local_script/train_videokr_grpo.sh"), *overrides]
    with (folder / f"{side}.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | environment)
    if done.returncode:
        raise SystemExit(f"{side}: status {done.returncode}, see {folder / f'{side}.log'}")
    logged = [json.loads(line)["data"] for line in (output / "metrics.jsonl").read_text().splitlines()]
    seconds = [step["timing_s/step"] for step in logged if "timing_s/step" in step]
    events = list(read_counts(counts))
    decodes = Counter(event.process for event in events if event.what == DECODE)
    ((agent_loop, _),) = decodes.most_common(1)  # the others are verl's filter
    first = next(place for place, event in enumerate(events) if event.process == agent_loop)
    passes = sum(event.what == PASS for event in events[first:])
    made = {
        what: statistics.median(e.bytes_made for e in events if e.what == what and e.process == agent_loop)
        for what in (DECODE, PASS)
    }
    return {
        "seconds": seconds[1:],
        "decodes": decodes.total() / steps,
        "passes": passes / steps,
        "frames_mb": made[DECODE] / 1e6,
        "patches_mb": made[PASS] / 1e6,
        "parts": {name: round(logged[-1][name], 2) for name in sorted(logged[-1]) if name.startswith("timing_s/")},
    }


def main() -> None:
    parser = parser_of(__doc__, "clips, proxies and runs")
    parser.add_argument("--size", choices=SIZES, default="720p", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of a clip (default: %(default)s)")
    parser.add_argument("--max-pixels", type=int, default=4_096, help="of a frame (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="of a run (default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, args.size, args.seconds, args.steps, args.max_pixels)
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(args.rounds):
        for side in SIDES:
            runs[side].append(run(side, folder, args.steps))
            print(f"  {side}: {runs[side][-1]}", flush=True)
    told = Comparison(f"A step of GRPO: {ROLLOUTS} rollouts of {args.seconds} s of {args.size}")
    told.add("step", "s", {side: [s for run in made for s in run["seconds"]] for side, made in runs.items()})
    for what, row, unit in (
        ("decodes", "decodes a prompt, filter included", "videos"),
        ("passes", "processor passes a prompt, vLLM's included", "passes"),
        ("frames_mb", "frames to vLLM, a rollout", "MB"),
        ("patches_mb", "patches to the trainer, a rollout", "MB"),
    ):
        told.add(row, unit, {side: [run[what] for run in made] for side, made in runs.items()})
    told.draw(args.plot)


if __name__ == "__main__":
    main()
