"""The flags of verbs that work on many videos: how many processes, how long for each, and where."""

import argparse
from math import inf

from data_prep.engine import ENGINES, Workers, cpu_count
from videokr.errors import UserError


def add_worker_flags(parser: argparse.ArgumentParser, seconds_each: float) -> None:
    parser.add_argument("--workers", type=int, default=cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--seconds-each", type=float, default=seconds_each, help="for a video (default: %(default)s)")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="processes here, or of a Ray cluster")


def workers_of(args: argparse.Namespace) -> Workers:
    """The workers that a command line asks for.

    Raises:
        UserError: a number that is none.
    """
    if args.workers < 1 or not 0 < args.seconds_each < inf:
        raise UserError("--workers and --seconds-each are positive numbers")
    return Workers(args.workers, args.seconds_each, args.engine)
