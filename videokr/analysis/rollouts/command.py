"""`videokr explain-rollouts`: why the rollouts of a GRPO run earned what they did.

Reads what verl writes with trainer.rollout_data_dir or trainer.validation_data_dir. Every rollout is scored again from
its text, every zero gets its reason, groups without variance are counted, and signs of reward hacking are held against
thresholds. Prints a report; writes explained.json and explained.png.
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from videokr.analysis.rollouts.dump import CutLine, find_dumps, read_dump
from videokr.analysis.rollouts.explanation import explain
from videokr.analysis.rollouts.plot import draw, require_matplotlib
from videokr.analysis.rollouts.report import Report, as_json, as_text
from videokr.analysis.rollouts.signs import window_of
from videokr.analysis.rollouts.tally import Tally
from videokr.errors import UserError
from videokr.outputs import written_aside
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, check_accuracy, check_tolerance

NUMBERS, FIGURE = "explained.json", "explained.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dumps", type=Path, metavar="DIR", help="folder of 1.jsonl, 2.jsonl, ...")
    parser.add_argument(
        "--accuracy",
        choices=[accuracy.value for accuracy in Accuracy],
        default=Accuracy.PAPER.value,
        help="of the run's reward (default: %(default)s)",
    )
    parser.add_argument(
        "--tolerance", type=float, default=DEFAULT_TOLERANCE, help="of the run's reward (default: %(default)s)"
    )
    parser.add_argument("--judged", action="store_true", help="the run asked a judge, and --accuracy is typed")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"for {NUMBERS} and {FIGURE} (default: DIR)")
    parser.add_argument("--no-figure", action="store_true", help=f"no {FIGURE}, which needs matplotlib")


def run(args: argparse.Namespace) -> int:
    """Status 0, whatever the rollouts say.

    Raises:
        UserError: no dumps there, one that cannot be read, or no matplotlib.
    """
    output: Path = args.output or args.dumps
    if args.output and output.exists() and not output.is_dir():
        raise UserError(f"--output '{output}' is no folder")
    accuracy = Accuracy(args.accuracy)
    check_accuracy(accuracy)
    check_tolerance(args.tolerance, "--tolerance")
    if args.judged and accuracy is not Accuracy.TYPED:
        raise UserError("--judged goes with --accuracy typed: no other reward asks a judge")
    if not args.no_figure:
        require_matplotlib()
    report = read_report(args.dumps, accuracy, args.tolerance, args.judged)
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n"
    with written_aside(output / NUMBERS) as aside:
        aside.write_text(text, encoding="utf-8")
    written = f"numbers  {output / NUMBERS}\n"
    if not args.no_figure:
        with written_aside(output / FIGURE) as aside:
            draw(report, aside)
        written += f"figure   {output / FIGURE}\n"
    print(f"{as_text(report)}\n{written}", end="", flush=True)
    return 0


def read_report(folder: Path, accuracy: Accuracy, tolerance: float = DEFAULT_TOLERANCE, judged: bool = False) -> Report:
    """Counts a whole dump, one rollout at a time.

    Raises:
        UserError: no dumps there, or one that cannot be read.
    """
    dumps = find_dumps(folder)
    tally = Tally(window_of(list(dumps)))
    cut_lines: list[CutLine] = []
    for step, path in tqdm(dumps.items(), desc="reading rollouts", unit="file", disable=None):
        rollouts = tally.without_padding(read_dump(path, cut_lines))
        tally.add_step(step, (explain(rollout, accuracy, tolerance, judged) for rollout in rollouts))
    if not tally.steps:
        raise UserError(f"'{folder}': no whole rollout in its dumps")
    return Report(folder, accuracy, len(dumps), cut_lines, tally)
