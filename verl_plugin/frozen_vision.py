"""The switch `actor_rollout_ref.actor.freeze_vision_tower`, which verl 0.9.1 takes and hands to no engine.

verl issues #2526 and #1346; pull request #3178 froze in an older engine. As there, all of `visual` is meant: the tower
and what projects its features.
"""

import os
from typing import Any

from verl_plugin.pixels import ENGINES, STRATEGIES
from videokr.errors import UserError

VARIABLE = "VIDEOKR_FREEZE_VISION_TOWER"  # in Ray's workers; not for users


def tell_engine(config: Any) -> None:
    """Puts the switch where each worker's engine of ours finds it.

    Raises:
        UserError: the run has another engine, which would train the tower.
    """
    from omegaconf import OmegaConf

    actor = config.actor_rollout_ref.actor
    if not actor.freeze_vision_tower:
        return
    if actor.strategy not in STRATEGIES or config.actor_rollout_ref.model.get("external_lib") not in ENGINES:
        raise UserError(
            f"actor_rollout_ref.actor.freeze_vision_tower=true is read by the engine verl_plugin.engine alone, with "
            f"strategy {' or '.join(STRATEGIES)}: leave it out, or give actor_rollout_ref.model.external_lib"
        )
    actor.fsdp_config.use_orig_params = True  # else FSDP1 takes no layer of which a part is frozen
    OmegaConf.update(config.ray_kwargs.ray_init, f"runtime_env.env_vars.{VARIABLE}", "1", force_add=True)


def freeze_if_told(model: Any) -> None:
    """Leaves the vision tower, and adapters in it, as they are; before a model is sharded and has an optimizer."""
    if os.environ.get(VARIABLE) == "1":
        tower = vision_tower(model)
        tower.requires_grad_(False)
        print(f"frozen: {sum(weight.numel() for weight in tower.parameters()):,} weights of the vision tower")


def vision_tower(model: Any) -> Any:
    """
    Raises:
        ValueError: the model has none.
    """
    for name, module in model.named_modules():
        if name.rpartition(".")[2] == "visual":
            return module
    raise ValueError(f"{type(model).__name__} has no vision tower")
