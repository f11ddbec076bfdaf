"""The settings that the project ships for training, read out of the files that the launchers read."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from videokr.errors import UserError
from videokr.family import Family

SFT_ROOM, SFT_FILE = "llamafactory_plugin", "configs/{}_sft.yaml"
GRPO_ROOM, GRPO_FILE = "verl_plugin", "config/videokr_grpo.yaml"
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}  # a number of each type


@dataclass(frozen=True, slots=True)
class SftSettings:
    """
    Attributes:
        file: they are from.
        rows_a_device: at a time; accumulation: of so many makes a step on each device.
        save_steps: steps from one checkpoint to the next; kept: checkpoints, the older ones being deleted; None: all.
        saves_optimizer: whether a checkpoint holds what training needs to go on.
        frozen: parts of the model (`parameters.PARTS`) that are not trained.
    """

    file: str
    rows_a_device: int
    accumulation: int
    save_steps: int
    kept: int | None
    saves_optimizer: bool
    frozen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrpoSettings:
    """
    Attributes:
        file: they are from.
        devices: on all nodes together.
        batch_prompts: a step; mini_batch_prompts: an update of the policy.
        rollouts: a prompt; response_tokens: of one, at most.
        save_steps: steps from one checkpoint to the next; kept: checkpoints; None: all.
        bytes_a_number: of weights and of the optimizer's states, which have the weights' type.
    """

    file: str
    devices: int
    batch_prompts: int
    mini_batch_prompts: int
    rollouts: int
    response_tokens: int
    save_steps: int
    kept: int | None
    bytes_a_number: int


def require_yaml() -> None:
    """
    Raises:
        UserError: it is not installed.
    """
    if find_spec("yaml") is None:
        raise UserError("the settings need PyYAML: pip install 'videokr[data]'")


def sft_settings(family: Family) -> SftSettings:
    name = SFT_FILE.format(family.name)
    read = _read(SFT_ROOM, name)
    freezes = {
        "vision tower": read["freeze_vision_tower"],
        "projector": read["freeze_multi_modal_projector"],
        "language model": read["freeze_language_model"],
    }
    return SftSettings(
        file=f"{SFT_ROOM}/{name}",
        rows_a_device=read["per_device_train_batch_size"],
        accumulation=read["gradient_accumulation_steps"],
        save_steps=read["save_steps"],
        kept=read.get("save_total_limit"),
        saves_optimizer=not read["save_only_model"],
        frozen=tuple(part for part, is_frozen in freezes.items() if is_frozen),
    )


def grpo_settings() -> GrpoSettings:
    read = _read(GRPO_ROOM, GRPO_FILE)
    data, actor, trainer = read["data"], read["actor_rollout_ref"]["actor"], read["trainer"]
    return GrpoSettings(
        file=f"{GRPO_ROOM}/{GRPO_FILE}",
        devices=trainer["n_gpus_per_node"] * trainer["nnodes"],
        batch_prompts=data["train_batch_size"],
        mini_batch_prompts=actor["ppo_mini_batch_size"],
        rollouts=read["actor_rollout_ref"]["rollout"]["n"],
        response_tokens=data["max_response_length"],
        save_steps=trainer["save_freq"],
        kept=trainer.get("max_actor_ckpt_to_keep"),
        bytes_a_number=BYTES[actor["fsdp_config"]["model_dtype"]],
    )


def _read(room: str, name: str) -> Mapping[str, Any]:
    import yaml

    read: Mapping[str, Any] = yaml.safe_load(files(room).joinpath(name).read_text(encoding="utf-8"))
    return read
