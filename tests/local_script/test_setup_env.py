import shutil
import subprocess
import time

import pytest
from checkout import ROOT


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


@pytest.mark.parametrize(("driver", "is_old"), [("570.124.06", True), ("580.65.06", False), ("", False)])
def test_an_old_driver_is_named_before_anything_is_downloaded(tmp_path, driver, is_old):
    """In a copy, with an nvidia-smi and a uv of its own, which finds no Python."""
    shutil.copytree(ROOT / "local_script", tmp_path / "local_script")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, does in (("nvidia-smi", f"echo {driver}" if driver else "exit 9"), ("uv", '[ "$1" = --version ]')):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(tmp_path / "local_script" / "setup_env.sh"), "rl"],
        capture_output=True,
        text=True,
        env={"PATH": f"{tools}:/usr/bin:/bin"},
    )
    named = "the GPU's driver is 570.124.06, and torch for CUDA 13 needs 580.65" if is_old else "no Python 3.11"
    assert done.returncode == 2 and done.stderr.startswith(f"error: {named}") and done.stderr.count("\n") == 1


@pytest.mark.skipif(not (ROOT / ".venvs/dev/videokr-fingerprint").is_file(), reason="setup_env.sh dev has not been run")
def test_at_once_when_nothing_changed():
    setup_env("dev")
    start = time.monotonic()
    result = setup_env("dev")
    assert time.monotonic() - start < 1.0
    assert result.returncode == 0
    assert "up to date" in result.stdout
