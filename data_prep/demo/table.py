"""The demo's table, its curves and its numbers, out of what the stages left behind."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from videokr.errors import UserError, exit_status
from videokr.evaluation.run import SUMMARY_FILE
from videokr.outputs import atomic_write

MODELS = {"base": "base", "sft": "SFT", "grpo": "SFT + GRPO"}
DIALOGUES = {"sft_at_once": "SFT, without the tool", "sft": "SFT", "grpo": "SFT + GRPO"}  # of the other recipe
WINDOW_STEPS = 5  # the reward is compared over so many first and last steps


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON or JSONL file that a stage of the demo wrote, one a line.

    Raises:
        UserError: it is not there: the stage did not end.
    """
    if not path.is_file():
        raise UserError(f"'{path}' is not there: run bash local_script/demo.sh again")
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    return [json.loads(line) for line in lines if line.strip()]


def gather(run: Path) -> dict[str, Any]:
    """Everything that the table and the plots show: losses as LLaMA-Factory logs them, rewards as verl does."""
    logged = read_lines(run / "sft" / "trainer_log.jsonl")
    loss = [(row["current_steps"], row["loss"]) for row in logged if "loss" in row]
    metrics = [(row["step"], row["data"]) for row in read_lines(run / "grpo" / "metrics.jsonl")]
    reward = [(step, data["critic/score/mean"]) for step, data in metrics if "critic/score/mean" in data]
    rewards = [value for _, value in reward]
    titles = DIALOGUES if (run / "eval" / next(iter(DIALOGUES))).is_dir() else MODELS
    summaries = {model: read_lines(run / "eval" / model / SUMMARY_FILE)[0] for model in titles}
    return {
        "titles": titles,
        "scores": {model: summary["benchmarks"]["videokr_eval"] for model, summary in summaries.items()},
        "sft_loss": loss,
        "grpo_reward": reward,
        "grpo_reward_first_steps": mean(rewards[:WINDOW_STEPS]),
        "grpo_reward_last_steps": mean(rewards[-WINDOW_STEPS:]),
    }


def format_table(numbers: Mapping[str, Any]) -> str:
    """One row a model, then the two curves in a line each. An open answer counts where it equals the gold answer."""
    looks = ["looked again", "calls read", "IoU of the last look"] if numbers["titles"] is DIALOGUES else []
    rows = [["", "accuracy", "right", "wrong", "unparsed", "open, not as the gold answer", *looks]]
    for model, title in numbers["titles"].items():
        told = numbers["scores"][model]["overall"]
        share = f"{100 * told['right'] / told['questions']:.1f}% of {told['questions']}"
        rows.append([title, share, *(str(told[name]) for name in ("right", "wrong", "unparsed", "unscored"))])
        rows[-1] += _looks(numbers["scores"][model].get("looks")) if looks else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    loss, reward = numbers["sft_loss"], numbers["grpo_reward"]
    lines.append(f"SFT loss      {loss[0][1]:.3f} at step {loss[0][0]}, {loss[-1][1]:.3f} at step {loss[-1][0]}")
    first, last = numbers["grpo_reward_first_steps"], numbers["grpo_reward_last_steps"]
    lines.append(
        f"GRPO reward   {first:.3f} over the first {WINDOW_STEPS} of {len(reward)} steps, {last:.3f} over the last"
    )
    return "\n".join(lines)


def _looks(told: Mapping[str, Any] | None) -> list[str]:
    if told is None:
        return ["none", "", ""]
    read = f"{100 * (1 - told['broken'] / told['calls']):.1f}%" if told["calls"] else "none"
    return [f"{100 * told['looked'] / told['questions']:.1f}%", read, f"{100 * told['mean_iou']:.1f}%"]


def plot(numbers: Mapping[str, Any], path: Path, title: str) -> None:
    """Loss and reward over steps, side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    figure.suptitle(title)
    left.plot(*zip(*numbers["sft_loss"], strict=True))
    left.set(title="supervised fine-tuning", xlabel="step", ylabel="loss", yscale="log")
    right.plot(*zip(*numbers["grpo_reward"], strict=True), marker="o")
    right.set(title="GRPO", xlabel="step", ylabel="mean reward of the rollouts", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    with atomic_write(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of one demo run")
    parser.add_argument("--title", default="VideoKR demo")
    args = parser.parse_args(argv)
    numbers = gather(args.run)
    plot(numbers, args.run / "curves.png", args.title)
    with atomic_write(args.run / "results.json") as aside:
        aside.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    print(format_table(numbers))
    print(f"curves   {args.run / 'curves.png'}\nnumbers  {args.run / 'results.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
