"""The settings of a run, looked through before Ray starts for what cannot work, or would be taken otherwise.

verl composes keys that nothing reads: they are of older trainers or of other engines, and a setting is accepted,
printed, and does nothing (verl pull request #7923 is about one of them). And it takes any text for true.
"""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verl_plugin.attention import choose_attention, find_family_of
from verl_plugin.batches import check_batches
from verl_plugin.cluster import loggers
from verl_plugin.video_patches import STRATEGIES
from videokr.environment import check_wandb_login, install_command
from videokr.errors import UserError
from videokr.family import context_tokens

_MODEL, _ACTOR, _ROLLOUT = "actor_rollout_ref.model", "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
_LEAVE_OUT = "leave it out"
# Keys that nothing reads in verl 0.9.1 as it is started here, and what to do instead.
UNREAD = {
    f"{_ACTOR}.grad_clip": f"give {_ACTOR}.optim.clip_grad",
    f"{_ACTOR}.use_prefix_grouper": _LEAVE_OUT,
    f"{_ROLLOUT}.multi_turn.num_repeat_rollouts": f"give {_ROLLOUT}.n",
    f"{_ROLLOUT}.over_sample_rate": _LEAVE_OUT,
    "actor_rollout_ref.nccl_timeout": _LEAVE_OUT,
    "algorithm.use_pf_ppo": _LEAVE_OUT,
    "data.return_full_prompt": _LEAVE_OUT,
    "data.return_multi_modal_inputs": "leave it out: they are made beside the rollouts, and never in the dataset",
    "data.return_raw_input_ids": _LEAVE_OUT,
    "trainer.balance_batch": "leave it out: batches are always balanced",
    "trainer.esi_redundant_time": _LEAVE_OUT,
}
# Of Megatron's adapters; FSDP has keys of its own, and verl's trainer looks at both.
UNREAD_UNDER_FSDP = {
    f"{_MODEL}.lora.rank": f"give {_MODEL}.lora_rank",
    f"{_MODEL}.lora.alpha": f"give {_MODEL}.lora_alpha",
    f"{_MODEL}.lora.exclude_modules": f"give {_MODEL}.exclude_modules",
    f"{_MODEL}.lora.target_modules": f"give {_MODEL}.target_modules",
    f"{_MODEL}.lora.adapter_path": "merge it by local_script/merge_videokr_checkpoint.sh, and give that folder",
    f"{_MODEL}.lora.freeze_vision_model": f"give {_ACTOR}.freeze_vision_tower or {_MODEL}.exclude_modules",
    f"{_MODEL}.lora.freeze_vision_projection": f"give {_MODEL}.exclude_modules",
    f"{_MODEL}.lora.freeze_language_model": f"give {_MODEL}.exclude_modules",
}
# Whole sections of before verl 0.8 -> where they went.
MOVED = {
    "custom_reward_function": "it went to reward.custom_reward_function",
    "reward_model": "it went to reward.reward_model, reward.reward_manager and reward.num_workers",
    "sandbox_fusion": "it went to reward.sandbox_fusion",
}
# What verl's loggers import, where it is not of their name; None: nothing that could be missing.
LOGGER_PACKAGES = {"console": None, "file": None, "vemlp_wandb": "volcengine_ml_platform"}


def check_keys(config: Any, shipped: Any) -> None:
    """Looks for keys that verl would accept and ignore, and for values of the wrong kind.

    Args:
        shipped: the same configuration without what the user set.

    Raises:
        UserError: a key is set that nothing reads, an adapter is to be trained on, or a value is a text where a number,
            true or false is read, or one of the latter where a number is.
    """
    from omegaconf import OmegaConf

    defaults = dict(_leaves(OmegaConf.to_container(shipped)))
    for key, raw in _leaves(OmegaConf.to_container(config)):
        section = key.partition(".")[0]
        if section not in shipped:
            raise UserError(f"{section} is read by nothing in verl 0.9.1: check the spelling of the whole key")
        default = defaults.get(key)
        if raw == default and type(raw) is type(default):
            continue
        value = OmegaConf.select(config, key)
        instead = MOVED.get(section) or UNREAD.get(key) or UNREAD_UNDER_FSDP.get(key)
        if instead:
            raise UserError(f"{key}={value} is read by nothing in verl 0.9.1: {instead}")
        if not isinstance(default, bool | int | float):
            continue
        is_switch = isinstance(default, bool)
        if isinstance(value, str) or (isinstance(value, bool) and not is_switch):
            raise UserError(f"{key}={value}: {'true or false' if is_switch else 'a number'} is needed")
    adapter = config.actor_rollout_ref.model.lora_adapter_path
    if adapter is not None:  # verl would hold the policy against the model under it, and loads none without lora_rank
        raise UserError(
            f"{_MODEL}.lora_adapter_path '{adapter}': the reference would be the model without it; merge it by "
            "local_script/merge_videokr_checkpoint.sh, and give that folder as MODEL_PATH"
        )


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{name}{key}.")
        else:
            yield f"{name}{key}", value


