"""A step of GRPO on a CPU, rollouts of one clip each: verl as released, and with our dataset, agent loop and engine.

    python -m benchmarks.grpo_step --folder DIR [--size 720p] [--rounds 2] [--plot PNG]

In the environment of rl. The demo's model and settings, and the pixels of its frames; as many frames as the recipe's.
Eight rollouts of a prompt, whose clip is another in each step. Seconds of a step by verl's own `timing_s/step`, without
each run's first, in which vLLM warms up. At the recipe's pixels (--max-pixels 100352) a prompt has 7,500 tokens, which
take the demo's model minutes on a CPU, whoever reads the video.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from benchmarks.clips import SIZES, build_proxies, clips, tiny_model
from benchmarks.sides import Comparison, parser_of, take_turns

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

    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example

    tiny_model(folder / "model", FAMILY, PROMPT_TOKENS + RESPONSE_TOKENS)
    budget = asdict(RL_BUDGET.bounded(max_pixels=max_pixels))
    rows, records = [], []
    for number, clip in enumerate(clips(folder / "clips", size, seconds, steps)):
        said = {"question": f"Which way does box {number} go?", "answer": "to the right", "video": clip.name}
        records.append(said)
        rows.append(build_row(parse_example(said), [str(clip)], "train", number, budget))
    train = pa.Table.from_pylist(rows)
    pq.write_table(train, folder / "train.parquet")
    # verl asks for a validation set, whose filter would decode too: one row without a video.
    asked = rows[0] | {"prompt": [{"role": "user", "content": "Which way does it go?"}], "videos": []}
    pq.write_table(pa.Table.from_pylist([asked], train.schema), folder / "test.parquet")
    build_proxies(folder / "proxies", folder / "clips", records, "rl", FAMILY, "--max-pixels", str(max_pixels))


def run(side: str, folder: Path, steps: int) -> list[float]:
    """A run of so many steps, of one prompt each: seconds of the steps after the first."""
    stock = side == SIDES[0]
    environment = {"FORCE_QWENVL_VIDEO_READER": "decord", "VERL_USE_EXTERNAL_PLUGINS": "none" if stock else "auto"}
    environment |= {"VIDEOKR_PROXIES": str(folder / "proxies")} if side == "proxies" else {}
    lengths = [f"data.max_prompt_length={PROMPT_TOKENS}", f"data.max_response_length={RESPONSE_TOKENS}"]
    logged = launch(side, folder, steps, [*lengths, *(STOCK if stock else ())], environment)
    return [step["timing_s/step"] for step in logged]


def launch(
    side: str, folder: Path, steps: int, overrides: Sequence[str], environment: Mapping[str, str]
) -> list[dict[str, float]]:
    """A run through the launcher, with the environment besides: what verl logged of each step but the first."""
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    settings = [
        *(line for line in (ROOT / "data_prep/demo/grpo.args").read_text().splitlines() if "video_budget" not in line),
        "data.train_max_samples=-1",
        "data.train_batch_size=1",
        "data.shuffle=False",
        "actor_rollout_ref.actor.ppo_mini_batch_size=1",
        *(f"actor_rollout_ref.{name}_micro_batch_size_per_gpu={MICRO_BATCH}" for name in MICRO_BATCHES),
        "trainer.total_epochs=1",
        f"trainer.total_training_steps={steps}",
        "trainer.save_freq=-1",
        *overrides,
    ]
    own = {
        "VIDEOKR_CPU": "1", "VIDEOKR_PYTHON": sys.executable, "MODEL_PATH": str(folder / "model"),
        "DATA_DIR": str(folder), "OUTPUT_DIR": str(output),
    }  # fmt: skip
    command = ["bash", str(ROOT / "local_script/train_videokr_grpo.sh"), *settings]
    with (folder / f"{side}.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | own | environment)
    if done.returncode:
        raise SystemExit(f"{side}: status {done.returncode}, see {folder / f'{side}.log'}")
    logged = [json.loads(line)["data"] for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [step for step in logged if "timing_s/step" in step][1:]


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
    runs = take_turns(SIDES, args.rounds, lambda side: run(side, folder, args.steps))
    told = Comparison(f"A step of GRPO: {ROLLOUTS} rollouts of {args.seconds} s of {args.size}")
    told.add("step", "s", {side: list(chain.from_iterable(made)) for side, made in runs.items()})
    told.draw(args.plot)


if __name__ == "__main__":
    main()
