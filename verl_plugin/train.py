"""verl's trainer, with the user's mistakes in one line: `python -m verl_plugin.train [hydra arguments]`.

The host's own entry point and command line; what differs is how a run ends, and that the reward's settings are looked
at before it begins: a UserError, raised here or in any of Ray's workers, exits with status 2 and without a traceback.
"""

import os
import sys
from pathlib import Path
from typing import Any

from videokr.errors import UserError, exit_status
from videokr.training_card import write_training_card


def main() -> int:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # hydra would swallow the exception and print its own report
    import hydra
    from hydra.errors import HydraException, OverrideParseException
    from verl.trainer import main_ppo

    from verl_plugin.dataset import run_budget
    from verl_plugin.reward_settings import check_reward

    def run(config: Any) -> None:
        check_reward(config.reward.custom_reward_function, os.environ)
        checkpoints = str(config.trainer.default_local_dir)
        if "://" not in checkpoints:
            write_training_card(Path(checkpoints), "rl", run_budget(config.data))
        main_ppo.main(config)  # hydra hands a configuration through that is there already

    try:
        hydra.main(config_path="pkg://verl.trainer.config", config_name="ppo_trainer", version_base=None)(run)()
    except OverrideParseException as error:
        raise UserError(f"argument '{error.override}': {' '.join(str(error).split())}") from None
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from None
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
