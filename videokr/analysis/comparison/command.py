"""`videokr compare`: whether one run is better than another by more than chance."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from videokr.analysis.comparison.comparison import Compared, compare_runs, refuse_unlike, worth_saying
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.run import read_run
from videokr.evaluation.summary import percent, table_lines

_LIKELY = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, metavar="A", help="folder of a run of local_script/eval_videokr.sh")
    parser.add_argument("second", type=Path, metavar="B", help="folder of another")
    parser.add_argument("--mixed", action="store_true", help="also where prompt, frame budget or probe differ")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints B minus A for every benchmark that both were asked.

    Raises:
        UserError: a folder holds no run, or the runs were not asked in the same way.
    """
    first, second = read_run(args.first), read_run(args.second)
    if not args.mixed:
        refuse_unlike([first, second], "add --mixed to compare them all the same")
    compared = compare_runs(first, second, args.seed)
    said = worth_saying(first, second)
    if args.json:
        print(json.dumps({"benchmarks": [asdict(one) for one in compared], "differences": said}, indent=2))
    else:
        print(as_text(compared, str(args.first), str(args.second), said))
    return 0


def as_text(compared: Sequence[Compared], first: str, second: str, said: Sequence[str]) -> str:
    rows = [["", "questions", "videos", "A", "B", "B - A", "95% interval", "p", "only A", "only B", "needed"]]
    notes = [f"they also differ in {line}" for line in said]
    for one in compared:
        title = title_of(one.benchmark)
        if one.unpaired:
            notes.append(f"{title}: {one.unpaired} questions that only one run was asked, or asked otherwise")
        if one.unscored:
            notes.append(f"{title}: {one.unscored} questions are left out: no verdict in one of the runs, or open, too")
        difference = one.difference
        if difference is None or one.first is None or one.second is None:
            rows.append([title, "0", *[""] * 9])
            continue
        rows.append(
            [
                title,
                str(difference.examples),
                str(difference.videos),
                percent(one.first),
                percent(one.second),
                _points(difference.value),
                f"{_points(difference.low)} to {_points(difference.high)}",
                f"{difference.p_value:.4f}",
                str(difference.lost),
                str(difference.gained),
                "-" if difference.examples_needed is None else str(difference.examples_needed),
            ]
        )
        if difference.p_value >= _LIKELY:
            notes.append(f"{title}: no difference that {difference.examples} questions could tell from chance")
    explained = (
        "B - A in points, interval by a bootstrap over videos; p: of no difference, by sign flips; needed: questions "
        "like these that would tell a difference of this size from none in 80 of 100 trials."
    )
    return "\n".join([f"A: {first}", f"B: {second}", *table_lines(rows), explained, *notes])


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
