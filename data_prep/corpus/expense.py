"""What a corpus cost: every request of every ledger, and the share of it that each row took."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.corpus.ledger import Cost, Ledger

USD_DIGITS = 9  # of what a row cost: sums of floats have more that mean nothing


@dataclass(slots=True)
class Requests:
    """Of one step to one model."""

    number: int = 0
    unanswered: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Expense:
    """What was spent.

    Attributes:
        requests: by step and model, in the order in which they were first asked.
        rows: what each took; None where a call of it is in no ledger that is here, or it names none.
    """

    requests: Mapping[tuple[str, str], Requests] = field(default_factory=dict)
    rows: Mapping[str, Cost | None] = field(default_factory=dict)


def expense(ledgers: Sequence[Path], calls: Mapping[str, Sequence[str]]) -> Expense:
    """Reads ledgers.

    A request whose call rows name, its repetitions included, is paid by all of them in equal shares, and any other, as
    one for a row that was dropped or of a run that was given up, by none.

    Args:
        calls: the keys that each row names, by its id.

    Raises:
        UserError: a ledger is none, or a run has it open.
    """
    payers: dict[str, list[str]] = {}
    for row, keys in calls.items():
        for key in dict.fromkeys(keys):
            payers.setdefault(key, []).append(row)
    missing = set(payers)
    requests: dict[tuple[str, str], Requests] = {}
    tokens, usd = dict.fromkeys(calls, 0), dict.fromkeys(calls, 0.0)
    for path in ledgers:
        with closing(Ledger(path)) as ledger:
            for request in ledger.requests():
                total = requests.setdefault((request.step, request.model), Requests())
                total.number += 1
                total.unanswered += not request.is_answered
                total.tokens += request.tokens
                total.usd += request.usd
                if request.is_answered:
                    missing.discard(request.key)
                paying = payers.get(request.key, [])
                for place, row in enumerate(paying):
                    whole, rest = divmod(request.tokens, len(paying))
                    tokens[row] += whole + (place < rest)
                    usd[row] += request.usd / len(paying)
    rows = {
        row: Cost(tokens[row], round(usd[row], USD_DIGITS)) if keys and missing.isdisjoint(keys) else None
        for row, keys in calls.items()
    }
    return Expense(requests, rows)
