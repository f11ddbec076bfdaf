"""The `videokr` command: one verb a job, each in a room of its own.

This is the roof: the one module that knows all rooms, and imports that of the verb it is asked for. Nothing imports it.
"""

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from videokr import __version__
from videokr.errors import exit_status

COMMANDS = {
    "fetch": "data_prep.fetch.command",
    "import": "data_prep.importing.command",
    "check": "data_prep.check.command",
    "lint": "data_prep.lint.command",
    "decontaminate": "data_prep.decontamination.command",
    "stats": "data_prep.stats.command",
    "proxy": "data_prep.proxies.command",
    "prepare": "data_prep.prepare.command",
    "parity": "videokr.parity.command",
    "audit-reward": "videokr.audit.command",
    "explain-rollouts": "videokr.rollouts.command",
    "compare": "videokr.comparison.command",
    "rescore": "videokr.rescoring.command",
    "sweep": "videokr.sweep.command",
    "report": "videokr.report.command",
}


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="videokr", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--version", action="version", version=f"videokr {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    asked = given[0] if given and given[0] in COMMANDS else None
    rooms: dict[str, ModuleType] = {}
    for verb in [asked] if asked else COMMANDS:
        room = rooms[verb] = importlib.import_module(COMMANDS[verb])
        does = (room.__doc__ or "").strip().partition(": ")[2]  # "`videokr verb`: what it does."
        room.add_arguments(verbs.add_parser(verb, help=does.split("\n\n")[0], description=does))
    args = parser.parse_args(given)
    status: int = rooms[args.verb].run(args)
    return status


def entry() -> int:
    if sys.stderr is None:  # closed by whoever started it; a progress bar has to go somewhere
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name from data may hold what the terminal has not
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what a verb started is ended, too
        signal.signal(number, lambda given, _: sys.exit(128 + given))
    return exit_status(main)


if __name__ == "__main__":
    sys.exit(entry())