def check_settings(config: Any) -> None:
    """Settles the attention of a run, and looks at its settings, ours and verl's, without any machine.

    Raises:
        UserError: it cannot run so.
    """
    from hydra.errors import InstantiationException
    from torch import zeros
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn, get_policy_loss_fn, kl_penalty
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    check_loggers(loggers(config), os.environ)
    actor = config.actor_rollout_ref.actor
    if actor.strategy not in STRATEGIES:
        raise UserError(f"{_ACTOR}.strategy={actor.strategy}: the settings here are of {' and '.join(STRATEGIES)}")
    attention = choose_attention(config.actor_rollout_ref.model, actor.ulysses_sequence_parallel_size)
    family = find_family_of(config.actor_rollout_ref.model.path)
    rollout, keeps_state = config.actor_rollout_ref.rollout, bool(family and family.keeps_state)
    if keeps_state and rollout.enable_chunked_prefill is False:  # vLLM's prefix cache of such states would end the run
        raise UserError(f"{_ROLLOUT}.enable_chunked_prefill=false: vLLM wants it for this family; {_LEAVE_OUT}")
    if rollout.enable_chunked_prefill is None:
        rollout.enable_chunked_prefill = keeps_state
    check_batches(config)
    try:
        validate_config(config, need_reference_policy(config), need_critic(config))
        # These verl looks for after the first rollouts.
        get_adv_estimator_fn(config.algorithm.adv_estimator)
        get_policy_loss_fn(actor.policy_loss.loss_mode)
        kl_penalty(zeros(1), zeros(1), actor.kl_loss_type)
    except NotImplementedError:
        raise UserError(f"{_ACTOR}.kl_loss_type={actor.kl_loss_type}: verl has none of this name") from None
    except (AssertionError, ValueError, InstantiationException) as error:
        raise UserError(" ".join(str(error).split())) from None
    print(attention, flush=True)


def make_room(rollout: Any, data: Any, model: Path) -> None:
    """Gives vLLM as much context as a prompt and its response have, and room for both at once where it needs that.

    It does where prompts are not prefilled in pieces. verl 0.9.1 makes that room in a configuration that is frozen, and
    ends (verl pull request #7632); its context is all positions of the model, 262,144 of Qwen3-VL, and its room 8,192.
    """
    if not rollout.enable_chunked_prefill:
        longest = data.max_prompt_length + data.max_response_length
        if rollout.max_model_len is None:
            there = (context_tokens(model) if model.is_dir() else None) or longest
            rollout.max_model_len = min(longest, there)
        rollout.max_num_batched_tokens = max(rollout.max_num_batched_tokens, rollout.max_model_len)


def check_loggers(names: list[str], environment: Mapping[str, str]) -> None:
    """Looks whether each logger can be used.

    Raises:
        UserError: verl has no such logger, its package is not installed, or it has no key.
    """
    from verl.utils.tracking import Tracking

    for name in names:
        if name not in Tracking.supported_backend:
            known = ", ".join(Tracking.supported_backend)
            raise UserError(f"trainer.logger (TRAINER_LOGGER): verl has no '{name}'; it has {known}")
        package = LOGGER_PACKAGES.get(name, name)
        if package and find_spec(package) is None:
            raise UserError(
                f"trainer.logger (TRAINER_LOGGER): '{name}' needs the package '{package}', which is not in this "
                f"environment: {install_command(package)}"
            )
        if name == "wandb":
            check_wandb_login(environment)
