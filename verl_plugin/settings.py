"""The settings of a run, looked through before Ray starts for what cannot work."""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from verl_plugin.attention import choose_attention
from verl_plugin.batches import check_batches
from verl_plugin.cluster import loggers
from verl_plugin.pixels import STRATEGIES
from videokr.environment import check_wandb_login, install_command
from videokr.errors import UserError

_ACTOR = "actor_rollout_ref.actor"
# What verl's loggers import, where it is not of their name; None: nothing that could be missing.
LOGGER_PACKAGES = {"console": None, "file": None, "vemlp_wandb": "volcengine_ml_platform"}


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


def check_kinds(config: Any, shipped: Any) -> None:
    """
    Args:
        shipped: the same configuration without what the user set.

    Raises:
        UserError: a text where a number, true or false is read, or one of the latter where a number is; verl takes any
            text for true, and true for 1.
    """
    from omegaconf import OmegaConf

    for key, default in _leaves(OmegaConf.to_container(shipped)):
        value = OmegaConf.select(config, key) if isinstance(default, bool | int | float) else None
        is_switch = isinstance(default, bool)
        if isinstance(value, str) or (isinstance(value, bool) and not is_switch):
            kind = "true or false" if is_switch else "a number"
            raise UserError(f"{key}={value}: {kind} is needed")


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{name}{key}.")
        else:
            yield f"{name}{key}", value


def check_loggers(names: list[str], environment: Mapping[str, str]) -> None:
    """
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
