"""Digests that tell one model or one data file from another."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from videokr.errors import UserError

# What decides how a checkpoint answers; a run's own notes beside it (trainer_state.json and the like) do not.
_MODEL_FILES = (
    "config.json", "generation_config.json", "adapter_config.json", "*processor*.json", "*token*.json", "vocab.json",
    "merges.txt", "*.jinja", "*.safetensors",
)  # fmt: skip
_LENGTH_BYTES = 8  # a safetensors file begins with the length of its JSON header, little-endian
_TENSOR_BYTES = 1 << 16


def model_fingerprint(folder: Path) -> str:
    """SHA-256 that tells a checkpoint from another without reading all of its weights.

    Of small files it takes everything; of safetensors the header and the first 64 KiB of every tensor, so that a model
    of which only some layers were trained is another one.

    Raises:
        UserError: a file of weights is cut short.
    """
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        if path.suffix != ".safetensors":
            digest.update(path.read_bytes())
            continue
        try:
            for piece in _heads_of_tensors(path):
                digest.update(piece)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"weights '{path}' cannot be read ({error}): are they whole?") from None
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _heads_of_tensors(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > path.stat().st_size:
            raise ValueError(f"a header of {length} bytes")
        header = file.read(length)
        pieces = [header]
        begin = _LENGTH_BYTES + len(header)
        spans = (about["data_offsets"] for name, about in json.loads(header).items() if name != "__metadata__")
        for first, last in sorted(spans):
            file.seek(begin + first)
            pieces.append(file.read(min(last - first, _TENSOR_BYTES)))
    return pieces


def report_changes(differs: Mapping[str, bool], base: str) -> str:
    """How many tensors of a merged model are not those of its base, over all and in each part of the model.

    Args:
        differs: by the tensors' names.
        base: for the reader.

    Raises:
        UserError: none differs, so that the merged model is the one before training.
    """
    if not any(differs.values()):
        raise UserError(
            f"not one of {len(differs)} tensors differs from '{base}': this is the model before training, and is not "
            "written; merge a checkpoint of a run that has learnt"
        )
    part_of = {name: name.removeprefix("model.").split(".")[0] for name in differs}
    parts, changed = Counter(part_of.values()), Counter(part_of[name] for name, other in differs.items() if other)
    each = ", ".join(f"{part} {changed[part]} of {parts[part]}" for part in sorted(parts))
    return f"{changed.total()} of {len(differs)} tensors differ from '{base}': {each}"
