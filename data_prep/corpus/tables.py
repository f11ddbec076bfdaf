"""The tables of a dataset card and of a datasheet: what the files of a corpus come to, in numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from data_prep.corpus.expense import Expense
from data_prep.corpus.files import Passed
from data_prep.corpus.files import Row as Record
from data_prep.corpus.ledger import Cost
from data_prep.corpus.videos import LICENSE
from data_prep.stats.tally import Tally
from videokr.evaluation.uncertainty import exact_interval
from videokr.page.markdown import table_parts
from videokr.page.table import Cell, Row, Section, Table

SHOWN_GROUPS = ("subject", "discipline", "task_type")  # of GROUP_FIELDS
NONE = "(none)"
UNKNOWN = "unknown"
TO_FILL_IN = "**To be filled in by the author:**"


@dataclass(slots=True)
class Counts:
    """What is counted of some rows.

    Attributes:
        licences: rows by what they say of it.
        origins: rows by step, models and version of the prompts.
    """

    tally: Tally = field(default_factory=lambda: Tally(needs_rationale=False))
    licences: Counter[str] = field(default_factory=Counter)
    origins: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, row: Record) -> None:
        self.tally.add(row.example)
        self.licences[str(row.record.get(LICENSE) or NONE)] += 1
        self.origins.update((step, ", ".join(made.models), made.prompt) for step, made in row.origins.items())


def text(*parts: Iterator[str] | str) -> str:
    """Parts of a Markdown text, a blank line between them."""
    return "\n\n".join(one for part in parts for one in ([part] if isinstance(part, str) else part)) + "\n"


def composition(columns: Mapping[str, Counts]) -> Iterator[str]:
    """Rows by kind and group: in each of some files, and in all of them."""
    tallies = [counts.tally for counts in columns.values()]
    yield from _counted("kind", list(columns), [tally.kinds for tally in tallies])
    for name in SHOWN_GROUPS:
        if any(tally.groups.get(name, Counter()) is None for tally in tallies):
            yield f"The values of {name} are too many to list."
            continue
        values = [tally.groups.get(name) or Counter() for tally in tallies]
        if any(values):
            rest = [Counter({NONE: tally.rows - own.total()}) for tally, own in zip(tallies, values, strict=True)]
            yield from _counted(name, list(columns), [own + more for own, more in zip(values, rest, strict=True)])


def licences(columns: Mapping[str, Counts]) -> Iterator[str]:
    """Rows by the licence that they name."""
    yield from _counted(LICENSE, list(columns), [counts.licences for counts in columns.values()])


def steps(passed: Sequence[Passed]) -> Iterator[str]:
    """What each step kept, and dropped by reason."""
    rows = []
    for step in passed:
        if step.kept is None:
            rows.append((step.step, [step.of, UNKNOWN, UNKNOWN, "not all files of this step are here"]))
            continue
        rows.append((step.step, [step.of, f"{step.kept:,}", f"{step.dropped.total():,} of {step.records:,}", ""]))
        rows += [("", ["", "", f"{number:,}", reason]) for reason, number in step.dropped.most_common()]
    notes = [
        f"{step.step} went over {step.records:,} records, and {before.step} kept {before.kept:,}: not of one run."
        for before, step in pairwise(passed)
        if before.of == step.of and None not in (before.kept, step.records) and before.kept != step.records
    ]
    yield from table("step", ["of", "kept", "dropped", "reason"], rows, notes, is_numeric=False)


def origins(counts: Sequence[Counts]) -> Iterator[str]:
    """Which models made the rows, with which prompts."""
    total: Counter[tuple[str, str, str]] = sum((one.origins for one in counts), Counter())
    rows = [(step, [models, prompt, f"{number:,}"]) for (step, models, prompt), number in total.items()]
    yield from table("step", ["models", "prompt", "rows"], rows, is_numeric=False)


def costs(expense: Expense, ledgers: int) -> Iterator[str]:
    """What was spent by step and model, and what of it the rows took."""
    spent = expense.requests
    rows = [
        (f"{step}, {model}", [f"{one.number:,}", f"{one.unanswered:,}", f"{one.tokens:,}", f"{one.usd:,.4f}"])
        for (step, model), one in spent.items()
    ]
    total = list(spent.values())
    sums = [sum(one.number for one in total), sum(one.unanswered for one in total), sum(one.tokens for one in total)]
    rows.append(("all", [*(f"{one:,}" for one in sums), f"{sum(one.usd for one in total):,.4f}"]))
    known = [cost for cost in expense.rows.values() if cost]
    took = sum(known, Cost())
    notes = [
        f"Of {ledgers} {'ledger' if ledgers == 1 else 'ledgers'}.",
        f"The calls that {len(known):,} rows name took ${took.usd:,.4f} and {took.tokens:,} tokens; the rest was for "
        "rows that were dropped, or for runs that were given up.",
    ]
    if unknown := len(expense.rows) - len(known):
        notes.append(f"What {unknown:,} rows took is unknown: a ledger of their calls is not here, or they name none.")
    yield from table("step and model", ["requests", "without reply", "tokens", "USD"], rows, notes)


def audit(counts: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """What people found wrong.

    Args:
        counts: how many were wrong, and how many were looked at, by what was looked at.
    """
    if not counts:
        yield "Not audited."
        return
    rows = []
    for what, (wrong, seen) in counts.items():
        low, high = exact_interval(wrong, seen)
        rows.append((what, [f"{wrong:,} of {seen:,}", f"{wrong / seen:.1%}", f"{low:.1%} to {high:.1%}"]))
    yield from table("audited", ["wrong", "share", "95% interval"], rows)


def table(
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    notes: Sequence[str] = (),
    is_numeric: bool = True,
) -> Iterator[str]:
    """A table of texts, each row with its label, and notes on how to read it."""
    section = Section(None, [Row(label, [Cell(one) for one in cells]) for label, cells in rows])
    yield from table_parts(Table("", corner, columns, [section], notes=notes, is_numeric=is_numeric))


def _counted(corner: str, columns: Sequence[str], values: Sequence[Counter[str]]) -> Iterator[str]:
    """A row a value, with a column for all where there are several."""
    total = sum(values, Counter[str]())
    shown = [*values, total] if len(values) > 1 else values
    rows = [(value, [f"{counts[value]:,}" for counts in shown]) for value in sorted(total)]
    yield from table(corner, [*columns, "all"][: len(shown)], rows)
