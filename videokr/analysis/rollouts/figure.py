"""A run's rollouts over its steps, in one figure."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from videokr.analysis.rollouts.tally import UNVARIED, Tally
from videokr.errors import UserError

SIZE_INCHES, DOTS_PER_INCH = (12.0, 8.4), 100
MAX_MARKED_STEPS = 40  # each point of a longer curve would hide the curve
UNVARIED_COLORS = ("tab:green", "dimgray", "tab:orange")


def require_matplotlib() -> None:
    """Raises UserError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UserError("the figure needs matplotlib: pip install matplotlib, or give --no-figure")


def draw(tally: Tally, path: Path) -> None:
    """Writes a PNG: reward, length, reasons of zeros and groups without variance, over the steps."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    steps, by_step, total = list(tally.steps), list(tally.steps.values()), tally.total
    figure, panels = pyplot.subplots(2, 2, figsize=SIZE_INCHES, layout="constrained")
    (reward, length), (zeros, groups) = panels
    span = f"steps {steps[0]} to {steps[-1]}" if len(steps) > 1 else f"step {steps[0]}"
    figure.suptitle(f"{total.sums['rollouts']:,} rollouts, {span}", fontsize=13)
    marker = "o" if len(steps) <= MAX_MARKED_STEPS else ""

    def curve(axes: Any, values: Iterable[float | None], label: str, color: str, style: str = "-") -> None:
        shown = np.array(list(values), dtype=float)  # None is nan
        width = 1.6 if marker else 1.0
        axes.plot(steps, shown, style, label=label, color=color, marker=marker, markersize=3.5, linewidth=width)

    curve(reward, (totals.mean("score") for totals in by_step), "score", "tab:blue")
    curve(reward, (totals.mean("accuracy", "scored") for totals in by_step), "accuracy", "tab:orange")
    curve(reward, (totals.mean("format") for totals in by_step), "format", "tab:green", "--")
    reward.set(title="Reward", ylabel="mean of the rollouts", ylim=(-0.02, 1.02))

    curve(length, (totals.mean("length") for totals in by_step), "mean", "tab:blue")
    curve(length, (totals.longest for totals in by_step), "longest", "tab:gray", "--")
    length.set(title="Output length", ylabel="characters", ylim=(0, None))

    by_reason = {name: [totals.mean(f"zero/{name}") or 0.0 for totals in by_step] for name in total.by("zero")}
    _stack(zeros, steps, by_reason, [*pyplot.get_cmap("tab10").colors, *pyplot.get_cmap("tab20b").colors])
    highest = max((sum(column) for column in zip(*by_reason.values(), strict=True)), default=0.0)
    zeros.set(title="Zeros by reason", ylabel="share of the rollouts", ylim=(0, highest * 1.05 or 1.0))

    unvaried = {
        label: [totals.mean(f"spread/{spread}", "compared") or 0.0 for totals in by_step]
        for spread, label in UNVARIED.items()
    }
    _stack(groups, steps, unvaried, UNVARIED_COLORS)
    groups.set(title="Groups without variance teach nothing", ylabel="share of the groups", ylim=(0, 1.02))

    margin = max(0.03 * (steps[-1] - steps[0]), _bar_width(steps))
    for axes in (zeros, groups):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    for axes in panels.flat:
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(steps[0] - margin, steps[-1] + margin)
        axes.set_xlabel("step")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH)
    pyplot.close(figure)


def _stack(axes: Any, steps: Sequence[int], rows: Mapping[str, Sequence[float]], colors: Sequence[Any]) -> None:
    """Bars, a row over the other."""
    floor = [0.0] * len(steps)
    for (name, values), color in zip(rows.items(), colors, strict=False):
        axes.bar(steps, values, _bar_width(steps), bottom=floor, label=name, color=color)
        floor = [below + value for below, value in zip(floor, values, strict=True)]


def _bar_width(steps: Sequence[int]) -> float:
    return 0.85 * min((later - earlier for earlier, later in pairwise(steps)), default=1)
