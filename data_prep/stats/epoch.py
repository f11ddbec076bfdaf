"""What one epoch over a file costs with the shipped settings: steps, tokens, decoding, disk for checkpoints.

Nothing here is a speed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_prep.stats.tokens import Mean, TokenLengths
from data_prep.stats.videos import FrameStats
from videokr.errors import UserError
from videokr.family import Family

SFT_FILE, GRPO_FILE = "llamafactory_plugin/configs/{family}_sft.yaml", "verl_plugin/config/videokr_grpo.yaml"
Settings = Mapping[str, Any]  # as the host names them

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


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of all rows that count and whose videos are known."""

    rows: int
    video: int  # that stand for patches; exact
    text: Mean | None  # of prompt, and in SFT response; from a sample, None without a model
    trained: Mean | None  # of these, what the loss is over; None but in SFT


@dataclass(frozen=True, slots=True)
class Decoding:
    """What is decoded: a row's videos once, for all rollouts of a prompt."""

    reads: int  # videos opened and decoded, a video as often as it is
    seconds: float | None = None  # of video in rows whose videos are known, as `frames`
    frames: int | None = None  # that are shown


@dataclass(frozen=True, slots=True)
class Disk:
    """What the checkpoints of one epoch take."""

    parameters: int
    trained: int  # of the parameters
    checkpoint_bytes: int
    formula: str  # how these come about
    saves: int
    kept: int  # of the checkpoints written, at the end
    end_bytes: int  # on the disk at the end
    most_bytes: int  # on the disk at any time


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of SFT."""

    settings: str  # the file that they are from
    gpus: int
    rows: int  # of GRPO prompts, of which the last that fill no batch are not asked
    batch_rows: int  # a step
    steps: int
    tokens: Tokens | None
    decoding: Decoding
    disk: Disk | None


@dataclass(frozen=True, slots=True)
class GrpoEpoch(Epoch):
    """One epoch of GRPO."""

    updates: int  # of the policy
    rollouts: int
    generated_most: int  # tokens of all rollouts together


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file, for its epoch."""

    rows: int  # that count
    videos: int  # in these rows
    shown: FrameStats | None = None  # None without a manifest
    family: Family | None = None  # whose video tokens count
    lengths: TokenLengths | None = None
    parameters: Mapping[str, int] | None = None  # of the model, by part
    gpus: int | None = None  # None: as many as the settings of GRPO say

    def tokens(self) -> Tokens | None:
        video = self.shown.tokens.get(self.family.name) if self.shown and self.family else None
        if video is None:
            return None
        text, trained = (self.lengths.text, self.lengths.trained) if self.lengths else (None, None)
        rows = video.count
        return Tokens(rows, int(video.total), text and text.times(rows), trained and trained.times(rows))

    def decoding(self, share: float = 1.0) -> Decoding:
        """What is decoded if this share of the rows is used."""
        reads = round(self.videos * share)
        if not self.shown or not self.shown.frames:
            return Decoding(reads)
        return Decoding(reads, self.shown.seconds * share, round(self.shown.frames.total * share))


def sft_epoch(known: Known, file: str, settings: Settings, devices: int) -> Epoch:
    """Counts an epoch of SFT with a file's settings, on so many devices where the user names none."""
    gpus = known.gpus or devices
    rows, accumulation = settings["per_device_train_batch_size"] * gpus, settings["gradient_accumulation_steps"]
    # transformers counts batches of all devices, the last of them filled up, and a step for each begun accumulation.
    steps = math.ceil(math.ceil(known.rows / rows) / accumulation)
    disk = _sft_disk(known.parameters, settings, steps) if known.parameters else None
    return Epoch(file, gpus, known.rows, rows * accumulation, steps, known.tokens(), known.decoding(), disk)


