"""Keys of verl 0.9.1's configuration that compose, and that nothing reads in a run as it is started here.

They are of older trainers or of other engines: a setting that is accepted, printed, and does nothing.
"""

from collections.abc import Iterator
from typing import Any

from verl_plugin.pixels import STRATEGIES
from videokr.errors import UserError

_MODEL, _ACTOR, _ROLLOUT = "actor_rollout_ref.model", "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
_LEAVE_OUT = "leave it out"
# Key -> verl's default, and what to do instead.
UNREAD: dict[str, tuple[Any, str]] = {
    f"{_ACTOR}.grad_clip": (1.0, f"give {_ACTOR}.optim.clip_grad"),  # verl pull request #7923
    f"{_ACTOR}.use_prefix_grouper": (False, _LEAVE_OUT),
    f"{_ROLLOUT}.multi_turn.num_repeat_rollouts": (None, f"give {_ROLLOUT}.n"),
    f"{_ROLLOUT}.over_sample_rate": (0, _LEAVE_OUT),
    "actor_rollout_ref.nccl_timeout": (600, _LEAVE_OUT),
    "algorithm.use_pf_ppo": (False, _LEAVE_OUT),
    "data.return_full_prompt": (False, _LEAVE_OUT),
    "data.return_multi_modal_inputs": (
        True,
        "leave it out: they are made beside the rollouts, and never in the dataset",
    ),
    "data.return_raw_input_ids": (False, _LEAVE_OUT),
    "trainer.balance_batch": (True, "leave it out: batches are always balanced"),
    "trainer.esi_redundant_time": (0, _LEAVE_OUT),
}
# Of Megatron's adapters; FSDP has keys of its own, and verl's trainer looks at both.
UNREAD_UNDER_FSDP: dict[str, tuple[Any, str]] = {
    f"{_MODEL}.lora.rank": (0, f"give {_MODEL}.lora_rank"),
    f"{_MODEL}.lora.alpha": (32, f"give {_MODEL}.lora_alpha"),
    f"{_MODEL}.lora.exclude_modules": ([], f"give {_MODEL}.exclude_modules"),
    f"{_MODEL}.lora.target_modules": (
        ["linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"],
        f"give {_MODEL}.target_modules",
    ),
    f"{_MODEL}.lora.adapter_path": (None, f"give {_MODEL}.lora_adapter_path"),
    f"{_MODEL}.lora.freeze_vision_model": (True, f"give {_ACTOR}.freeze_vision_tower or {_MODEL}.exclude_modules"),
    f"{_MODEL}.lora.freeze_vision_projection": (True, f"give {_MODEL}.exclude_modules"),
    f"{_MODEL}.lora.freeze_language_model": (True, f"give {_MODEL}.exclude_modules"),
}
# Whole sections of before verl 0.8 -> where they went. All of their defaults are null.
MOVED = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model": "reward.reward_model, reward.reward_manager and reward.num_workers",
    "sandbox_fusion": "reward.sandbox_fusion",
}


def refuse_unread_keys(config: Any, shipped: Any) -> None:
    """
    Args:
        shipped: the same configuration without what the user set.

    Raises:
        UserError: a key is set that nothing reads; names it and what to give.
    """
    from omegaconf import OmegaConf

    for section in config:
        if section not in shipped:
            raise UserError(f"{section} is read by nothing in verl 0.9.1: check the spelling of the whole key")
    for section, moved in MOVED.items():
        for key in _set_leaves(config.get(section), section):
            raise UserError(f"{key} is read by nothing in verl 0.9.1: it went to {moved}")
    is_fsdp = config.actor_rollout_ref.actor.strategy in STRATEGIES
    for key, (default, instead) in {**UNREAD, **(UNREAD_UNDER_FSDP if is_fsdp else {})}.items():
        value = OmegaConf.select(config, key)
        if value != default:
            raise UserError(f"{key}={value} is read by nothing in verl 0.9.1: {instead}")


def _set_leaves(section: Any, name: str) -> Iterator[str]:
    from omegaconf import OmegaConf

    for key, value in (section or {}).items():
        if OmegaConf.is_dict(value):
            yield from _set_leaves(value, f"{name}.{key}")
        elif value is not None:
            yield f"{name}.{key}"
