"""Says whether lmms-eval wrote the results that were asked for, and shows them."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmms_eval_tasks.report import format_report
from videokr.errors import exit_status

FAILED_STATUS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lmms_eval_tasks.results", description=__doc__)
    parser.add_argument("--output-path", type=Path, required=True, help="lmms-eval's --output_path")
    parser.add_argument("--tasks", required=True, help="names separated by commas")
    parser.add_argument("--newer-than", type=Path, required=True, help="a file made just before lmms-eval was started")
    options = parser.parse_args(arguments)

    path = newest_results(options.output_path, options.newer_than)
    if path is None:
        print(f"error: lmms-eval wrote no results under '{options.output_path}'; its message is above", file=sys.stderr)
        return FAILED_STATUS
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    without = [task for task in options.tasks.split(",") if not has_score(task, results)]
    if without:
        print(f"error: '{path}' has no score for {', '.join(without)}; lmms-eval's message is above", file=sys.stderr)
        return FAILED_STATUS
    for task in options.tasks.split(","):
        report = results.get(task, {}).get(f"{task}_report,none")
        if report:
            print(format_report(task, report))
    print(f"results: {path}")
    return 0


def newest_results(folder: Path, newer_than: Path) -> Path | None:
    """The latest results file that is no older than the given file; None where there is none."""
    since = newer_than.stat().st_mtime_ns
    found = [(path.stat().st_mtime_ns, path) for path in folder.rglob("*_results.json")]
    return max((entry for entry in found if entry[0] >= since), default=(0, None))[1]


def has_score(task: str, results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a task of ours has its accuracy, or a task of the host (or a group of them) any number."""
    own = f"{task}_acc,none"
    scores = results.get(task, {})
    if own in scores or f"{task}_report,none" in scores:
        return isinstance(scores.get(own), float)
    return any(
        isinstance(value, int | float) and "_stderr" not in name
        for group, values in results.items()
        if group.startswith(task)
        for name, value in values.items()
        if "," in name
    )


if __name__ == "__main__":
    sys.exit(exit_status(main))
