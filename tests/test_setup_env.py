import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def setup_env(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "local_script" / "setup_env.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no stage given"),
        (["--cpu"], "no stage given"),
        (["train"], "unknown stage or flag 'train'"),
        (["sft", "--gpu"], "unknown stage or flag '--gpu'"),
        (["sft", "rl"], "one stage at a time"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(arguments, message):
    result = setup_env(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr and "usage:" in result.stderr


@pytest.mark.skipif(not (ROOT / ".venvs/dev/videokr-fingerprint").is_file(), reason="setup_env.sh dev has not been run")
def test_at_once_when_nothing_changed():
    setup_env("dev")
    start = time.monotonic()
    result = setup_env("dev")
    assert time.monotonic() - start < 1.0
    assert result.returncode == 0
    assert "up to date" in result.stdout
