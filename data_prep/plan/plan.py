"""Puts rows, model and settings together for every stage and number of GPUs, and prints what they cost."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from textwrap import TextWrapper

from data_prep.plan.cost import GIB, Assumed, Cost, Row, eval_cost, grpo_cost, sft_cost
from data_prep.plan.model_size import FIGURES, ModelSize, model_size
from data_prep.stats.epoch import GRPO_FILE, SFT_FILE, Known, grpo_epoch, read_settings, sft_epoch
from data_prep.stats.file_stats import PROBE, Request, file_stats, stage_of
from data_prep.stats.summary import large
from videokr.budget import BUDGETS
from videokr.errors import UserError
from videokr.outputs import JSON, require_suffix, write_json
from videokr.video.frame_plan import VideoHeader, plan_frames
from videokr.video.manifest import read_manifest

TOKEN_SAMPLE = 1_000  # rows of a file that are counted in tokens
SHARES = ("mfu", "bandwidth_share", "trained_share", "eval_memory_share")
NOT_COUNTED = "not counted: starts, validation, input that a GPU waits for; what nodes tell each other is in mfu"
LINES = TextWrapper(100, subsequent_indent=" " * 30, break_on_hyphens=False)
Measured = dict[str, tuple[float, str]]  # by an assumption's name: what is counted in its place, and in which file


def plan(args: argparse.Namespace) -> None:
    """See `command.run`."""
    if min(args.gpus) < 1:
        raise UserError(f"--gpus is {min(args.gpus)}: a positive number is needed")
    if args.gpu not in FIGURES["gpus"]:
        raise UserError(f"--gpu '{args.gpu}' is not known: {', '.join(FIGURES['gpus'])}")
    if args.manifest and not args.data:
        raise UserError("--manifest is of the videos of --data: give both")
    require_suffix(args.json, JSON)
    asked = assumptions(FIGURES["assumed"], args.assume)
    size, gpu = model_size(args.model), FIGURES["gpus"][args.gpu]
    shipped = {name: value for name, (value, _, _) in FIGURES["assumed"].items()}
    given = shipped | (FIGURES["mixture"] if size.is_mixture else {}) | asked
    measured, rows = count_rows(args, size, given)
    if both := ", ".join(name for name in asked if name in measured):
        raise UserError(f"--assume sets {both}, which --data says: leave one of them out")
    given |= {name: value for name, (value, _) in measured.items()}
    costs: list[Cost] = []
    file = SFT_FILE.format(family=size.family.name)
    sft, grpo = read_settings(file), read_settings(GRPO_FILE)
    counts = {stage: int(given[f"{stage}_rows"]) for stage in ("sft", "rl")}
    for gpus in args.gpus:
        known = {name: Known(number, number, parameters=size.parameters, gpus=gpus) for name, number in counts.items()}
        costs.append(sft_cost(size, gpu, rows["sft"], sft_epoch(known["sft"], file, sft, gpus), sft, given))
        costs.append(grpo_cost(size, gpu, rows["rl"], grpo_epoch(known["rl"], GRPO_FILE, grpo), grpo, given))
        costs.append(eval_cost(size, gpu, rows["eval"], gpus, given))
    if args.json:
        told = {"model": args.model, "gpu": args.gpu, "assumed": given, "costs": [asdict(cost) for cost in costs]}
        write_json(args.json, told)
    memory, proxies = gpu["memory"], large(given["videos"] * given["proxy_mb"] * 1e6, "B")
    parts = [f"{part} {n / 1e9:.3g} (P {size.multiplied[part] / 1e9:.3g})" for part, n in size.parameters.items()]
    print(LINES.fill(f"{args.model}, billions of weights (P: that a token is multiplied with): {', '.join(parts)}"))
    print(f"{args.gpu}: {gpu['flops'] / 1e12:.0f} TFLOP/s bf16, {memory / GIB:.0f} GiB, {gpu['bandwidth'] / 1e12} TB/s")
    print("\n".join(table(costs, memory)))
    share = grpo["actor_rollout_ref"]["rollout"]["gpu_memory_utilization"]
    whole = grpo["data"]["max_prompt_length"] + grpo["data"]["max_response_length"]
    held = f"SFT holds a row of {sft['cutoff_len']:,} tokens, the longest; GRPO a micro-batch of rows of {whole:,}, or"
    held += f" vLLM's share ({share:g} of the GPU) if that is more; evaluation is vLLM's share"
    print(LINES.fill(f"GiB: {held} ({given['eval_memory_share']:g}), which it fills whatever the model"))
    preparing = time_of(given["videos"] * given["proxy_cpu_seconds"] / 3600)
    print(f"data preparation: {preparing} of one CPU core, {proxies} for the proxies of one budget")
    for name, row in rows.items():
        tokens = f"{row.video:,.0f} of video, {row.text:,.0f} text, {row.response:,.0f} generated"
        print(LINES.fill(f"a row of {name}, on average: tokens {tokens} ({row.source})"))
    print("counted with (--assume NAME=VALUE):")
    for name, (_, what, source) in FIGURES["assumed"].items():
        source = measured[name][1] if name in measured else "--assume" if name in asked else source
        print(LINES.fill(f"  {name:<17} {given[name]:>9,g}  {what} ({source})"))
    print(f"  {NOT_COUNTED}")


def assumptions(known: Iterable[str], given: Iterable[str]) -> dict[str, float]:
    """What is given in the place of assumptions.

    Raises:
        UserError: an unknown name, or a number that it cannot be.
    """
    values: dict[str, float] = {}
    for word in given:
        name, _, text = word.partition("=")
        try:
            values[name] = float(text) if name in known else 0.0
        except ValueError:
            values[name] = 0.0
        if not 0 < values[name] <= (1 if name in SHARES else 1e12):
            wanted = f"above 0, and of {', '.join(SHARES)} at most 1"
            raise UserError(f"--assume has '{word}': NAME=VALUE is needed, {wanted}; names: {', '.join(known)}")
    return values


def count_rows(args: argparse.Namespace, size: ModelSize, given: Assumed) -> tuple[Measured, dict[str, Row]]:
    """What the data says in the place of assumptions, and a row of each stage, counted where files tell."""
    measured: Measured = {}
    rows: dict[str, Row] = {}
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
        source = f"measured in {path.name}"
        if f"{stage}_rows" in measured:
            raise UserError(f"--data: '{path}' is a second file of {stage}: one of each is needed")
        measured[f"{stage}_rows"] = stats.counted, source
        videos, files = measured.get("videos", (0, ""))  # one that is in both files counts twice
        measured["videos"] = videos + stats.videos, f"{files} + {path.name}" if files else source
        tokens = epoch.tokens if (epoch := stats.sft or stats.grpo) else None
        frames = stats.shown.frames if stats.shown else None
        if args.manifest and not frames:
            raise UserError(f"--manifest: no row of '{path}' has all its videos in it: run {PROBE} on these videos")
        if tokens and frames:
            video, text = tokens.video / tokens.rows, rows[stage].text
            if tokens.text:
                text = tokens.text.value / tokens.rows
                measured |= {"sft_text_tokens": (text, source)} if stage == "sft" else {}
            frame, source = 2 * video / frames.mean, f"video{' and text' if tokens.text else ''} {source}"
            rows[stage] = replace(rows[stage], video=video, frame=frame, text=text, source=source)
    return measured, rows


def table(costs: Sequence[Cost], memory: float) -> list[str]:
    """A line for each stage and number of GPUs, stage by stage."""
    lines = [f"{'stage':<10} {'GPUs':>5} {'time':>9} {'GiB a GPU':>10} {'disk':>9}"]
    for cost in sorted(costs, key=lambda cost: [one.stage for one in costs].index(cost.stage)):
        notes = [f"{what} {time_of(hours)}" for what, hours in cost.hours.items() if len(cost.hours) > 1]
        notes += [] if cost.memory_bytes <= memory else [f"does not fit in {memory / GIB:.0f} GiB"]
        disk = large(cost.disk_bytes, "B") if cost.disk_bytes else ""
        numbers = f"{time_of(sum(cost.hours.values())):>9} {cost.memory_bytes / GIB:>10,.0f} {disk:>9} "
        line = f"{cost.stage:<10} {cost.gpus:>5} {numbers if cost.hours else ''} {'; '.join([*notes, *cost.notes])}"
        lines.append(LINES.fill(line.rstrip()))
    return lines


def time_of(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} h"
    return f"{hours * 60:.2g} min" if hours * 60 >= 1 else "< 1 min"
