"""The first rows as the host will see them, for `--dry-run`."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from data_prep.prepare.source import Source
from videokr.errors import RecordError
from videokr.example import Example
from videokr.terminal import for_terminal

ROWS = 10


def print_rows(source: Source, describe: Callable[[Example, list[str]], str]) -> None:
    """Prints ten rows, and what was left out before the tenth. Nothing is written.

    Raises:
        UserError: nothing to read.
        RecordError: see `Source.use`.
    """
    most = ROWS if source.max_rows is None else min(ROWS, source.max_rows)
    left_out: Counter[str] = Counter()

    def count(fault: RecordError) -> None:
        left_out[fault.reason] += 1

    shown = replace(source, max_rows=most)
    for number, text in enumerate(chain.from_iterable(shown.use(describe, list, count)), start=1):
        print(f"--- row {number}\n{for_terminal(text)}")
    for reason, number in left_out.most_common():
        print(f"--- left out {number}: {reason}")
