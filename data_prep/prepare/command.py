"""`videokr prepare`: an annotation file as the rows that a host trains on.

`prepare sft` writes LLaMA-Factory's JSON, `prepare rl` verl's parquet files; the published scripts are the same.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from data_prep.prepare import rl, sft

    hosts = parser.add_subparsers(dest="host", required=True, metavar="sft|rl")
    for name, module in (("sft", sft), ("rl", rl)):
        does = (module.__doc__ or "").strip()
        own = hosts.add_parser(name, help=does, description=does)
        module.add_arguments(own)
        own.set_defaults(prepare=module.run)


def run(args: argparse.Namespace) -> int:
    """Prepares the rows of the host that was named."""
    status: int = args.prepare(args)
    return status
