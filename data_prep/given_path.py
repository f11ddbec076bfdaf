"""Paths as they are given on a command line."""

import argparse
from pathlib import Path


def given_path(text: str) -> Path:
    """The type of a flag for a file or folder.

    Raises:
        ArgumentTypeError: the text is empty, as of a variable that is not set; as a Path it were the working folder.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no path: give a name ('.' for the working folder)")
    return Path(text)
