"""The environment that this process runs in."""

import shlex
import shutil
import sys
from pathlib import Path


def install_command(package: str) -> str:
    """What puts a package into it, as it can be typed. setup_env.sh installs uv beside the environment, if need be."""
    beside = Path(sys.prefix).parent / "uv" / "bin" / "uv"
    uv = str(beside) if not shutil.which("uv") and beside.is_file() else "uv"
    return shlex.join([uv, "pip", "install", "--python", sys.executable, package])
