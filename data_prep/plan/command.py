"""`videokr plan`: what the stages cost on paper: hours, GPU memory and disk, each number with its assumptions.

Counts operations and bytes from the model's shapes and the settings that the project ships; what is not known before a
run is assumed, printed, and set by --assume. docs/cluster.md has the arithmetic.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.given_path import given_path
from videokr.errors import UserError

if TYPE_CHECKING:
    from data_prep.plan.cost import Cost, Row
    from data_prep.plan.model_size import ModelSize

TOKEN_SAMPLE = 1_000  # rows of a file that are counted in tokens
NOT_COUNTED = "not counted: starts, validation, input that a GPU waits for; what nodes tell each other is in mfu"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpus", type=int, nargs="+", default=[8, 16, 32, 64], help="(default: %(default)s)")
    parser.add_argument("--gpu", default="h100-80g", help="(default: %(default)s)")
    parser.add_argument("--model", default="qwen3vl/8b", help="family/size, or a folder (default: %(default)s)")
    parser.add_argument("--data", type=given_path, nargs="+", default=[], metavar="FILE", help="annotation files")
    parser.add_argument("--manifest", type=given_path, help="of `videokr check --level probe`, of their videos")
    parser.add_argument("--assume", nargs="+", default=[], metavar="NAME=VALUE", help="other values of what is assumed")
    parser.add_argument("--json", type=given_path, metavar="FILE", help="the same numbers for a program")


def run(args: argparse.Namespace) -> int:
    """Counts and prints.

    Raises:
        UserError: a flag makes no sense, the model is not known, or a file cannot be read.
    """
    from data_prep.plan.cost import GIB, Gpu, eval_cost, grpo_cost, sft_cost
    from data_prep.plan.model_size import FIGURES, model_size
    from data_prep.stats.epoch import GRPO_FILE, SFT_FILE, Known, grpo_epoch, read_settings, sft_epoch
    from videokr.outputs import atomic_write

    if min(args.gpus) < 1:
        raise UserError(f"--gpus is {min(args.gpus)}: a positive number is needed")
    if args.gpu not in FIGURES["gpus"]:
        raise UserError(f"--gpu '{args.gpu}' is not known: {', '.join(FIGURES['gpus'])}")
    given = assumptions(FIGURES["assumed"], args.assume)
    size, gpu, costs = model_size(args.model), Gpu(**FIGURES["gpus"][args.gpu]), []
    counts, rows = count_rows(args, size, given)
    sft_file = SFT_FILE.format(family=size.family.name)
    sft, grpo = read_settings(sft_file), read_settings(GRPO_FILE)
    for gpus in args.gpus:
        known = {name: Known(number, number, parameters=size.parameters, gpus=gpus) for name, number in counts.items()}
        costs.append(sft_cost(size, gpu, rows["sft"], sft_epoch(known["sft"], sft_file, sft, gpus), sft, given))
        costs.append(grpo_cost(size, gpu, rows["rl"], grpo_epoch(known["rl"], GRPO_FILE, grpo), grpo, given))
        costs.append(eval_cost(size, gpu, rows["eval"], gpus, given))
    print(f"{args.model}: {', '.join(f'{part} {n / 1e9:.3g} billion' for part, n in size.parameters.items())}")
    print(f"{args.gpu}: {gpu.flops / 1e12:.0f} TFLOP/s bf16, {gpu.memory / GIB:.0f} GiB, {gpu.bandwidth / 1e12} TB/s")
    print("\n".join(table(costs, gpu.memory)))
    hours, disk = given["videos"] * given["proxy_cpu_seconds"] / 3600, given["videos"] * given["proxy_mb"] / 1e6
    print(f"data preparation: {hours:,.0f} CPU hours and {disk:.2f} TB for the proxies of one budget")
    for name, row in rows.items():
        print(
            f"a row of {name}: {row.video:,.0f} tokens of video, {row.text:,.0f} of text, {row.response:,.0f} generated"
        )
    reasons = [f"  {name:<18} {given[name]:>9,g}  {why}" for name, (_, why) in FIGURES["assumed"].items()]
    print("\n".join(["assumed (--assume NAME=VALUE):", *reasons, f"  {NOT_COUNTED}"]))
    if args.json:
        told = {"model": args.model, "gpu": args.gpu, "assumed": given, "costs": [asdict(cost) for cost in costs]}
        with atomic_write(args.json) as aside:
            aside.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0


def assumptions(known: dict[str, tuple[float, str]], given: Iterable[str]) -> dict[str, float]:
    """The assumptions with those that are given in their place.

    Raises:
        UserError: an unknown name, or no positive number.
    """
    values = {name: value for name, (value, _) in known.items()}
    for word in given:
        name, _, text = word.partition("=")
        try:
            values[name] = float(text) if name in known else 0.0
        except ValueError:
            values[name] = 0.0
        if not 0 < values[name] < 1e12:
            raise UserError(f"--assume has '{word}': NAME=VALUE is needed, a positive number, of {', '.join(known)}")
    return values


def count_rows(
    args: argparse.Namespace, size: "ModelSize", given: dict[str, float]
) -> tuple[dict[str, int], dict[str, "Row"]]:
    """How many rows each stage has, and what one of them has: counted where files tell, else assumed."""
    from data_prep.plan.cost import Row
    from data_prep.stats.file_stats import Request, file_stats, stage_of
    from videokr.budget import BUDGETS
    from videokr.video.frame_plan import VideoHeader, plan_frames
    from videokr.video.manifest import read_manifest

    counts = {"sft": int(given["sft_rows"]), "rl": int(given["rl_rows"])}
    height = int(given["video_height"])
    header = VideoHeader(int(given["video_seconds"] * 30), 30.0, height, height * 16 // 9)
    rows = {}
    for stage, budget in BUDGETS.items():
        plan = plan_frames(header, budget, size.family.patch_size)
        texts = (given["prompt_tokens"], given["response_tokens"]) if stage != "sft" else (given["sft_text_tokens"],)
        rows[stage] = Row(plan.video_tokens, 2 * plan.video_tokens / len(plan.indices), *texts)
    folder = Path(args.model).expanduser()
    manifest = read_manifest(args.manifest) if args.manifest else None
    request = Request(manifest, folder if folder.is_dir() else None, size.family, size.parameters, TOKEN_SAMPLE, None)
    for path in args.data:
        stats = file_stats(path, path.name, stage := stage_of(path), request)
        counts[stage] = stats.counted
        tokens = epoch.tokens if (epoch := stats.sft or stats.grpo) else None
        if tokens and stats.shown and stats.shown.frames:
            video = tokens.video / tokens.rows
            rows[stage] = replace(rows[stage], video=video, frame=2 * video / stats.shown.frames.mean)
            if tokens.text:
                rows[stage] = replace(rows[stage], text=tokens.text.value / tokens.rows)
    return counts, rows


def table(costs: Sequence["Cost"], memory: float) -> list[str]:
    """A line for each stage and number of GPUs, stage by stage."""
    lines = [f"{'stage':<10} {'GPUs':>5} {'hours':>7} {'GiB a GPU':>10} {'disk, TB':>9}"]
    for stage in dict.fromkeys(cost.stage for cost in costs):
        for cost in (one for one in costs if one.stage == stage):
            notes = [f"{what} {hours:,.1f} h" for what, hours in cost.hours.items() if len(cost.hours) > 1]
            notes += [] if cost.memory_bytes <= memory else [f"does not fit in {memory / 2**30:.0f} GiB"]
            numbers = (
                f"{sum(cost.hours.values()):>7,.1f} {cost.memory_bytes / 2**30:>10,.0f} {cost.disk_bytes / 1e12:>9.2f}"
            )
            lines.append(f"{stage:<10} {cost.gpus:>5} {numbers}  {', '.join(notes)}".rstrip())
    return lines
