"""The environment that this process runs in."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from videokr.errors import UserError


def install_command(package: str) -> str:
    """What puts a package into it, as it can be typed. setup_env.sh installs uv beside the environment, if need be."""
    beside = Path(sys.prefix).parent / "uv" / "bin" / "uv"
    uv = str(beside) if not shutil.which("uv") and beside.is_file() else "uv"
    return shlex.join([uv, "pip", "install", "--python", sys.executable, package])


def check_wandb_login(environment: Mapping[str, str]) -> None:
    """Raises UserError where wandb would end the run when its first step is logged.

    Looks for what `wandb login` leaves, and for the variables that do without.
    """
    is_off = environment.get("WANDB_MODE", "") in ("offline", "disabled", "dryrun")
    netrc = Path(environment.get("NETRC", "~/.netrc")).expanduser()
    if not (is_off or environment.get("WANDB_API_KEY") or (netrc.is_file() and "wandb" in netrc.read_text("utf-8"))):
        raise UserError("wandb has no key: set WANDB_API_KEY, run wandb login, or set WANDB_MODE=offline")
