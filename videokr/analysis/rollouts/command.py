"""`videokr explain-rollouts`: why the rollouts of a GRPO run earned what they did.

Reads what verl writes with trainer.rollout_data_dir or trainer.validation_data_dir. Every rollout is scored again from
its text, every zero gets its reason, groups without variance are counted, and signs of reward hacking are held against
thresholds. Prints a report; writes explained.json and explained.png, and with --data what the model saw in dialogues:
dialogues.html.
"""

import argparse
from pathlib import Path

from videokr.analysis.rollouts.dialogues import write_dialogues
from videokr.analysis.rollouts.figure import draw, require_matplotlib
from videokr.analysis.rollouts.report import as_json, as_text
from videokr.analysis.rollouts.tally import read_tally
from videokr.errors import UserError
from videokr.outputs import atomic_write, write_json
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, check_accuracy, check_tolerance

NUMBERS, FIGURE, DIALOGUES = "explained.json", "explained.png", "dialogues.html"


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
    parser.add_argument("--data", type=Path, metavar="FILE", help=f"the run's records: shows dialogues ({DIALOGUES})")
    parser.add_argument("--videos", type=Path, metavar="FOLDER", help="of --data (default: the folder of FILE)")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="its checkpoints (default: DIR/../checkpoints)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="for what is written (default: DIR)")
    parser.add_argument("--no-figure", action="store_true", help=f"no {FIGURE}, which needs matplotlib")


def run(args: argparse.Namespace) -> int:
    """Status 0, whatever the rollouts say."""
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
    tally = read_tally(args.dumps, accuracy, args.tolerance, args.judged)
    write_json(output / NUMBERS, as_json(tally))
    written = f"numbers  {output / NUMBERS}\n"
    if not args.no_figure:
        with atomic_write(output / FIGURE) as aside:
            draw(tally, aside)
        written += f"figure   {output / FIGURE}\n"
    if args.data:
        folder, run = args.videos or args.data.parent, args.run or args.dumps.parent / "checkpoints"
        page = output / DIALOGUES
        told = write_dialogues(args.dumps, args.data, folder, run, page, accuracy, args.tolerance, args.judged)
        written += f"page     {told}\n"
    print(f"{as_text(tally)}\n{written}", end="", flush=True)
    return 0
