"""How many parameters a checkpoint has, from the headers of its safetensors files: no weight is read."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from videokr.errors import UserError

LENGTH_BYTES = 8  # of the header, little-endian, at the start of a file
HEADER_BYTES_MOST = 100_000_000  # as the format has it
PARTS = ("language model", "vision tower", "projector")
_VISUAL, _MERGER = "visual", ("merger", "deepstack_merger_list")  # names within both families' tensors


@dataclass(frozen=True, slots=True)
class Parameters:
    """
    Attributes:
        by_part: numbers in each of PARTS; tied weights, which a checkpoint holds once, count once.
    """

    by_part: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_part.values())

    def without(self, parts: tuple[str, ...]) -> int:
        return sum(number for part, number in self.by_part.items() if part not in parts)


def parameters_of(model: Path) -> Parameters | None:
    """
    Args:
        model: checkpoint folder.

    Returns:
        None where it holds no safetensors file.

    Raises:
        UserError: one of them is cut off or something else.
    """
    counts = dict.fromkeys(PARTS, 0)
    paths = sorted(model.glob("*.safetensors"))
    for path in paths:
        for name, shape in _shapes(path).items():
            counts[_part_of(name)] += math.prod(shape)
    return Parameters(counts) if paths else None


def _shapes(path: Path) -> dict[str, list[int]]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        header = file.read(length) if length <= HEADER_BYTES_MOST else b""
    try:
        tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        return {name: [int(side) for side in entry["shape"]] for name, entry in tensors.items()}
    except (ValueError, AttributeError, TypeError, KeyError):
        raise UserError(f"model: '{path}' is no safetensors file, or is cut off: copy it again") from None


def _part_of(name: str) -> str:
    parts = name.split(".")
    if _VISUAL not in parts:
        return PARTS[0]
    return PARTS[2] if any(merger in parts for merger in _MERGER) else PARTS[1]
