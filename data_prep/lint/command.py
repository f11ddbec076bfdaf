"""`videokr lint`: what annotation files get wrong, each with a number and the worst rows.

Faults and doubts of single rows, and biases of the whole that a guesser lives on. Give all splits together, so that
videos and questions are compared between them. Ends with status 3 where a row has a fault.
"""

import argparse

from data_prep.given_path import given_path
from videokr.budget import MAX_TOKENS
from videokr.errors import FAULTY_DATA_STATUS, UserError
from videokr.outputs import JSON, refuse_to_overwrite, require_suffix

SHOWN = 3  # rows of each finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=given_path, nargs="+", required=True, metavar="FILE", help="annotation files")
    parser.add_argument(
        "--json", type=given_path, metavar="FILE", help="write everything as JSON, every flagged row too"
    )
    parser.add_argument(
        "--show", type=int, default=SHOWN, metavar="N", help="worst rows of each (default: %(default)s)"
    )
    parser.add_argument("--model", type=given_path, metavar="DIR", help="checkpoint folder: finds rows longer than "
                        "--max-tokens, with --manifest")  # fmt: skip
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS, help="of a row (default: %(default)s)")
    parser.add_argument("--manifest", type=given_path, help="of `videokr check --level probe`: how long the videos are")


def run(args: argparse.Namespace) -> int:
    """Looks through the files, prints the report, and writes it as JSON if asked for."""
    if args.show < 0 or args.max_tokens < 1:
        raise UserError("--max-tokens is a positive number, --show is none below 0")
    paths = [path.resolve() for path in args.data]
    if twice := [path for place, path in enumerate(args.data) if paths[place] in paths[:place]]:
        raise UserError(f"--data '{twice[0]}' is given twice")
    if not args.model and args.max_tokens != MAX_TOKENS:
        raise UserError("--max-tokens counts with a tokenizer: give --model, too")
    if args.model and not args.manifest:
        raise UserError("--model counts a row's video, too: give --manifest of videokr check --level probe")

    import sqlite3

    from data_prep.lint.length import Lengths
    from data_prep.lint.lint import lint
    from data_prep.lint.report import Report
    from videokr.family import family_of

    require_suffix(args.json, JSON)
    refuse_to_overwrite([args.json], [*args.data, args.manifest])
    if args.model:
        family_of(args.model)  # or an error that says what the folder lacks
    lengths = Lengths(args.model, args.max_tokens) if args.model else None
    try:
        corpus = lint(args.data, args.manifest, lengths)
    except sqlite3.OperationalError as error:
        raise UserError(f"the rows do not fit into a temporary file ({error}): make room, or set TMPDIR") from None
    report = Report(corpus, args.show, has_lengths=lengths is not None, has_manifest=args.manifest is not None)
    if args.json:
        report.write_json(args.json)
    print(report.as_text())
    return FAULTY_DATA_STATUS if report.summary["rows_with_a_fault"] else 0