def grpo_epoch(known: Known, file: str, settings: Settings) -> GrpoEpoch:
    """Counts an epoch of GRPO."""
    data, model = settings["data"], settings["actor_rollout_ref"]
    batch = data["train_batch_size"]
    steps = known.rows // batch
    rollouts = steps * batch * model["rollout"]["n"]
    return GrpoEpoch(
        settings=file,
        gpus=known.gpus or grpo_devices(settings),
        rows=known.rows,
        batch_rows=batch,
        steps=steps,
        tokens=known.tokens(),
        decoding=known.decoding(steps * batch / known.rows if known.rows else 0.0),
        disk=_grpo_disk(known.parameters, settings, steps) if known.parameters else None,
        updates=steps * math.ceil(batch / model["actor"]["ppo_mini_batch_size"]),
        rollouts=rollouts,
        generated_most=rollouts * data["max_response_length"],
    )


def read_settings(file: str) -> Settings:
    """A settings file that a launcher reads, named as `package/path`."""
    import yaml

    package, _, name = file.partition("/")
    settings: Settings = yaml.safe_load(files(package).joinpath(name).read_text(encoding="utf-8"))
    return settings


def grpo_devices(settings: Settings) -> int:
    return int(settings["trainer"]["n_gpus_per_node"] * settings["trainer"]["nnodes"])


def parameters_of(model: Path) -> dict[str, int] | None:
    """Counts the parameters in each of PARTS from the headers of safetensors files: no weight is read.

    Tied weights, which a checkpoint holds once, count once. None where the folder holds no such file; UserError where
    one is cut off or something else.
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
                    counts[part_of(name.split("."))] += math.prod(map(int, tensor["shape"]))
        except (ValueError, AttributeError, TypeError, KeyError):
            raise UserError(f"model: '{path}' is no safetensors file, or is cut off: copy it again") from None
    return counts if paths else None


def part_of(words: list[str]) -> str:
    if _VISUAL not in words:
        return LANGUAGE_MODEL
    return PROJECTOR if _MERGERS.intersection(words) else VISION_TOWER


def _sft_disk(parameters: Mapping[str, int], settings: Settings, steps: int) -> Disk:
    total = sum(parameters.values())
    frozen = sum(parameters[part] for part, freeze in zip(PARTS, FREEZES, strict=True) if settings[freeze])
    trained = total - frozen
    checkpoint = WEIGHT_BYTES * total + MASTER_AND_MOMENTS_BYTES * trained + WEIGHT_BYTES * frozen
    formula = (
        f"{WEIGHT_BYTES} x {total:,} (bf16 weights)"
        f" + {MASTER_AND_MOMENTS_BYTES} x {trained:,} (trained: fp32 master and AdamW's two moments)"
        f" + {WEIGHT_BYTES} x {frozen:,} (frozen, bf16)"
    )
    saves = math.ceil(steps / settings["save_steps"])  # the last step's among them
    kept = min(saves, settings["save_total_limit"])
    end = kept * checkpoint + WEIGHT_BYTES * total  # and the model itself
    most = max(end, min(saves, kept + 1) * checkpoint)  # the oldest goes when the newest is there
    return Disk(total, trained, checkpoint, formula, saves, kept, end, most)


def _grpo_disk(parameters: Mapping[str, int], settings: Settings, steps: int) -> Disk:
    total = sum(parameters.values())
    number_bytes = TYPE_BYTES[settings["actor_rollout_ref"]["actor"]["fsdp_config"]["model_dtype"]]
    checkpoint = FSDP_NUMBERS * number_bytes * total
    formula = f"{FSDP_NUMBERS} x {number_bytes} x {total:,} (weights and AdamW's two moments, in one type)"
    saves = math.ceil(steps / settings["trainer"]["save_freq"])
    kept = min(saves, settings["trainer"]["max_actor_ckpt_to_keep"])  # verl makes room before it saves
    return Disk(total, total, checkpoint, formula, saves, kept, kept * checkpoint, kept * checkpoint)
