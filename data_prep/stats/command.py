"""`videokr stats`: what is in annotation files, and what one epoch over them costs.

Counts rows, kinds, subjects and lengths; with the manifest of `videokr check` durations, frames and video tokens; with
a model token lengths and the disk that checkpoints take. Steps follow from the settings that the project ships. Prints
a summary; with --output writes stats.html, the same and charts on a page that opens from disk, and stats.json with
every number.
"""

import argparse
from pathlib import Path

from data_prep.given_path import given_path
from videokr.budget import BUDGETS
from videokr.errors import UserError
from videokr.outputs import atomic_write, refuse_to_overwrite, write_json

PAGE, NUMBERS = "stats.html", "stats.json"
SAMPLE = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=given_path, nargs="+", required=True, metavar="FILE", help="annotation files")
    parser.add_argument("--stage", choices=BUDGETS, nargs="+", default=[],
                        help="of each file, or of all (default: sft where there are rationales, else rl)")  # fmt: skip
    parser.add_argument("--manifest", type=given_path, help="of `videokr check --level probe`")
    parser.add_argument("--model", type=given_path, metavar="DIR", help="checkpoint folder, whose tokenizer counts")
    parser.add_argument("--token-sample", type=int, default=SAMPLE, metavar="N",
                        help="rows of a file that are counted in tokens (default: %(default)s)")  # fmt: skip
    parser.add_argument("--gpus", type=int, help="that train (default: those of the settings of GRPO)")
    parser.add_argument("--output", type=given_path, metavar="DIR", help=f"folder for {PAGE} and {NUMBERS}")


def run(args: argparse.Namespace) -> int:
    """Counts, prints a summary, and writes the page and the numbers where there is an --output."""
    from dataclasses import asdict
    from importlib.util import find_spec

    from data_prep.stats.epoch import parameters_of
    from data_prep.stats.file_stats import Request, file_stats, stage_of
    from data_prep.stats.summary import as_text
    from videokr.family import family_of
    from videokr.video.manifest import read_manifest

    for name in ("token_sample", "gpus"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} is {value}: a positive number is needed")
    if len(args.stage) not in (0, 1, len(args.data)):
        raise UserError(f"--stage has {len(args.stage)} values for {len(args.data)} files: give one, or one for each")
    if args.output and args.output.exists() and not args.output.is_dir():
        raise UserError(f"--output '{args.output}' is no folder")
    if args.output:
        refuse_to_overwrite([args.output / NUMBERS, args.output / PAGE], [*args.data, args.manifest])
    for package in ("yaml", "matplotlib"):
        if find_spec(package) is None:
            raise UserError(f"stats needs {package}: pip install 'videokr[data]'")
    family = parameters = None
    if args.model:
        family = family_of(args.model)
        if not (args.model / "tokenizer_config.json").is_file():
            raise UserError(f"model '{args.model}': no tokenizer_config.json there; give a whole checkpoint folder")
        if find_spec("transformers") is None:
            raise UserError("--model needs transformers: pip install 'videokr[data]'")
        parameters = parameters_of(args.model)
    manifest = read_manifest(args.manifest) if args.manifest else None
    request = Request(manifest, args.model, family, parameters, args.token_sample, args.gpus)
    given = args.stage * len(args.data) if len(args.stage) == 1 else args.stage
    stages = given or [stage_of(path) for path in args.data]
    names = _names(args.data)
    files = [file_stats(*file, request) for file in zip(args.data, names, stages, strict=True)]
    print(as_text(files))
    if args.output:
        from data_prep.stats.page import page

        write_json(args.output / NUMBERS, {"files": [asdict(stats) for stats in files]})  # what is not known is null
        with atomic_write(args.output / PAGE) as aside, aside.open("w", encoding="utf-8") as out:
            out.writelines(page(files))
        print(f"\npage     {args.output / PAGE}\nnumbers  {args.output / NUMBERS}")
    return 0


def _names(paths: list[Path]) -> list[str]:
    """Of the files alone, since a report is shown to others; with their number where two are called the same."""
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]
