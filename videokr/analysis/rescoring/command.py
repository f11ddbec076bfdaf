"""`videokr rescore`: what a run's stored responses come to under other readers, or with a judge."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from videokr.analysis.rescoring.extractors import EXTRACTORS
from videokr.analysis.rescoring.rescoring import extract_again, judge_again
from videokr.errors import UserError
from videokr.evaluation.answered import write_answers
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.judge import check_judge
from videokr.evaluation.judge_settings import Limits, require_settings
from videokr.evaluation.run import Run, answers_path, format_run, judge_gave_nothing, read_run, write_summary
from videokr.evaluation.summary import percent, score_of, table_lines
from videokr.evaluation.verdict import Verdict
from videokr.example import Kind

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
    """Shows every reader's accuracies, or writes a run that is read and judged as asked.

    Raises:
        UserError: DIR holds no run, --output is missing or taken, or the judge cannot be used.
    """
    given = read_run(args.run)
    if args.extractor is None and not args.judge:
        if args.output is not None:
            raise UserError("--output is for a run that is written: add --extractor or --judge")
        print(spread(given))
        return 0
    if args.extractor is not None and args.output is None:
        raise UserError("--extractor makes another run: give its folder with --output")
    if args.output is not None and args.output.exists():
        raise UserError(f"'{args.output}' is there already: give another folder")
    made = given if args.extractor is None else _extracted(given, args.extractor)
    if args.judge:
        made = _judged(made, args.output is None)
    made = replace(made, folder=args.output or given.folder)
    for task, answers in made.answers.items():
        write_answers(answers, answers_path(made.folder, task))
    made.card.write(made.folder)
    write_summary(made)
    print(format_run(made))
    print(f"rescored: {made.folder}")
    if args.judge and judge_gave_nothing(made):
        print("error: the judge gave no verdict at all; what it met is above", file=sys.stderr)
        return FAILED_STATUS
    return 0


def spread(given: Run) -> str:
    """Accuracy over multiple choice by every reader, a column a benchmark, and how far they lie apart."""
    chosen = {
        name: [one for one in answers if one.example.kind is Kind.MULTIPLE_CHOICE]
        for name, answers in given.by_benchmark().items()
    }
    chosen = {name: answers for name, answers in chosen.items() if answers}
    if not chosen:
        raise UserError(f"'{given.folder}' has no multiple choice: readers differ in nothing else; --judge judges")
    rows = [["multiple choice", *(f"{title_of(name)} ({len(answers)})" for name, answers in chosen.items())]]
    accuracies: dict[str, list[float]] = {name: [] for name in chosen}
    for name, extractor in EXTRACTORS.items():
        cells = []
        for benchmark, answers in chosen.items():
            score = score_of(extract_again(answers, extractor))
            accuracies[benchmark].append(score.lowest.value)
            cells.append(f"{percent(score.lowest.value)}, {score.tally.counts[Verdict.UNPARSED]} unparsed")
        rows.append([name, *cells])
    rows.append(["spread", *(f"{100 * (max(values) - min(values)):.1f} points" for values in accuracies.values())])
    return "\n".join([*table_lines(rows), "", *(f"{name}: {one.of}" for name, one in EXTRACTORS.items())])


def _extracted(given: Run, name: str) -> Run:
    answers = {task: extract_again(asked, EXTRACTORS[name]) for task, asked in given.answers.items()}
    return replace(given, answers=answers, card=replace(given.card, extractor=name))


def _judged(given: Run, in_place: bool) -> Run:
    settings = require_settings(os.environ, "--judge")
    limits = Limits.from_env(os.environ)
    public = settings.public()
    other = given.card.judge is not None and given.card.judge != public
    if other and in_place:
        raise UserError(
            f"'{given.folder}' was judged by another judge ({given.card.judge}): give --output, so that all of its "
            "open answers are judged anew by this one"
        )
    check_judge(settings, "leave --judge out")
    cache = Path(os.environ.get("JUDGE_CACHE", "").strip() or given.folder / CACHE_FOLDER)
    answers = judge_again(given.answers, settings, cache, limits, everything=other)
    return replace(given, answers=answers, card=replace(given.card, judge=public))
