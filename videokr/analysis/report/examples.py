"""The examples: each question with its frames, and what every run made of it.

`examples.jinja` draws them, `filter.js` shows some of them.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from videokr.analysis.compare import by_question
from videokr.analysis.report.breakdown import TRACK
from videokr.analysis.report.run_set import RunSet, RunView
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.summary import GROUPINGS
from videokr.example import Example

_FORM = re.compile(r"\s*<think>(.*)</think>\s*<answer>(.*)</answer>\s*", re.DOTALL)
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its answers.

    Attributes:
        number: from 1, over all benchmarks in the order asked.
        answers: of the runs that were asked it, those with whole videos first. The first one's videos and frame budget
            stand for the case.
    """

    number: int
    benchmark: str
    answers: Sequence[tuple[RunView, Answered]]

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

    @property
    def tags(self) -> list[str]:
        """What is said over it."""
        return list(dict.fromkeys([title_of(self.benchmark), *(value for _, value in self.groups)]))

    @property
    def groups_json(self) -> str:
        """As the filter asks for them."""
        return json.dumps([f"{name}:{value}" for name, value in self.groups], ensure_ascii=False)


def gather(run_set: RunSet) -> list[Case]:
    """Every question of every run; those that are the same in several runs are one."""
    views = sorted(run_set.views, key=lambda view: view.card.probe is not None)
    cases: list[Case] = []
    for benchmark in run_set.benchmarks:
        by_key: dict[tuple[str, ...], list[tuple[RunView, Answered]]] = {}
        for view in views:
            for key, answered in by_question(view.answers.get(benchmark, ())).items():
                by_key.setdefault(key, []).append((view, answered))
        cases += [Case(number, benchmark, answers) for number, answers in enumerate(by_key.values(), len(cases) + 1)]
    return cases


def spread_over(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of them, evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def group_counts(cases: Sequence[Case]) -> dict[str, Counter[str]]:
    """By grouping, how many cases have each value, sorted; of groupings with two values or more."""
    counts: dict[str, Counter[str]] = {}
    for case in cases:
        for grouping, value in case.groups:
            counts.setdefault(grouping, Counter())[value] += 1
    return {
        grouping: Counter({value: values[value] for value in sorted(values, key=str.casefold)})
        for grouping, values in counts.items()
        if len(values) > 1
    }


def response_parts(answered: Answered) -> tuple[str, str]:
    """A title and the reasoning alone where it and the answer are all that was said, else everything as it was said."""
    form = _FORM.fullmatch(answered.response)
    if form and form[2].strip() == answered.answer:
        return "Reasoning", form[1].strip()
    return "Response", answered.response.strip()


def token_counts(answered: Answered) -> str:
    """Empty where the host did not count."""
    counts = (("prompt", answered.prompt_tokens), ("response", answered.response_tokens))
    return ", ".join(f"{number:,} {name} tokens" for name, number in counts if number is not None)
