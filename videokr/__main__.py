"""The `videokr` command: one verb a job, each in a room of its own."""

import argparse
import signal
import sys
from collections.abc import Sequence

from videokr.errors import exit_status


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="videokr", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    from videokr.audit import command as audit
    from videokr.comparison import command as comparison
    from videokr.parity import command as parity
    from videokr.report import command as report
    from videokr.rescoring import command as rescoring
    from videokr.rollouts import command as rollouts
    from videokr.sweep import command as sweep

    commands = {
        "parity": parity,
        "audit-reward": audit,
        "explain-rollouts": rollouts,
        "compare": comparison,
        "rescore": rescoring,
        "sweep": sweep,
        "report": report,
    }
    for verb, command in commands.items():
        does = (command.__doc__ or "").strip().partition(": ")[2]  # "`videokr verb`: what it does."
        command.add_arguments(verbs.add_parser(verb, help=does.split("\n\n")[0], description=does))
    args = parser.parse_args(argv)
    status: int = commands[args.verb].run(args)
    return status


def entry() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what a verb started is ended, too
        signal.signal(number, lambda given, _: sys.exit(128 + given))
    return exit_status(main)


if __name__ == "__main__":
    sys.exit(entry())
