"""Jobs of the SLURM templates on this machine: tests/support/slurm stands in for SLURM, two nodes on the loopback."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from checkout import ROOT

PAGE = ROOT / "docs" / "cluster.md"
MARK = "CLUSTER_ENV"  # names a file of the test's own: which processes are its job's


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ray_on_the_loopback(folder: Path, cpus: int) -> tuple[str, ...]:
    """Lines of the cluster's file by which Ray's two nodes can be told apart; its workers wait no longer than others.

    Args:
        folder: for Ray's own files; its name has to be short.
    """
    own = f"--num-cpus={cpus} --num-gpus=1 --node-ip-address=127.0.0.$((${{SLURM_PROCID:-0}} + 1))"
    ray = f"RAY_AUTH_MODE=disabled RAY_worker_niceness=0 RAY_TMPDIR={folder}"
    return (f'RAY_START_FLAGS="{own}"', ray, "unset RAY_ADDRESS")


def job_variables(folder: Path, *lines: str) -> dict[str, str]:
    """The environment of an `sbatch`, and the cluster's file of variables that it names."""
    own = ["MASTER_ADDR=127.0.0.1", f"MASTER_PORT={free_port()}", f"JOB_FOLDER={folder / 'jobs'}", "GRACE_SECONDS=5"]
    (folder / "cluster.env").write_text("\n".join([*own, *lines, ""]), encoding="utf-8")
    path = f"{ROOT / 'tests' / 'support' / 'slurm'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, MARK: str(folder / "cluster.env")}


def processes(variables: dict[str, str], title: str = "", **own: str) -> list[int]:
    """The processes of a job that have these variables, and a title (of Ray's workers: ray::TASK) in their command."""
    wanted = {f"{name}={value}".encode() for name, value in {MARK: variables[MARK], **own}.items()}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            has_variables = wanted <= set((entry / "environ").read_bytes().split(b"\0"))
            if has_variables and title.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it has ended, or is another's
            continue
    return found


def nodes(variables: dict[str, str], *names: str) -> list[int]:
    """All process groups of nodes, as os.kill takes them: Ray's agents are in them, which hide their variables."""
    found = set()
    for process in (each for name in names for each in processes(variables, SLURMD_NODENAME=name)):
        with suppress(ProcessLookupError):
            found.add(-os.getpgid(process))
    return list(found)


def kill_when(job: "subprocess.Popen[str]", is_time: Callable[[], bool], find: Callable[[], list[int]]) -> str:
    """Kills what is found in a job once it is time, or the job has ended; what the job said."""
    with job:
        while not is_time() and job.poll() is None:
            time.sleep(0.02)
        for process in find():
            with suppress(ProcessLookupError):  # what it waited for is gone
                os.kill(process, signal.SIGKILL)
        return job.communicate()[0]
