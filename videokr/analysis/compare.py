"""`videokr compare`: whether one run is better than another by more than chance."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.card import WORTH_SAYING, differences
from videokr.evaluation.run import Run, read_run
from videokr.evaluation.summary import percent, table_lines
from videokr.evaluation.uncertainty import Difference, compare_scores
from videokr.evaluation.verdict import NOT_ASKED, Verdict
from videokr.response import Kind

SIGNIFICANCE_LEVEL = 0.05
HEAD = [
    *("", "questions", "videos", "A", "B", "B - A", "95% interval", "p", "only A", "only B", "needed"),
    *("unparsed A", "unparsed B", "B - A, answered"),
]
LEGEND = (
    "B - A in points, interval by a bootstrap over videos; p: of no difference, by sign flips; needed: questions "
    "like these that would tell a difference of this size from none in 80 of 100 trials; answered: of the questions "
    "that have an answer in both."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs on one benchmark; what a run could not ask is not among its questions."""

    benchmark: str
    first: float | None  # accuracy in [0, 1] over the questions compared, as of the second
    second: float | None
    difference: Difference | None  # second minus first; None where no question can be compared
    unpaired: int  # questions that only one run was asked, or whose text or gold answer differ
    unscored: int  # left out: without a verdict in one run or both, and all open ones where one of them is unscored
    unparsed: tuple[int, int] = (0, 0)  # of the questions compared, without an answer in the first run, in the second
    answered: float | None = None  # the difference over the questions that have an answer in both; None of none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, metavar="A", help="folder of a run of local_script/eval_videokr.sh")
    parser.add_argument("second", type=Path, metavar="B", help="folder of another")
    parser.add_argument("--mixed", action="store_true", help="also where prompt, frame budget or probe differ")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints B minus A for every benchmark that both were asked."""
    first, second = read_run(args.first), read_run(args.second)
    unlike = differences(first.card, second.card)
    if unlike and not args.mixed:
        raise UserError(
            f"'{first.folder}' and '{second.folder}' were not asked in the same way ({'; '.join(unlike)}), so that "
            "their difference is not the models': add --mixed to compare them all the same"
        )
    compared = compare_runs(first, second)
    also_differing = differences(first.card, second.card, WORTH_SAYING)
    if args.json:
        print(json.dumps({"benchmarks": [asdict(one) for one in compared], "differences": also_differing}, indent=2))
        return 0
    notes = [f"they also differ in {line}" for line in also_differing]
    notes += [f"{title_of(one.benchmark)}: {note}" for one in compared for note in _notes(one)]
    lines = table_lines([HEAD, *map(_row, compared)])
    print("\n".join([f"A: {args.first}", f"B: {args.second}", *lines, LEGEND, *notes]))
    return 0


def compare_runs(first: Run, second: Run) -> list[Compared]:
    """Every benchmark that both were asked; UserError where there is none."""
    ones, others = first.by_benchmark(), second.by_benchmark()
    shared = [name for name in ones if name in others]
    if not shared:
        asked = " and ".join(f"'{run.folder}' ({', '.join(run.by_benchmark())})" for run in (first, second))
        raise UserError(f"{asked} have no benchmark in common")
    return [_compare(name, ones[name], others[name]) for name in shared]


def by_question(answers: Sequence[Answered]) -> Mapping[tuple[str | int, ...], Answered]:
    """By everything that makes it the same question but its video, whose path differs from machine to machine.

    Of questions that share all of this, about several videos, the first is held against the first, and so on.
    """
    met: Counter[tuple[str, ...]] = Counter()
    found: dict[tuple[str | int, ...], Answered] = {}
    for one in answers:
        example = one.example
        key = (one.task, example.id, example.question, *example.options, example.answer)
        found[(*key, met[key])] = one
        met[key] += 1
    return found


def _compare(name: str, first: Sequence[Answered], second: Sequence[Answered]) -> Compared:
    ones, others = (by_question([one for one in run if one.verdict not in NOT_ASKED]) for run in (first, second))
    pairs = [(one, others[key]) for key, one in ones.items() if key in others]
    unpaired = len(ones) + len(others) - 2 * len(pairs)
    # Without a judge, an open question that is unparsed has a score and one that is answered has none: to take the one
    # and leave the other would choose questions by their outcome.
    is_unjudged = any(Verdict.UNSCORED in (one.verdict, other.verdict) for one, other in pairs)
    scored = [
        (one.score, other.score, one, other)
        for one, other in pairs
        if one.score is not None and other.score is not None
        if not (is_unjudged and one.example.kind is Kind.OPEN_ENDED)
    ]
    if not scored:
        return Compared(name, None, None, None, unpaired, len(pairs))
    first_scores, second_scores, ones_scored, others_scored = (list(column) for column in zip(*scored, strict=True))
    both = [
        second - first for first, second, one, other in scored if Verdict.UNPARSED not in (one.verdict, other.verdict)
    ]
    return Compared(
        benchmark=name,
        first=sum(first_scores) / len(scored),
        second=sum(second_scores) / len(scored),
        difference=compare_scores(first_scores, second_scores, [one.video for one in ones_scored]),
        unpaired=unpaired,
        unscored=len(pairs) - len(scored),
        unparsed=(_unparsed(ones_scored), _unparsed(others_scored)),
        answered=sum(both) / len(both) if both else None,
    )


def _row(one: Compared) -> list[str]:
    title, difference = title_of(one.benchmark), one.difference
    if difference is None or one.first is None or one.second is None:
        return [title, "0", *[""] * (len(HEAD) - 2)]
    return [
        title,
        str(difference.examples),
        str(difference.videos),
        percent(one.first),
        percent(one.second),
        _points(difference.value),
        f"{_points(difference.low)} to {_points(difference.high)}",
        f"{difference.p_value:.4f}",
        str(difference.lost),
        str(difference.gained),
        "-" if difference.examples_needed is None else str(difference.examples_needed),
        *map(str, one.unparsed),
        "-" if one.answered is None else _points(one.answered),
    ]


def _unparsed(answers: Sequence[Answered]) -> int:
    return sum(one.verdict is Verdict.UNPARSED for one in answers)


def _notes(one: Compared) -> list[str]:
    notes = []
    if one.unpaired:
        notes.append(f"{one.unpaired} questions that only one run was asked, or asked otherwise")
    if one.unscored:
        notes.append(f"{one.unscored} questions are left out: no verdict in one of the runs, or open, too")
    if one.difference is not None and one.difference.p_value >= SIGNIFICANCE_LEVEL:
        notes.append(f"no difference that {one.difference.examples} questions could tell from chance")
    return notes


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
