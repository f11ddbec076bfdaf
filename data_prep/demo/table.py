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
WINDOW_STEPS = 5  # the reward is compared over so many first and last steps


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A JSONL file's records.

    Raises:
        UserError: it is not there: the stage that writes it did not end.
    """
    if not path.is_file():
        raise UserError(f"'{path}' is not there: run bash local_script/demo.sh again")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def loss_curve(trainer_log: Path) -> list[tuple[int, float]]:
    """(step, training loss) as LLaMA-Factory logs it."""
    return [(row["current_steps"], row["loss"]) for row in read_lines(trainer_log) if "loss" in row]


def reward_curve(metrics: Path) -> list[tuple[int, float]]:
    """(step, mean reward of all rollouts) as verl logs it."""
    return [
        (row["step"], row["data"]["critic/score/mean"])
        for row in read_lines(metrics)
        if "critic/score/mean" in row["data"]
    ]


def scores(folder: Path) -> dict[str, Any]:
    """What the evaluation came to, as it stands in its folder."""
    path = folder / SUMMARY_FILE
    if not path.is_file():
        raise UserError(f"'{path}' is not there: run bash local_script/demo.sh again")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]["videokr_eval"]
    return summary


def gather(run: Path) -> dict[str, Any]:
    """Everything that the table and the plots show."""
    loss = loss_curve(run / "sft" / "trainer_log.jsonl")
    reward = reward_curve(run / "grpo" / "metrics.jsonl")
    rewards = [value for _, value in reward]
    return {
        "scores": {model: scores(run / "eval" / model) for model in MODELS},
        "sft_loss": loss,
        "grpo_reward": reward,
        "grpo_reward_first_steps": mean(rewards[:WINDOW_STEPS]),
        "grpo_reward_last_steps": mean(rewards[-WINDOW_STEPS:]),
    }


def format_table(numbers: Mapping[str, Any]) -> str:
    """One row a model, then the two curves in a line each. An open answer counts where it equals the gold answer."""
    rows = [["", "accuracy", "right", "wrong", "unparsed", "open, not as the gold answer"]]
    for model, title in MODELS.items():
        told = numbers["scores"][model]["overall"]
        share = f"{100 * told['right'] / told['asked']:.1f}% of {told['asked']}"
        rows.append([title, share, *(str(told[name]) for name in ("right", "wrong", "unparsed", "unscored"))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    loss, reward = numbers["sft_loss"], numbers["grpo_reward"]
    lines.append(f"SFT loss      {loss[0][1]:.3f} at step {loss[0][0]}, {loss[-1][1]:.3f} at step {loss[-1][0]}")
    first, last = numbers["grpo_reward_first_steps"], numbers["grpo_reward_last_steps"]
    lines.append(
        f"GRPO reward   {first:.3f} over the first {WINDOW_STEPS} of {len(reward)} steps, {last:.3f} over the last"
    )
    return "\n".join(lines)


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
