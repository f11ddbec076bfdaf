"""How many parameters a checkpoint has, and the disk that the checkpoints of an epoch take."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.errors import UserError

LENGTH_BYTES = 8  # of a safetensors header, little-endian, at the start of the file
MAX_HEADER_BYTES = 100_000_000  # as the format has it
LANGUAGE_MODEL, VISION_TOWER, PROJECTOR = PARTS = ("language model", "vision tower", "projector")
FREEZES = ("freeze_language_model", "freeze_vision_tower", "freeze_multi_modal_projector")  # settings, as PARTS
_VISUAL, _MERGERS = "visual", {"merger", "deepstack_merger_list"}  # in names of both families' tensors

# DeepSpeed ZeRO-3 in bf16 writes a gathered copy of all weights, for each trained parameter a float32 master and
# AdamW's two float32 moments, and frozen ones once more. verl's FSDP writes weights and two moments in one type.
WEIGHT_BYTES = 2
MASTER_AND_MOMENTS_BYTES = 12
FSDP_NUMBERS = 3
TYPE_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}


def parameters_of(model: Path) -> dict[str, int] | None:
    """Counts the parameters in each of PARTS from the headers of safetensors files: no weight is read.

    Tied weights, which a checkpoint holds once, count once. None where the folder holds no such file.

    Raises:
        UserError: one of them is cut off or something else.
    """
    counts = dict.fromkeys(PARTS, 0)
    paths = sorted(model.glob("*.safetensors"))
    for path in paths:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            header = file.read(length) if length <= MAX_HEADER_BYTES else b""
        try:
            for name, tensor in json.loads(header).items():
                if name != "__metadata__":
                    counts[_part_of(name.split("."))] += math.prod(map(int, tensor["shape"]))
        except (ValueError, AttributeError, TypeError, KeyError):
            raise UserError(f"model: '{path}' is no safetensors file, or is cut off: copy it again") from None
    return counts if paths else None


def _part_of(words: list[str]) -> str:
    if _VISUAL not in words:
        return LANGUAGE_MODEL
    return PROJECTOR if _MERGERS.intersection(words) else VISION_TOWER


@dataclass(frozen=True, slots=True)
class Disk:
    """What the checkpoints of one epoch take.

    Attributes:
        parameters, trained: of the model.
        checkpoint_bytes: one checkpoint; formula: how it comes about.
        saves: checkpoints written; kept: that are there at the end.
        end_bytes: on the disk at the end; most_bytes: at any time.
        keep_fewer: the setting that would keep fewer; None where one is set.
    """

    parameters: int
    trained: int
    checkpoint_bytes: int
    formula: str
    saves: int
    kept: int
    end_bytes: int
    most_bytes: int
    keep_fewer: str | None


def sft_disk(parameters: Mapping[str, int], settings: Mapping[str, Any], steps: int) -> Disk:
    total = sum(parameters.values())
    frozen = sum(parameters[part] for part, freeze in zip(PARTS, FREEZES, strict=True) if settings[freeze])
    trained = total - frozen
    checkpoint = WEIGHT_BYTES * total
    formula = f"{WEIGHT_BYTES} x {total:,} (bf16 weights)"
    if not settings["save_only_model"]:
        checkpoint += MASTER_AND_MOMENTS_BYTES * trained + WEIGHT_BYTES * frozen
        formula += (
            f" + {MASTER_AND_MOMENTS_BYTES} x {trained:,} (trained: fp32 master and AdamW's two moments)"
            f" + {WEIGHT_BYTES} x {frozen:,} (frozen, bf16)"
        )
    saves = math.ceil(steps / settings["save_steps"])  # the last step's among them
    kept, unset = _kept(settings, "save_total_limit", saves)
    end = kept * checkpoint + WEIGHT_BYTES * total  # and the model itself
    most = max(end, min(saves, kept + 1) * checkpoint)  # the oldest goes when the newest is there
    return Disk(total, trained, checkpoint, formula, saves, kept, end, most, unset)


def grpo_disk(parameters: Mapping[str, int], settings: Mapping[str, Any], steps: int) -> Disk:
    total = sum(parameters.values())
    number_bytes = TYPE_BYTES[settings["actor_rollout_ref"]["actor"]["fsdp_config"]["model_dtype"]]
    checkpoint = FSDP_NUMBERS * number_bytes * total
    formula = f"{FSDP_NUMBERS} x {number_bytes} x {total:,} (weights and AdamW's two moments, in one type)"
    trainer = settings["trainer"]
    saves = math.ceil(steps / trainer["save_freq"]) if trainer["save_freq"] > 0 else 0
    kept, unset = _kept(trainer, "max_actor_ckpt_to_keep", saves)
    most = min(saves, max(kept, 2)) * checkpoint  # verl makes room before it saves, if it keeps two or more
    return Disk(total, total, checkpoint, formula, saves, kept, kept * checkpoint, most, unset and f"trainer.{unset}")


def _kept(settings: Mapping[str, Any], setting: str, saves: int) -> tuple[int, str | None]:
    """How many checkpoints are there at the end, and the name of the setting where it is not set and all are."""
    limit = settings.get(setting)
    return (saves, setting) if limit is None else (min(saves, limit), None)
