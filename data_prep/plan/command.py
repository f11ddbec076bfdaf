"""`videokr plan`: what the stages cost on paper: hours, GPU memory and disk, each number with its assumptions.

Counts operations and bytes from the model's shapes and the settings that the project ships; what is not known before a
run is assumed, printed, and set by --assume. docs/cluster.md has the arithmetic.
"""

import argparse

from data_prep.given_path import given_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpus", type=int, nargs="+", default=[8, 16, 32, 64], help="(default: %(default)s)")
    parser.add_argument("--gpu", default="h100-80g", help="(default: %(default)s)")
    parser.add_argument("--model", default="qwen3vl/8b", help="family/size, or a folder (default: %(default)s)")
    parser.add_argument(
        "--data", type=given_path, nargs="+", action="extend", default=[], metavar="FILE", help="annotation files"
    )
    parser.add_argument("--manifest", type=given_path, help="of `videokr check --level probe`, of their videos")
    parser.add_argument(
        "--assume", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="other values of what is assumed"
    )
    parser.add_argument("--json", type=given_path, metavar="FILE", help="the same numbers for a program")


def run(args: argparse.Namespace) -> int:
    """Counts and prints."""
    from data_prep.plan.plan import plan

    plan(args)
    return 0
