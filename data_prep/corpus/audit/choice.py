"""Which model a step is given to: the cheapest of those that are wrong seldom enough, for certain enough."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from data_prep.corpus.audit.verdicts import RIGHT, Opinions, opinions
from data_prep.corpus.ledger import NAME, Cost, Ledger
from data_prep.corpus.settings import AuditRule, Corpus, Step
from data_prep.corpus.shards import WHOLE, ledgers_of, output_of, source_of
from videokr.errors import UserError
from videokr.evaluation.uncertainty import exact_interval
from videokr.jsonl import read_records


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was tried on some rows.

    Attributes:
        usd, tokens: that a row costs which it leaves: those of all calls, those for dropped rows too.
        errors: of the audited rows, those that were not called right.
        audited: rows.
    """

    name: str
    usd: float
    tokens: float
    errors: int
    audited: int


def most_wrong(errors: int, audited: int, confidence: float) -> float:
    """The highest share of wrong rows that may be (Clopper and Pearson, one-sided)."""
    return exact_interval(errors, audited, 2 * confidence - 1)[1]


def rows_needed(errors: int, rule: AuditRule) -> int:
    """How many rows have to be audited for a bound to be met with so many errors."""

    def is_met(rows: int) -> bool:
        return most_wrong(errors, rows, rule.confidence) <= rule.max_error

    least = enough = errors + 1
    while not is_met(enough):
        enough *= 2
    return least + bisect_left(range(least, enough), True, key=is_met)


def cheapest(candidates: Sequence[Candidate], rule: AuditRule) -> Candidate | None:
    """The one whose rows cost least, of those that meet the bound; of equal ones that with the fewest tokens."""
    met = [one for one in candidates if most_wrong(one.errors, one.audited, rule.confidence) <= rule.max_error]
    return min(met, key=lambda one: (one.usd, one.tokens), default=None)


def read_candidate(path: Path, corpus: Corpus, step: Step, file: str) -> Candidate:
    """What a corpus.yaml's ledger and its verdicts say.

    Raises:
        UserError: it has not gone through the step, or nobody has judged its rows.
    """
    source, whole = source_of(corpus, step, file, WHOLE), output_of(corpus, NAME, WHOLE)
    steps = get_args(Step)
    said: list[Opinions] = []
    costs: list[Cost] = []
    for ledger_path in ledgers_of(corpus):
        with closing(Ledger(ledger_path)) as ledger:
            costs.append(ledger.cost_of(steps[: steps.index(step) + 1]))
            if ledger_path == whole:
                said, _ = opinions(step, source, ledger)
    if not said:
        audit = f"videokr corpus audit --step {step} --config {path} --sample N"
        raise UserError(f"no record of '{source}' is judged: {audit}")
    rows = sum(1 for _ in read_records(source))
    errors = sum(one.verdict != RIGHT for one in said)
    total = sum(costs, Cost())
    return Candidate(str(path), total.usd / rows, total.tokens / rows, errors, len(said))


def told(candidates: Sequence[Candidate], rule: AuditRule) -> Iterator[str]:
    """Lines for a terminal: each candidate, and which is chosen."""
    for one in candidates:
        most = most_wrong(one.errors, one.audited, rule.confidence)
        yield (
            f"{one.name}: ${one.usd:.6f} and {one.tokens:,.0f} tokens a row; not right: {one.errors} of {one.audited}, "
            f"at most {most:.2%} with {rule.confidence:.0%} confidence"
        )
        if most > rule.max_error:
            needed = rows_needed(one.errors, rule) - one.audited
            yield f"  misses {rule.max_error:.2%}; {needed:,} more audited rows, all of them right, would meet it"
    chosen = cheapest(candidates, rule)
    yield f"chosen: {chosen.name}" if chosen else f"none meets {rule.max_error:.2%}"
