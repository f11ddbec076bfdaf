"""`videokr rescore`: what a run's stored responses come to under other readers, or with a judge."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from videokr.analysis.extractors import EXTRACTORS, Extractor, description
from videokr.errors import UserError
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.judge import Judge, JudgeError, VerdictCache, check_judge
from videokr.evaluation.judge_settings import Limits, require_settings
from videokr.evaluation.run import Run, answers_path, format_run, judge_gave_nothing, read_run, write_summary
from videokr.evaluation.summary import percent, score_of, table_lines
from videokr.evaluation.verdict import OPEN, Verdict, right_or_wrong
from videokr.response import Kind

CACHE_FOLDER = "judge"  # of a run
FAILED_STATUS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="DIR", help="folder of a run of local_script/eval_videokr.sh")
    parser.add_argument("--extractor", choices=EXTRACTORS, help="read multiple choice by this one (default: show all)")
    parser.add_argument(
        "--judge", action="store_true", help="ask the judge about open answers that have no verdict; see the README"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the rescored run (default: with --judge, DIR)"
    )


def run(args: argparse.Namespace) -> int:
    """Shows every extractor's accuracies, or writes a run that is read and judged as asked.

    Raises:
        UserError: DIR holds no run, --output is missing or taken, or the judge cannot be used.
    """
    given = read_run(args.run)
    if args.extractor is None and not args.judge:
        if args.output is not None:
            raise UserError("--output is for a run that is written: add --extractor or --judge")
        print(compare_extractors(given))
        return 0
    if args.extractor is not None and args.output is None:
        raise UserError("--extractor makes another run: give its folder with --output")
    if args.output is not None and args.output.exists():
        raise UserError(f"'{args.output}' is there already: give another folder")
    rescored = given
    if args.extractor is not None:
        answers = {task: extract_again(asked, EXTRACTORS[args.extractor]) for task, asked in given.answers.items()}
        rescored = replace(given, answers=answers, card=replace(given.card, extractor=args.extractor))
    if args.judge:
        rescored = _judge_run(rescored, in_place=args.output is None)
    rescored = replace(rescored, folder=args.output or given.folder)
    for task, asked in rescored.answers.items():
        write_answers(asked, answers_path(rescored.folder, task))
    rescored.card.write(rescored.folder)
    write_summary(rescored)
    print(format_run(rescored))
    print(f"rescored: {rescored.folder}")
    if args.judge and judge_gave_nothing(rescored):
        print("error: the judge gave no verdict at all; what it met is above", file=sys.stderr)
        return FAILED_STATUS
    return 0


def compare_extractors(given: Run) -> str:
    """A table of the accuracies over multiple choice: a row an extractor, a column a benchmark, and their spread.

    Raises:
        UserError: the run has no multiple choice.
    """
    questions = {
        name: choices
        for name, answers in given.by_benchmark().items()
        if (choices := [one for one in answers if one.example.kind is Kind.MULTIPLE_CHOICE])
    }
    if not questions:
        raise UserError(f"'{given.folder}' has no multiple choice: readers differ in nothing else; --judge judges")
    columns = [["multiple choice", *EXTRACTORS, "spread"]]
    for name, choices in questions.items():
        scores = [score_of(extract_again(choices, extractor)) for extractor in EXTRACTORS.values()]
        accuracies = [score.lowest.value for score in scores]
        columns.append(
            [
                f"{title_of(name)} ({len(choices)})",
                *(f"{percent(s.lowest.value)}, {s.counts[Verdict.UNPARSED]} unparsed" for s in scores),
                f"{100 * (max(accuracies) - min(accuracies)):.1f} points",
            ]
        )
    legend = [f"{name}: {description(name)}" for name in EXTRACTORS]
    return "\n".join([*table_lines(list(zip(*columns, strict=True))), "", *legend])


def extract_again(answers: Iterable[Answered], extractor: Extractor) -> tuple[Answered, ...]:
    """Multiple choice read by another extractor; open answers stay as they are."""
    return tuple(_extract(one, extractor) if one.example.kind is Kind.MULTIPLE_CHOICE else one for one in answers)


def _extract(one: Answered, extractor: Extractor) -> Answered:
    letter = extractor(one.response, one.example.options)
    if letter is None:
        return replace(one, verdict=Verdict.UNPARSED, answer=None)
    return replace(one, verdict=right_or_wrong(letter == one.example.answer), answer=letter)


def _judge_run(given: Run, in_place: bool) -> Run:
    settings = require_settings(os.environ, "--judge")
    limits = Limits.from_env(os.environ)
    public = settings.public()
    is_other_judge = given.card.judge is not None and given.card.judge != public
    if is_other_judge and in_place:
        raise UserError(
            f"'{given.folder}' was judged by another judge ({given.card.judge}): give --output, so that all of its "
            "open answers are judged anew by this one"
        )
    check_judge(settings, "leave --judge out")
    cache = VerdictCache(Path(os.environ.get("JUDGE_CACHE", "").strip() or given.folder / CACHE_FOLDER))
    answers = asyncio.run(_judge_all(given.answers, Judge(settings, cache, limits), everything=is_other_judge))
    return replace(given, answers=answers, card=replace(given.card, judge=public))


async def _judge_all(
    answers: Mapping[str, Sequence[Answered]], judge: Judge, everything: bool
) -> dict[str, tuple[Answered, ...]]:
    """By task, the answers with open ones judged: those without a verdict, or all of them."""

    def is_for_judge(one: Answered) -> bool:
        is_answered = one.example.kind is Kind.OPEN_ENDED and one.answer is not None
        return is_answered and (everything or one.verdict in OPEN)

    with tqdm(
        total=sum(is_for_judge(one) for given in answers.values() for one in given),
        desc="Judging",
        unit="answer",
        disable=None,
    ) as progress:

        async def judged(one: Answered) -> Answered:
            if not is_for_judge(one):
                return one
            graded = await _judge(one, judge)
            progress.update()
            return graded

        return {task: tuple(await asyncio.gather(*map(judged, given))) for task, given in answers.items()}


async def _judge(one: Answered, judge: Judge) -> Answered:
    try:
        correct = await judge.grade(one.example.question, one.example.answer, one.answer or "")
    except JudgeError as error:
        return replace(one, verdict=Verdict.JUDGE_FAILED, judge_reply=str(error))
    return replace(one, verdict=right_or_wrong(correct), judge_reply=str(int(correct)))
