"""Which of two runs is better, and whether that is more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.card import WORTH_SAYING, differences
from videokr.evaluation.run import Run
from videokr.evaluation.uncertainty import Difference, compare_scores
from videokr.evaluation.verdict import Verdict
from videokr.example import Kind


@dataclass(frozen=True, slots=True)
class Compared:
    """One benchmark.

    Attributes:
        first, second: accuracies in [0, 1] over the questions compared.
        difference: second minus first; None where no question can be compared.
        unpaired: questions that only one run was asked, or whose text or gold answer differ.
        unscored: questions left out: those without a verdict in one run or both, and all open ones where one of them is
            unscored.
    """

    benchmark: str
    first: float | None
    second: float | None
    difference: Difference | None
    unpaired: int
    unscored: int


def compare_runs(first: Run, second: Run, seed: int = 0) -> list[Compared]:
    """Every benchmark that both were asked.

    Raises:
        UserError: there is none.
    """
    mine, theirs = first.by_benchmark(), second.by_benchmark()
    shared = [name for name in mine if name in theirs]
    if not shared:
        asked = " and ".join(f"'{run.folder}' ({', '.join(run.by_benchmark())})" for run in (first, second))
        raise UserError(f"{asked} have no benchmark in common")
    return [_compare(name, mine[name], theirs[name], seed) for name in shared]


def refuse_unlike(runs: Sequence[Run], way_out: str) -> None:
    """
    Args:
        way_out: what to add to compare them all the same.

    Raises:
        UserError: two of the runs were asked with another prompt, frame budget or probe.
    """
    for run in runs[1:]:
        unlike = differences(runs[0].card, run.card)
        if unlike:
            raise UserError(
                f"'{runs[0].folder}' and '{run.folder}' were not asked in the same way ({'; '.join(unlike)}), so that "
                f"their difference is not the models': {way_out}"
            )


def worth_saying(first: Run, second: Run) -> list[str]:
    """What else differs between two runs."""
    return differences(first.card, second.card, WORTH_SAYING)


def _compare(name: str, first: Sequence[Answered], second: Sequence[Answered], seed: int) -> Compared:
    mine, theirs = by_question(first), by_question(second)
    shared = [key for key in mine if key in theirs]
    unpaired = len(mine) + len(theirs) - 2 * len(shared)
    asked = len(shared)
    # Without a judge, an open question that is unparsed has a score and one that is answered has none: to take the one
    # and leave the other would choose questions by their outcome.
    if any(run[key].verdict is Verdict.UNSCORED for run in (mine, theirs) for key in shared):
        shared = [key for key in shared if mine[key].example.kind is not Kind.OPEN_ENDED]
    scored = [
        (one.score, other.score, one.video)
        for one, other in ((mine[key], theirs[key]) for key in shared)
        if one.score is not None and other.score is not None
    ]
    if not scored:
        return Compared(name, None, None, None, unpaired, asked)
    ones, others, videos = (list(column) for column in zip(*scored, strict=True))
    return Compared(
        benchmark=name,
        first=sum(ones) / len(ones),
        second=sum(others) / len(others),
        difference=compare_scores(ones, others, videos, seed),
        unpaired=unpaired,
        unscored=asked - len(scored),
    )


def by_question(answers: Sequence[Answered]) -> Mapping[tuple[str, ...], Answered]:
    """By everything that makes it the same question; the video's path may differ from machine to machine."""
    return {
        (one.task, one.example.id, one.example.question, *one.example.options, one.example.answer): one
        for one in answers
    }
