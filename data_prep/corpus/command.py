"""`videokr corpus`: training data made from videos, by models on any server that speaks the protocol of OpenAI.

`bank` has a model list what is known in subjects and where it can be seen, `collect` takes videos that were found so,
`relevance` and `moderation` drop those that show something else, or what should not be shown. `generate` has questions
written about videos. Each further step reads what the one before has written, and drops of it: `verify` those whose
answer is another one when they are solved again, `dependency` those that need no video, `rationale` those with a step
that rests on nothing, and `probe`, for a benchmark, those that a single frame solves. `audit` has people judge a step's
records, on a page, and `reannotate` has them change those that a single frame solves. `choose` says which of several
models is to do a step. Every call is kept in a ledger beside the outputs: the same command again goes on where it was.
`export` splits what is left into files for SFT and RL with a dataset card, and `benchmark` freezes a version of a
benchmark with a datasheet.
"""

import argparse
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from data_prep.given_path import given_path
from videokr.errors import UserError
from videokr.reward import check_typed

if TYPE_CHECKING:
    from data_prep.corpus.settings import Corpus

OF_VIDEOS = ("bank", COLLECT := "collect", "relevance", "moderation")  # in their order, which have no questions yet
STEPS = ("generate", "verify", "dependency", "rationale", "probe")  # in their order
OF_FILES = (EXPORT := "export", "benchmark")  # which ask nothing
BY_PEOPLE = ("audit", "reannotate", "choose")
WAY_OUT = "source .venvs/rl/bin/activate, or pip install 'videokr[corpus]'"
PACKAGES = ("openai", "pydantic", "yaml", "PIL")


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: 0/4 is the first of four, 3/4 the last")
    return int(found[1]), int(found[2])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("step", choices=(*OF_VIDEOS, *STEPS, *OF_FILES, *BY_PEOPLE))
    parser.add_argument("--config", type=given_path, default="corpus.yaml", help="(default: %(default)s)")
    parser.add_argument(
        "--input", type=given_path, metavar="FILE", help="records to go over (default: those of the step before)"
    )
    parser.add_argument(
        "--shard", type=_shard, default=(0, 1), metavar="K/N", help="of N parts by video (bank: by subject), the part K"
    )
    parser.add_argument("--dry-run", action="store_true", help="ask nothing; say what the step costs")
    people = parser.add_argument_group(", ".join(BY_PEOPLE))
    people.add_argument("--step", choices=STEPS, dest="of", help="whose records")
    people.add_argument("--sample", type=int, metavar="N", help="audit: make a page of so many records")
    people.add_argument("--verdicts", type=given_path, nargs="+", metavar="FILE", help="what pages have saved")
    people.add_argument(
        "--candidates", type=given_path, nargs="+", metavar="FILE", help="choose: a corpus.yaml of each model"
    )


def run(args: argparse.Namespace) -> int:
    """Runs or prices a step."""
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise UserError(f"videokr corpus needs {' and '.join(missing)}: {WAY_OUT}")
    check_typed("videokr corpus", WAY_OUT)

    if args.step not in BY_PEOPLE and (args.of or args.sample is not None or args.verdicts or args.candidates):
        raise UserError(f"--step, --sample, --verdicts and --candidates are for {', '.join(BY_PEOPLE)} alone")
    if args.step in OF_FILES:
        if args.dry_run or args.shard != (0, 1):
            raise UserError(f"{args.step} asks nothing, and takes all shards together: leave out --dry-run and --shard")
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: many processes, small matrices

    import sqlite3

    from data_prep.corpus.settings import read_corpus

    corpus = read_corpus(args.config)
    try:
        return _run(args, corpus)
    except sqlite3.OperationalError as error:
        raise UserError(f"the ledger in '{corpus.output}' cannot be written ({error}): make room for it") from None


def _run(args: argparse.Namespace, corpus: "Corpus") -> int:
    from data_prep.corpus.audit.command import run as run_by_people
    from data_prep.corpus.bank import Bank
    from data_prep.corpus.benchmark import freeze
    from data_prep.corpus.collect import collect
    from data_prep.corpus.dependency import Dependency
    from data_prep.corpus.export import export
    from data_prep.corpus.generate import Generation
    from data_prep.corpus.probe import Probe
    from data_prep.corpus.rationale import Validation
    from data_prep.corpus.screening import Moderation, Relevance
    from data_prep.corpus.verify import Verification
    from data_prep.corpus.work import Work

    steps: dict[str, type[Work[Any]]] = {
        step.step: step
        for step in (Bank, Relevance, Moderation, Generation, Verification, Dependency, Validation, Probe)
    }
    if args.step in BY_PEOPLE:
        return run_by_people(args, corpus, {name: step.name for name, step in steps.items()})
    if args.step in OF_FILES:
        (export if args.step == EXPORT else freeze)(corpus, args.input)
        return 0
    if args.step == COLLECT:
        if args.dry_run:
            raise UserError("collect asks no model: it costs nothing")
        collect(corpus, args.shard, args.input)
        return 0
    work = steps[args.step](corpus, args.shard, args.input)
    if next(work.rows(), None) is None:
        raise UserError(f"'{work.source}' has no rows for this shard")
    if args.dry_run:
        print(work.price(os.environ))
    else:
        work.run(os.environ)
    return 0
