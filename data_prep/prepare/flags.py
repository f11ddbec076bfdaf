"""The flags that both hosts' preparations share, and what they come to."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep.given_path import given_path
from data_prep.prepare.length import LengthLimit
from data_prep.prepare.source import Source
from videokr.budget import MAX_TOKENS, VideoBudget
from videokr.errors import UserError
from videokr.family import family_of

ALL = -1  # rows, as the published command has it


def add_flag(parser: argparse.ArgumentParser, name: str, **settings: Any) -> None:
    """A flag in kebab case, and in the published snake case."""
    parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}")), **settings)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def count_or_all(text: str) -> int:
    """A number of rows, or ALL."""
    value = int(text)
    if value < ALL:
        raise argparse.ArgumentTypeError(f"{text} is no number of rows, nor {ALL}, which is all")
    return value


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    add_flag(parser, "manifest", type=given_path, help="of `videokr check`: leaves out records whose video it rejects")
    add_flag(
        parser, "model", type=given_path, help="checkpoint folder: leaves out rows longer than --max-tokens with it"
    )
    add_flag(parser, "max-tokens", type=positive, help=f"of a row, with --model (default: {MAX_TOKENS})")
    add_flag(parser, "together", type=given_path, metavar="FILE", help="together.jsonl of `videokr decontaminate`, or "
             "a list of `videos` a line, not to be split")  # fmt: skip
    add_flag(
        parser,
        "skip-missing-video",
        action="store_true",
        help="leave out rows whose video is not there, or has changed since it was checked, and list them",
    )
    add_flag(parser, "skip-invalid", action="store_true", help="leave out records that cannot be read")
    add_flag(parser, "workers", type=positive, help="has no effect any more: rows are read in one loop")
    add_flag(parser, "dry-run", action="store_true", help="show ten rows as the host will see them, and write nothing")


def with_shared_flags(source: Source, args: argparse.Namespace, budget: VideoBudget, with_response: bool) -> Source:
    """The source as the shared flags want it.

    Raises:
        UserError: the manifest or the model is not there, or --max-tokens stands alone.
    """
    if args.max_tokens and not args.model:
        raise UserError("--max-tokens counts with a tokenizer: give --model, too")
    if args.manifest and not args.manifest.is_file():
        raise UserError(f"--manifest '{args.manifest}' is not there: videokr check writes it")
    limit = None
    if args.model:
        family_of(args.model)
        limit = LengthLimit(args.model, args.max_tokens or MAX_TOKENS, budget, with_response)
    if args.workers:
        print("--workers has no effect any more: rows are read in one loop", file=sys.stderr)
    return replace(source, manifest=args.manifest, limit=limit, skip_missing_video=args.skip_missing_video,
                   skip_invalid=args.skip_invalid)  # fmt: skip


def nearest_folder(path: Path) -> Path:
    """The folder itself or, as long as it is not there, the nearest one above: on the disk that is written to."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
