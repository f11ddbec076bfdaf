"""The `videokr` command: one verb a job, found through the entry points of installed packages."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from types import ModuleType

from videokr import __version__
from videokr.errors import exit_status

GROUP = "videokr.commands"  # of entry points: pyproject.toml


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="videokr", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--version", action="version", version=f"videokr {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    known = entry_points(group=GROUP)
    asked = [command for command in known if given[:1] == [command.name]]
    rooms: dict[str, ModuleType] = {}
    for command in asked or known:  # the others are not imported
        verb = command.name
        room = rooms[verb] = command.load()
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
