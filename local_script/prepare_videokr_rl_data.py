#!/usr/bin/env python3
"""Prepares the RL data for verl: see data_prep/prepare/rl.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from data_prep.prepare.rl import main
except ModuleNotFoundError as error:
    print(f"error: this Python has no {error.name}: take that of local_script/setup_env.sh rl", file=sys.stderr)
    sys.exit(2)
from videokr.errors import exit_status

if __name__ == "__main__":
    sys.exit(exit_status(main))
