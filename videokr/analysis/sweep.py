"""`videokr sweep`: what a model scores with how many frames, as a table and a plot."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from videokr.analysis.runs import in_common, refuse_unlike
from videokr.errors import UserError
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.run import read_run
from videokr.evaluation.summary import Score, percent, score_of, table_lines
from videokr.evaluation.verdict import NOT_ASKED
from videokr.outputs import atomic_write

SIZE_INCHES, DOTS_PER_INCH = (8.0, 5.0), 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="DIR", help="folders of runs that differ in frames alone")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw the plot into this file (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    """Prints accuracy by benchmark and frames, with 95% intervals; draws it where a figure is asked for."""
    if args.figure is not None and find_spec("matplotlib") is None:
        raise UserError("--figure needs matplotlib: pip install matplotlib, or leave it out")
    runs = sorted(map(read_run, args.runs), key=lambda given: given.card.budget.max_frames)
    refuse_unlike(runs, "frames", "max_frames", ("data",))
    frames = [given.card.budget.max_frames for given in runs]
    if len(set(frames)) < len(frames):
        raise UserError(f"two runs have the same number of frames: {', '.join(map(str, frames))}")
    scores = {title_of(name): list(map(score_of, by_run)) for name, by_run in in_common(runs).items()}
    rows = [["frames at most", *map(str, frames)]]
    rows += [[title, *map(_cell, by_frames)] for title, by_frames in scores.items()]
    print("\n".join(table_lines(rows)))
    if args.figure is not None:
        draw(frames, scores, args.figure)
        print(f"figure: {args.figure}")
    return 0


def draw(frames: Sequence[int], scores: dict[str, list[Score]], path: Path) -> None:
    """Writes a PNG: accuracy over frames, a line a benchmark, with 95% intervals; a band where there are bounds."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from matplotlib.ticker import NullLocator, PercentFormatter

    figure, axes = pyplot.subplots(figsize=SIZE_INCHES, layout="constrained")
    for number, (title, by_frames) in enumerate(scores.items()):
        lowest = np.array([score.lowest.value for score in by_frames])
        highest = np.array([score.highest.value for score in by_frames])
        low, high = np.array([score.interval for score in by_frames]).T
        known = all(score.is_known for score in by_frames)
        label = title if known else f"{title} (lower bound)"
        style = {"marker": "o", "capsize": 4, "color": f"C{number}", "label": label}
        axes.errorbar(frames, lowest, yerr=[lowest - low, high - lowest], **style)
        if not known:
            axes.fill_between(frames, lowest, highest, color=f"C{number}", alpha=0.15)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(frames), [str(number) for number in frames])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="frames at most", ylabel="accuracy", title="Accuracy by frame budget, 95% intervals")
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_write(path) as aside:
        figure.savefig(aside, format="png", dpi=DOTS_PER_INCH)
    pyplot.close(figure)


def _cell(score: Score) -> str:
    low, high = map(percent, score.interval)
    accuracy = percent(score.lowest.value) + ("" if score.is_known else f" to {percent(score.highest.value)}")
    not_asked = sum(score.counts[verdict] for verdict in NOT_ASKED)
    return f"{accuracy} ({low} to {high})" + (f", {not_asked} not asked" if not_asked else "")
