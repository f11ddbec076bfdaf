"""The questions of a report, each with what every run made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from videokr.analysis.compare import by_question
from videokr.analysis.report.breakdown import TRACK
from videokr.analysis.report.lineup import Entry, Lineup
from videokr.evaluation.answered import Answered
from videokr.evaluation.summary import GROUPINGS
from videokr.example import Example

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Case:
    """
    Attributes:
        number: from 1, over all benchmarks in the order asked.
        answers: of the runs that were asked it, those with whole videos first.
    """

    number: int
    benchmark: str
    answers: Sequence[tuple[Entry, Answered]]

    @property
    def entry(self) -> Entry:
        """The run whose videos and frame budget stand for the case."""
        return self.answers[0][0]

    @property
    def example(self) -> Example:
        return self.answers[0][1].example

    @property
    def groups(self) -> list[tuple[str, str]]:
        """(grouping, value), of those it has."""
        first = self.answers[0][1]
        values = [(name, first.group(name)) for name in GROUPINGS]
        tracks = [(TRACK, first.task)] if first.task != self.benchmark else []
        return [(name, value) for name, value in values if value] + tracks


def gather(lineup: Lineup) -> list[Case]:
    """Every question of every run; those that are the same in several runs are one."""
    entries = sorted(lineup.entries, key=lambda entry: entry.run.card.probe is not None)
    cases: list[Case] = []
    for benchmark in lineup.benchmarks:
        asked: dict[tuple[str, ...], list[tuple[Entry, Answered]]] = {}
        for entry in entries:
            for key, answered in by_question(entry.answers.get(benchmark, ())).items():
                asked.setdefault(key, []).append((entry, answered))
        cases += [Case(len(cases) + place, benchmark, answers) for place, answers in enumerate(asked.values(), start=1)]
    return cases


def spread_over(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of them, evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]
