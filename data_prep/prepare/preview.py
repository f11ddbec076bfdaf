"""The first rows as the host will see them, for `--dry-run`."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from data_prep.left_out import LeftOut
from data_prep.prepare.source import Source
from videokr.example import Example
from videokr.terminal import for_terminal

MAX_ROWS = 10


def print_rows(source: Source, describe: Callable[[Example, list[str]], str]) -> None:
    """Prints ten rows, and what was left out before the tenth. Nothing is written.

    Raises:
        UserError: nothing to read.
        RecordError: see `Source.use`.
    """
    left_out = LeftOut()
    shown = replace(source, max_rows=MAX_ROWS if source.max_rows is None else min(MAX_ROWS, source.max_rows))
    for number, text in enumerate(chain.from_iterable(shown.use(describe, left_out.add)), start=1):
        print(f"--- row {number}\n{for_terminal(text)}")
    for reason, number in left_out.counts.most_common():
        print(f"--- left out {number}: {reason}")
