"""Scores of one task over all its questions, and by kind, subject and source."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lmms_eval_tasks.verdict import Tally, Verdict
from videokr.example import GROUP_FIELDS

NOT_GIVEN = "(not given)"
GROUPINGS = ("kind", *GROUP_FIELDS)


def build_report(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts and accuracies, overall and by each grouping that the data has.

    Args:
        items: one a question, with `verdict`, `kind`, and `dataset`, `subject`, `source` as far as given.

    Returns:
        `overall` and, under `by_kind`, `by_dataset`, ..., a dict from value to counts; the shape of the counts is
        `Tally.to_dict`'s.
    """
    items = list(items)
    report: dict[str, Any] = {"overall": _tally(items).to_dict()}
    for grouping in GROUPINGS:
        groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for item in items:
            groups[item.get(grouping) or NOT_GIVEN].append(item)
        if set(groups) != {NOT_GIVEN}:
            report[f"by_{grouping}"] = {name: _tally(groups[name]).to_dict() for name in sorted(groups)}
    return report


def accuracy(items: Iterable[Mapping[str, Any]]) -> float:
    """Right answers over everything asked, in [0, 1]: the lower bound where something is unscored."""
    return _tally(items).accuracy_lower or 0.0


def format_report(task: str, report: Mapping[str, Any]) -> str:
    """The report as a plain table."""
    rows = [["", "asked", "right", "wrong", "unparsed", "unscored", "judge failed", "accuracy"]]
    rows.append(["all", *_cells(report["overall"])])
    for grouping in GROUPINGS:
        for name, counts in report.get(f"by_{grouping}", {}).items():
            rows.append([f"{grouping}: {name}", *_cells(counts)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zipped))
        for zipped in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    notes = []
    overall = report["overall"]
    if overall["unscored"]:
        notes.append(f"{overall['unscored']} open answers are unscored: no judge is configured (README, judge).")
    if overall["judge_failed"]:
        notes.append(f"{overall['judge_failed']} open answers got no verdict: the judge failed; see the sample log.")
    if overall["accuracy"] is None:
        notes.append("accuracy is over everything asked: between wrong for all of these and right for all of these.")
    return "\n".join([task, *lines, *notes])


def _tally(items: Iterable[Mapping[str, Any]]) -> Tally:
    return Tally.of(Verdict(item["verdict"]) for item in items)


def _cells(counts: Mapping[str, Any]) -> list[str]:
    numbers = [str(counts[name]) for name in ("asked", *(verdict.value for verdict in Verdict))]
    lower, upper = (f"{100 * counts[name]:.1f}%" for name in ("accuracy_lower", "accuracy_upper"))
    return [*numbers, lower if counts["accuracy"] is not None else f"{lower} to {upper}"]
