"""The three hosts' captures, each run in its own environment."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from tqdm import tqdm

from videokr.capture.request import Request
from videokr.errors import USER_ERROR_STATUS, UserError

# One vLLM engine in the capture's own process, where it can be watched.
ALWAYS = {"HF_HUB_OFFLINE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
ON_CPU = {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VERL_PLATFORM": "cpu",
}
CAPTURES = "videokr.captures"  # group of entry points: pyproject.toml
LOG_LINES = 15  # of a capture that failed
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Host:
    """
    Attributes:
        stage: name of its environment, as local_script/setup_env.sh builds it, and of its capture among entry points.
        reports: the names that the capture reports under, and how they are shown.
    """

    stage: str
    reports: Mapping[str, str]

    @property
    def module(self) -> str:
        """The module that captures what the host makes of records, run by its environment's Python."""
        return entry_points(group=CAPTURES)[self.stage].value


HOSTS = (
    Host("sft", {"sft": "SFT"}),
    Host("rl", {"rl_rollout": "RL, vLLM", "rl_trainer": "RL, trainer"}),
    Host("eval", {"eval_vllm": "eval, vLLM", "eval_hf": "eval, HF"}),
)


class HostError(Exception):
    """A host failed, by no mistake of the user's."""


def python_of(stage: str, environments: Path) -> Path:
    """
    Raises:
        UserError: the environment is not there.
    """
    python = environments / stage / "bin" / "python"
    if not python.is_file():
        raise UserError(f"'{python}' is not there: run bash local_script/setup_env.sh {stage}")
    return python


def call_hosts(request: Request, environments: Path) -> None:
    """Runs all hosts at once, and ends the others when one of them fails.

    Raises:
        UserError: a capture met a mistake of the user's; its own words.
        HostError: a capture failed; the end of its log.
    """
    pythons = {host.stage: python_of(host.stage, environments) for host in HOSTS}
    asked = request.write()
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for host in HOSTS:
            with log_of(request, host).open("wb") as log:
                running[host.stage] = subprocess.Popen(
                    [pythons[host.stage], "-m", host.module, asked],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=Path(__file__).parents[3],
                    env={**os.environ, **ALWAYS, **(ON_CPU if request.cpu else {})},
                )
        with tqdm(total=len(HOSTS), desc="asking the hosts", unit="host", disable=None) as progress:
            waiting = list(HOSTS)
            while waiting:
                for host in [host for host in waiting if running[host.stage].poll() is not None]:
                    check(host, running[host.stage].returncode, log_of(request, host))
                    waiting.remove(host)
                    progress.update()
                time.sleep(POLL_SECONDS)
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def log_of(request: Request, host: Host) -> Path:
    return request.output / f"{host.stage}.log"


def check(host: Host, status: int, log: Path) -> None:
    """
    Raises:
        UserError, HostError: as `call_hosts`.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if status == USER_ERROR_STATUS and lines:
        said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1])
        raise UserError(said.removeprefix("error: "))
    if status:
        tail = "\n".join(lines[-LOG_LINES:])
        ended = (
            f"was killed by signal {-status} (9: too little memory?)" if status < 0 else f"failed with status {status}"
        )
        raise HostError(f"{host.module} {ended}; its log ends:\n{tail}")
