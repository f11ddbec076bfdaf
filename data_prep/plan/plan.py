"""Puts rows, model and settings together for every stage and number of GPUs, and prints what they cost."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from data_prep.plan.cost import GIB, Assumed, Cost, Row, eval_cost, grpo_cost, sft_cost
from data_prep.plan.model_size import FIGURES, ModelSize, model_size
from data_prep.stats.epoch import GRPO_FILE, SFT_FILE, Known, grpo_epoch, read_settings, sft_epoch
from data_prep.stats.file_stats import Request, file_stats, stage_of
from videokr.budget import BUDGETS
from videokr.errors import UserError
from videokr.outputs import write_json
from videokr.video.frame_plan import VideoHeader, plan_frames
from videokr.video.manifest import read_manifest

TOKEN_SAMPLE = 1_000  # rows of a file that are counted in tokens
NOT_COUNTED = (
    "all weights are trained; not counted: starts, validation, input that a GPU waits for; "
    "what nodes tell each other is in mfu"
)


def plan(args: argparse.Namespace) -> None:
    """See `command.run`."""
    if min(args.gpus) < 1:
        raise UserError(f"--gpus is {min(args.gpus)}: a positive number is needed")
    if args.gpu not in FIGURES["gpus"]:
        raise UserError(f"--gpu '{args.gpu}' is not known: {', '.join(FIGURES['gpus'])}")
    given = assumptions(FIGURES["assumed"], args.assume)
    size, gpu = model_size(args.model), FIGURES["gpus"][args.gpu]
    counts, rows = count_rows(args, size, given)
    costs: list[Cost] = []
    file = SFT_FILE.format(family=size.family.name)
    sft, grpo = read_settings(file), read_settings(GRPO_FILE)
    for gpus in args.gpus:
        known = {name: Known(number, number, parameters=size.parameters, gpus=gpus) for name, number in counts.items()}
        costs.append(sft_cost(size, gpu, rows["sft"], sft_epoch(known["sft"], file, sft, gpus), sft, given))
        costs.append(grpo_cost(size, gpu, rows["rl"], grpo_epoch(known["rl"], GRPO_FILE, grpo), grpo, given))
        costs.append(eval_cost(size, gpu, rows["eval"], gpus, given))
    memory, proxies = gpu["memory"], given["videos"] * given["proxy_mb"] / 1e6
    print(f"{args.model}: {', '.join(f'{part} {n / 1e9:.3g} billion' for part, n in size.parameters.items())}")
    print(f"{args.gpu}: {gpu['flops'] / 1e12:.0f} TFLOP/s bf16, {memory / GIB:.0f} GiB, {gpu['bandwidth'] / 1e12} TB/s")
    print("\n".join(table(costs, memory)))
    hours = given["videos"] * given["proxy_cpu_seconds"] / 3600
    print(f"data preparation: {hours:,.0f} CPU hours and {proxies:.2f} TB for the proxies of one budget")
    for name, row in rows.items():
        print(f"a row of {name}: tokens {row.video:,.0f} of video, {row.text:,.0f} text, {row.response:,.0f} generated")
    reasons = [f"  {name:<18} {given[name]:>9,g}  {why}" for name, (_, why) in FIGURES["assumed"].items()]
    print("\n".join(["assumed (--assume NAME=VALUE):", *reasons, f"  {NOT_COUNTED}"]))
    if args.json:
        told = {"model": args.model, "gpu": args.gpu, "assumed": given, "costs": [asdict(cost) for cost in costs]}
        write_json(args.json, told)


def assumptions(known: Mapping[str, tuple[float, str]], given: Iterable[str]) -> dict[str, float]:
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


def count_rows(args: argparse.Namespace, size: ModelSize, given: Assumed) -> tuple[dict[str, int], dict[str, Row]]:
    """How many rows each stage has, and what one of them has: counted where files tell, else assumed."""
    counts, rows = {"sft": int(given["sft_rows"]), "rl": int(given["rl_rows"])}, {}
    height = int(given["video_height"])
    header = VideoHeader(int(given["video_seconds"] * 30), 30.0, height, height * 16 // 9)
    for stage, budget in BUDGETS.items():
        shown = plan_frames(header, budget, size.family.patch_size)
        texts = (given["prompt_tokens"], given["response_tokens"]) if stage != "sft" else (given["sft_text_tokens"],)
        rows[stage] = Row(shown.video_tokens, 2 * shown.video_tokens / len(shown.indices), *texts)
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


def table(costs: Sequence[Cost], memory: float) -> list[str]:
    """A line for each stage and number of GPUs, stage by stage."""
    lines = [f"{'stage':<10} {'GPUs':>5} {'hours':>7} {'GiB a GPU':>10} {'disk, TB':>9}"]
    for cost in sorted(costs, key=lambda cost: [one.stage for one in costs].index(cost.stage)):
        notes = [f"{what} {hours:,.1f} h" for what, hours in cost.hours.items() if len(cost.hours) > 1]
        notes += [] if cost.memory_bytes <= memory else [f"does not fit in {memory / GIB:.0f} GiB"]
        numbers = f"{sum(cost.hours.values()):>7,.1f} {cost.memory_bytes / GIB:>10,.0f} {cost.disk_bytes / 1e12:>9.2f}"
        lines.append(f"{cost.stage:<10} {cost.gpus:>5} {numbers}  {', '.join(notes)}".rstrip())
    return lines
