"""verl's trainer, with the user's mistakes in one line: `python -m verl_plugin.train [hydra arguments]`.

The host's own entry point and command line; only what ends a run differs: a UserError, raised here or in any of Ray's
workers, exits with status 2 and without a traceback.
"""

import os
import sys

from videokr.errors import UserError, exit_status


def main() -> int:
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # hydra would swallow the exception and print its own report
    from hydra.errors import HydraException, OverrideParseException
    from verl.trainer import main_ppo

    try:
        main_ppo.main()
    except OverrideParseException as error:
        raise UserError(f"argument '{error.override}': {' '.join(str(error).split())}") from None
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from None
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
