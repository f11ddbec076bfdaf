"""The sides of a benchmark: each run in a process of its own, told as medians and ratios, and drawn."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

STOCK_COLOUR, OWN_COLOURS = "#9aa0a6", ("#1a73e8", "#188038", "#5f6368")


def parser_of(module_doc: str | None, kept: str, rounds: int = 1) -> ArgumentParser:
    """A benchmark's command line, as far as all have it; `kept` is what its folder keeps."""
    parser = ArgumentParser(description=(module_doc or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help=f"for {kept}; kept")
    parser.add_argument("--rounds", type=int, default=rounds, help="of each side (default: %(default)s)")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the medians into this file")
    return parser


def cpu_seconds() -> float:
    """Of this process and of its children that have ended, as a loader's workers."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def timed(owner: type, method: str, cpu: Callable[[], float]) -> Iterator[list[tuple[float, float]]]:
    """Wall and CPU seconds of every call of a class's method while the block runs."""
    original: Callable[..., Any] = getattr(owner, method)
    calls: list[tuple[float, float]] = []

    @wraps(original)
    def timing(*args: Any, **kwargs: Any) -> Any:
        start, used = time.perf_counter(), cpu()
        result = original(*args, **kwargs)
        calls.append((time.perf_counter() - start, cpu() - used))
        return result

    setattr(owner, method, timing)
    try:
        yield calls
    finally:
        setattr(owner, method, original)


def run_side(function: str, *arguments: object, **environment: str) -> dict[str, Any]:
    """What a function, `package.module.name`, returns in a process of its own; it is called with texts."""
    module, _, name = function.rpartition(".")
    call = f"import json, sys; from {module} import {name}; print(json.dumps({name}(*sys.argv[1:])))"
    command = [sys.executable, "-c", call, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def run_command(module: str, *arguments: object) -> dict[str, float]:
    """Runs `python -m MODULE ARGUMENTS` to its end: its seconds, and MiB at most of its largest process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], stdout=-3, stderr=-3)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):  # as of lint, which found something
        raise SystemExit(f"{module} {' '.join(map(str, arguments))}: status {process.returncode}")
    return {"seconds": time.perf_counter() - start, "peak_mib": used.ru_maxrss / 1024}


def take_turns(sides: Iterable[str], rounds: int, run: Callable[[str], Any]) -> dict[str, list[Any]]:
    """What `run` told of each side in each round; the sides take turns, so that a busy machine slows all."""
    runs: dict[str, list[Any]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, told in runs.items():
            told.append(run(side))
            print(f"  {side}: {told[-1]}", flush=True)
    return runs


def column(runs: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> dict[str, list[float]]:
    """One figure of all runs, by side."""
    return {side: [run[name] for run in told] for side, told in runs.items()}


@dataclass
class Comparison:
    """What was measured of each side; the first is the stock host, by which the others' ratios are told."""

    title: str
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, row: str, unit: str, runs: Mapping[str, Sequence[float]]) -> None:
        """Prints the medians of a row, and keeps them for the plot."""
        medians = {side: statistics.median(values) for side, values in runs.items()}
        self.rows[f"{row}, {unit}"] = medians
        (stock, first), *own = medians.items()
        told = [f"{side} {_figure(value)} ({_ratio(first, value)})" for side, value in own]
        rounds = max(map(len, runs.values()))
        print(f"{row}: {stock} {_figure(first)} {unit}; {'; '.join(told)}; runs: {rounds}", flush=True)

    def draw(self, path: Path | None) -> None:
        """Draws the measured rows as bars into a PNG; None draws nothing."""
        if path is None:
            return
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(
            len(self.rows), 1, figsize=(9, 0.6 + 1.15 * len(self.rows)), layout="constrained", squeeze=False
        )
        figure.suptitle(self.title, fontsize=11)
        for axis, (row, medians) in zip(axes[:, 0], self.rows.items(), strict=True):
            names, values = list(medians), list(medians.values())
            bars = axis.barh(names, values, color=[STOCK_COLOUR, *OWN_COLOURS][: len(names)])
            labels = [_figure(value) + (f" ({_ratio(values[0], value)})" if place else "")
                      for place, value in enumerate(values)]  # fmt: skip
            axis.bar_label(bars, labels, padding=4, fontsize=9)
            axis.set_title(row, loc="left", fontsize=9)
            axis.set_xlim(0, max(values) * 1.2)
            axis.invert_yaxis()
            axis.set_xticks([])
            axis.spines[["top", "right", "bottom"]].set_visible(False)
        figure.savefig(path, dpi=110)
        print(f"plot: {path}", flush=True)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _ratio(stock: float, own: float) -> str:
    return f"{stock / own:,.1f}x" if own else "none"
