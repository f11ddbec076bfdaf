#!/usr/bin/env python3
"""Prepares the RL data for verl: see data_prep/rl.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from data_prep.rl import main
from videokr.errors import exit_status

if __name__ == "__main__":
    sys.exit(exit_status(main))
