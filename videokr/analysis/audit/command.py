"""`videokr audit-reward`: what a reward makes of a file's own gold answers, before a run learns from it."""

import argparse
import json
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from videokr.analysis.audit.audit import audit
from videokr.analysis.audit.report import as_json, as_text
from videokr.errors import RecordError, UserError
from videokr.example import read_examples
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, check_accuracy, check_tolerance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="raw VideoKR file, JSONL or JSON")
    parser.add_argument(
        "--accuracy", choices=[str(name) for name in Accuracy], help="only this one (default: both, side by side)"
    )
    parser.add_argument("--tolerance", type=float, default=DEFAULT_TOLERANCE, help="of numbers (default: %(default)s)")
    parser.add_argument("--n", type=int, metavar="N", help="the first N rows (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="which other row's answer each is held against")
    parser.add_argument("--json", action="store_true", help="print the audit as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the audit. Records that cannot be read are counted, and the others audited.

    Raises:
        UserError: no such file, or none of its records can be read.
    """
    if args.n is not None and args.n < 1:
        raise UserError(f"--n is {args.n}: a number of rows, at least 1")
    check_tolerance(args.tolerance, "--tolerance")
    accuracies = [accuracy for accuracy in Accuracy if args.accuracy in (None, accuracy)]
    for accuracy in accuracies:
        check_accuracy(accuracy)
    unread: list[RecordError] = []
    examples = list(islice(read_examples(args.data, unread), args.n))
    if not examples:
        raise UserError(f"no record of '{args.data}' can be read" + (f": {unread[0]}" if unread else ""))
    audits = [
        audit(
            examples,
            accuracy,
            args.tolerance,
            args.seed,
            tqdm(range(len(examples)), desc=str(accuracy), unit="row", disable=None),
        )
        for accuracy in accuracies
    ]
    faults = [str(fault) for fault in unread]
    if args.json:
        print(json.dumps(as_json(audits, faults), indent=2, ensure_ascii=False))
    else:
        print(as_text(audits, faults), end="", flush=True)
    return 0
