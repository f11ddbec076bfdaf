"""Jobs of the SLURM templates on this machine: tests/support/slurm stands in for SLURM, two nodes on the loopback."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from checkout import ROOT

PAGE = ROOT / "docs" / "cluster.md"
MARK = "CLUSTER_ENV"  # names a file of the test's own: which processes are its job's


def ray_on_the_loopback(folder: Path, cpus: int) -> tuple[str, ...]:
    """Lines of the cluster's file by which Ray's two nodes can be told apart.

    Args:
        folder: for Ray's own files; its name has to be short.
    """
    own = f"--num-cpus={cpus} --num-gpus=1 --node-ip-address=127.0.0.$((${{SLURM_PROCID:-0}} + 1))"
    return (f'RAY_START_FLAGS="{own}"', "RAY_AUTH_MODE=disabled", f"RAY_TMPDIR={folder}", "unset RAY_ADDRESS")


def job_variables(folder: Path, *lines: str) -> dict[str, str]:
    """The environment of an `sbatch`, and the cluster's file of variables that it names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = ["MASTER_ADDR=127.0.0.1", f"MASTER_PORT={port}", f"JOB_FOLDER={folder / 'jobs'}", "GRACE_SECONDS=5", *lines]
    (folder / "cluster.env").write_text("\n".join([*own, ""]), encoding="utf-8")
    path = f"{ROOT / 'tests' / 'support' / 'slurm'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, MARK: str(folder / "cluster.env")}


def processes(variables: dict[str, str], **own: str) -> list[int]:
    """The processes of a job that have these variables, too."""
    wanted = {f"{name}={value}".encode() for name, value in {MARK: variables[MARK], **own}.items()}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
        except OSError:  # it has ended, or is another's
            continue
    return found


def named(start: str, variables: dict[str, str], **own: str) -> list[int]:
    """Those of them whose command line holds this."""
    found = processes(variables, **own)
    return [one for one in found if start.encode() in Path(f"/proc/{one}/cmdline").read_bytes()]


def kill_when(job: "subprocess.Popen[str]", is_time: Callable[[], bool], find: Callable[[], list[int]]) -> str:
    """Kills what is found in a job once it is time, or the job has ended; what the job said."""
    with job:
        while not is_time() and job.poll() is None:
            time.sleep(0.02)
        for process in find():
            os.kill(process, signal.SIGKILL)
        return job.communicate()[0]
