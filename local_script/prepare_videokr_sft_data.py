"""Turns VideoKR-COT-201K.jsonl into the JSON that LLaMA-Factory trains; see data_prep/prepare/sft.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from data_prep.prepare.sft import main
except ModuleNotFoundError as error:
    print(f"error: this Python has no {error.name}: take that of local_script/setup_env.sh sft", file=sys.stderr)
    sys.exit(2)
from videokr.errors import exit_status

if __name__ == "__main__":
    sys.exit(exit_status(main))
