"""A run's rollouts over its steps, in one figure."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from videokr.analysis.rollouts.report import Report
from videokr.analysis.rollouts.tally import Spread, Totals, share
from videokr.errors import UserError

SIZE_INCHES, DOTS_PER_INCH = (12.0, 8.4), 100
MOST_MARKED = 40  # steps: each point of a longer curve would hide the curve
MOST_REASONS = 8  # in the figure; the rarer ones are one
LOG_FROM = 8.0  # times the mean length: from there on the longest output needs a logarithmic axis
OTHERS = "others"
SPREADS = (
    (Spread.ALL_FULL, "all full marks", "tab:green"),
    (Spread.ALL_ZERO, "all zero", "dimgray"),
    (Spread.ALL_EQUAL, "all equal otherwise", "tab:orange"),
)


def require_matplotlib() -> None:
    """
    Raises:
        UserError: it is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UserError("the figure needs matplotlib: pip install matplotlib, or give --no-figure")


def draw(report: Report, path: Path) -> None:
    """Writes a PNG: reward, length, reasons of zeros and groups without variance, over the steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    steps, totals = list(report.tally.steps), list(report.tally.steps.values())
    figure, panels = pyplot.subplots(2, 2, figsize=SIZE_INCHES, layout="constrained")
    (reward, length), (zeros, groups) = panels
    span = f"steps {steps[0]} to {steps[-1]}" if len(steps) > 1 else f"step {steps[0]}"
    figure.suptitle(f"{report.total.rollouts:,} rollouts, {span}", fontsize=13)
    marker = "o" if len(steps) <= MOST_MARKED else ""

    def curve(axes: Any, value: Callable[[Totals], float | None], label: str, color: str, style: str = "-") -> None:
        values = [float("nan") if (one := value(part)) is None else one for part in totals]
        width = 1.6 if marker else 1.0
        axes.plot(steps, values, style, label=label, color=color, marker=marker, markersize=3.5, linewidth=width)

    curve(reward, lambda part: part.mean_score, "score", "tab:blue")
    curve(reward, lambda part: part.mean_accuracy, "accuracy", "tab:orange")
    curve(reward, lambda part: part.mean_format, "format", "tab:green", "--")
    reward.set(title="Reward", ylabel="mean of the rollouts", ylim=(-0.02, 1.02))

    curve(length, lambda part: part.mean_length, "mean", "tab:blue")
    curve(length, lambda part: part.longest, "longest", "tab:gray", "--")
    length.set(title="Output length", ylabel="characters")
    if report.total.longest > LOG_FROM * (report.total.mean_length or 1.0):
        length.set_yscale("log")
        length.set_ylabel("characters (logarithmic)")
    else:
        length.set_ylim(0, None)

    rows = _shares_by_reason(report, totals)
    _stack(zeros, steps, rows, pyplot.get_cmap("tab10").colors)
    highest = max((sum(column) for column in zip(*rows.values(), strict=True)), default=0.0)
    zeros.set(title="Zeros by reason", ylabel="share of the rollouts", ylim=(0, highest * 1.05 or 1.0))

    of_groups = {
        label: [share(part.spreads[spread], part.spreads.total()) or 0.0 for part in totals]
        for spread, label, _ in SPREADS
    }
    _stack(groups, steps, of_groups, [color for _, _, color in SPREADS])
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


def _shares_by_reason(report: Report, totals: Sequence[Totals]) -> dict[str, list[float]]:
    """Reason -> its share of the rollouts at each step; the most common first."""
    names = [reason for reason, _ in report.zeros]
    shown = names if len(names) <= MOST_REASONS else names[: MOST_REASONS - 1]
    rows = {name: [share(part.zeros[name], part.rollouts) or 0.0 for part in totals] for name in shown}
    rest = names[len(shown) :]
    if rest:
        rows[OTHERS] = [share(sum(part.zeros[name] for name in rest), part.rollouts) or 0.0 for part in totals]
    return rows


def _stack(axes: Any, steps: Sequence[int], rows: dict[str, list[float]], colors: Sequence[Any]) -> None:
    """Bars, or areas where there are too many steps for bars."""
    if len(steps) > MOST_MARKED:
        axes.stackplot(steps, *rows.values(), labels=rows.keys(), colors=colors)
        return
    width = _bar_width(steps)
    floor = [0.0] * len(steps)
    for (name, values), color in zip(rows.items(), colors, strict=False):
        axes.bar(steps, values, width, bottom=floor, label=name, color=color)
        floor = [below + value for below, value in zip(floor, values, strict=True)]


def _bar_width(steps: Sequence[int]) -> float:
    return 0.85 * min((later - earlier for earlier, later in pairwise(steps)), default=1)
