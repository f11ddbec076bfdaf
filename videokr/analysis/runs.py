"""`videokr runs`: mean and spread of runs that differ in their seed alone."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import MEANS, title_of
from videokr.evaluation.card import COMPARABLE, WORTH_SAYING, differences
from videokr.evaluation.run import Run, read_run
from videokr.evaluation.summary import percent, score_of, table_lines
from videokr.outputs import write_json


@dataclass(frozen=True, slots=True)
class Spread:
    """A benchmark's accuracy, or a published mean's, over several runs."""

    questions: int
    accuracies: tuple[float, ...]  # in [0, 1], by run; what has no verdict is not right
    mean: float
    standard_deviation: float  # of a single run, estimated from these (n - 1)
    lowest: float
    highest: float
    without_verdict: int  # questions without a verdict, in the run that has most
    same: int  # questions with the same response in every run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="DIR", help="folders of runs that differ in seed alone")
    parser.add_argument("--output", type=Path, metavar="JSON", help="write the same into this file")


def run(args: argparse.Namespace) -> int:
    """Prints mean, standard deviation, lowest and highest accuracy by benchmark."""
    if len(args.runs) < 2:
        raise UserError("one run has no spread: give the folders of two or more")
    runs = [read_run(folder) for folder in args.runs]
    refuse_unlike(runs, "seed", "sampling_seed", WORTH_SAYING)
    seeds = [one.card.sampling_seed for one in runs]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"two runs have the same seed: {', '.join(map(str, seeds))}")
    spreads = spread_of(runs)
    head = ["", "questions", "mean", "standard deviation", "lowest", "highest", "same response"]
    rows = [[title_of(name), *_cells(spread)] for name, spread in spreads.items()]
    print("\n".join([f"{len(runs)} runs, seeds {', '.join(map(str, seeds))}", *table_lines([head, *rows])]))
    for name, spread in spreads.items():
        if spread.without_verdict:
            print(f"{title_of(name)}: lower bounds, up to {spread.without_verdict} questions of a run have no verdict")
    if args.output is not None:
        record = {
            "runs": list(map(str, args.runs)),
            "seeds": seeds,
            "benchmarks": {name: asdict(spread) for name, spread in spreads.items()},
        }
        write_json(args.output, record)
        print(f"written: {args.output}")
    return 0


def refuse_unlike(runs: Sequence[Run], what: str, free: str, more: Sequence[str]) -> None:
    """Raises UserError where runs differ in their model, in how they were asked but for `free`, or in one of `more`."""
    names = ("model", "model_fingerprint", "model_revision", *COMPARABLE, *more)
    for before, after in pairwise(runs):
        lines = differences(before.card, after.card, names)
        if unlike := [line for line in lines if not line.startswith(f"{free}: ")]:
            raise UserError(f"'{before.folder}' and '{after.folder}' differ in more than {what}: {'; '.join(unlike)}")


def in_common(runs: Sequence[Run]) -> dict[str, list[tuple[Answered, ...]]]:
    """The answers of each run to every benchmark that all were asked; UserError where there is none."""
    by_run = [one.by_benchmark() for one in runs]
    shared = [name for name in by_run[0] if all(name in answers for answers in by_run)]
    if not shared:
        raise UserError("the runs have no benchmark in common")
    return {name: [answers[name] for answers in by_run] for name in shared}


def spread_of(runs: Sequence[Run]) -> dict[str, Spread]:
    """Every benchmark that all runs were asked, and the published means of which that is true of all benchmarks."""
    found = {}
    for name, by_run in in_common(runs).items():
        said = zip(*([one.response for one in answers] for answers in by_run), strict=True)
        found[name] = _spread(
            questions=len(by_run[0]),
            accuracies=[score_of(answers).lowest.value for answers in by_run],
            without_verdict=max(sum(one.score is None for one in answers) for answers in by_run),
            same=sum(len(set(responses)) == 1 for responses in said),
        )
    for title, names in MEANS.items():
        if all(name in found for name in names):
            parts = [found[name] for name in names]
            found[title] = _spread(
                questions=sum(part.questions for part in parts),
                accuracies=list(map(mean, zip(*(part.accuracies for part in parts), strict=True))),
                without_verdict=sum(part.without_verdict for part in parts),
                same=sum(part.same for part in parts),
            )
    return found


def _spread(questions: int, accuracies: Sequence[float], without_verdict: int, same: int) -> Spread:
    return Spread(
        questions,
        tuple(accuracies),
        mean(accuracies),
        stdev(accuracies),
        min(accuracies),
        max(accuracies),
        without_verdict,
        same,
    )


def _cells(spread: Spread) -> list[str]:
    return [
        f"{spread.questions:,}",
        percent(spread.mean),
        f"{100 * spread.standard_deviation:.2f} points",
        percent(spread.lowest),
        percent(spread.highest),
        f"{spread.same:,}",
    ]
