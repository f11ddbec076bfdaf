"""verl's trainer, with the user's mistakes in one line: `python -m verl_plugin.train [hydra arguments]`.

The host's own entry point and command line. What differs:

- A UserError, raised here or in any of Ray's workers, exits with status 2 and without a traceback. Where a process or a
  node is gone, a line names it.
- What the run asks for is looked at before it begins: verl_plugin/settings.py, the reward's settings, the machines, and
  what its folder holds: verl_plugin/run_folder.py.
- Paths and variables mean the same in all of Ray's processes: verl_plugin/cluster.py.
"""

import os
import sys
from pathlib import Path
from typing import Any

from videokr.errors import UserError, exit_status


def main() -> int:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # hydra would swallow the exception and print its own report
    import hydra
    import ray
    from hydra import compose
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException, OverrideParseException
    from ray.exceptions import RayError
    from verl.trainer import main_ppo

    from verl_plugin.cluster import (
        check_machines,
        make_paths_absolute,
        run_variables,
        tell_engine,
        tell_ray,
        what_died,
    )
    from verl_plugin.reward_settings import check_reward
    from verl_plugin.run_folder import say_if_nothing_was_left, take_up
    from verl_plugin.settings import check_keys, check_settings, make_room

    def run(config: Any) -> None:
        check_keys(config, compose(HydraConfig.get().job.config_name))
        model = Path(config.actor_rollout_ref.model.path).expanduser()
        make_room(config.actor_rollout_ref.rollout, config.data, model)
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
    except UserError:  # in one of Ray's workers it is an error of Ray's, too
        raise
    except RayError:
        died = what_died()
        if died is None:
            raise
        ray.shutdown()  # what its processes still have to say comes before
        print(f"error: {died}; the same command goes on from the last checkpoint", file=sys.stderr)
        return 1
    except OverrideParseException as error:
        raise UserError(f"argument '{error.override}': {' '.join(str(error).split())}") from None
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from None
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
