"""verl's trainer, with the user's mistakes in one line: `python -m verl_plugin.train [hydra arguments]`.

The host's own entry point and command line. What differs:

- A UserError, raised here or in any of Ray's workers, exits with status 2 and without a traceback.
- What the run asks for is looked at before it begins: verl_plugin/settings.py, the reward's settings, the machines, and
  what its folder holds: verl_plugin/run_folder.py.
- A key that verl composes and nothing reads is refused: verl_plugin/unread_keys.py.
- Paths and variables mean the same in all of Ray's processes: verl_plugin/cluster.py.
- Where prompts are not prefilled in pieces, vLLM wants room for one prompt and its response at once. verl 0.9.1 makes
  that room in a configuration that is frozen, and ends (verl pull request #7632; 8,192 tokens are its default, the
  recipe has 18,432).
"""

import os
import sys
from typing import Any

from videokr.errors import UserError, exit_status


def main() -> int:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # hydra would swallow the exception and print its own report
    import hydra
    from hydra import compose
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException, OverrideParseException
    from verl.trainer import main_ppo

    from verl_plugin.cluster import check_machines, make_paths_absolute, run_variables, tell_ray
    from verl_plugin.frozen_vision import tell_engine
    from verl_plugin.reward_settings import check_reward
    from verl_plugin.run_folder import say_if_nothing_was_left, take_up
    from verl_plugin.settings import check_kinds, check_settings
    from verl_plugin.unread_keys import refuse_unread_keys

    def run(config: Any) -> None:
        shipped = compose(HydraConfig.get().job.config_name)
        refuse_unread_keys(config, shipped)
        check_kinds(config, shipped)
        refuse_adapter(config.actor_rollout_ref.model)
        make_room(config.actor_rollout_ref.rollout, config.data)
        make_paths_absolute(config)
        variables = run_variables(config, os.environ)
        tell_ray(config.ray_kwargs.ray_init, variables)
        check_reward(config.reward.custom_reward_function, os.environ)
        check_settings(config)
        tell_engine(config)
        check_machines(config, variables)
        begun = take_up(config, os.environ)
        if begun is not None:
            main_ppo.main(config)  # hydra hands a configuration through that is there already
            say_if_nothing_was_left(config, begun)

    try:
        hydra.main(config_path="pkg://verl.trainer.config", config_name="ppo_trainer", version_base=None)(run)()
    except OverrideParseException as error:
        raise UserError(f"argument '{error.override}': {' '.join(str(error).split())}") from None
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from None
    return 0


def refuse_adapter(model: Any) -> None:
    """
    Raises:
        UserError: an adapter is to be trained on. verl would hold the policy against the model under it, and does not
            load it at all without lora_rank.
    """
    if model.lora_adapter_path is not None:
        raise UserError(
            f"actor_rollout_ref.model.lora_adapter_path '{model.lora_adapter_path}': the reference would be the model "
            "without it; merge it by local_script/merge_videokr_checkpoint.sh, and give that folder as MODEL_PATH"
        )


def make_room(rollout: Any, data: Any) -> None:
    """Raises `max_num_batched_tokens` to a prompt and its response, where vLLM needs that."""
    if not rollout.enable_chunked_prefill:
        longest = data.max_prompt_length + data.max_response_length
        rollout.max_num_batched_tokens = max(rollout.max_num_batched_tokens, longest)


if __name__ == "__main__":
    sys.exit(exit_status(main))
