"""The SLURM templates, before a framework is started: what has to be the same on all nodes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT
from slurm_job import job_variables


def submit(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """SFT on two nodes whose launcher prints its command alone; a folder is open in both as file 7, as a model."""
    here, more = folder / "here" / "llamafactory", folder / "more" / "other-1.0.dist-info"
    here.mkdir(parents=True)
    (here / "__init__.py").touch()
    more.mkdir(parents=True)
    (more / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    own = {"VIDEOKR_PYTHON": sys.executable, "PYTHONPATH": str(here.parent), "MODEL_NAME_OR_PATH": "/proc/self/fd/7"}
    script = 'exec 7<"$0"; exec sbatch --nodes=2 local_script/slurm/sft.sh "$@"'
    return subprocess.run(
        ["bash", "-c", script, str(folder), *words],
        cwd=ROOT, env=os.environ | job_variables(folder) | own | variables, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("exec 7<&-", "error: node 'node-b': '/proc/self/fd/7' is not there\n"),
        ("git() { echo c0ffee; }; export -f git", "error: node 'node-b' has commit c0ffee with changes "),
        ("export PYTHONPATH+=:$TMPDIR/more", "error: node 'node-b' has commit "),
        ("export VIDEOKR_PYTHON=nowhere", "error: node 'node-b': VIDEOKR_PYTHON 'nowhere' is not there; run: "),
        ("export CLUSTER_ENV=nowhere", "error: node 'node-b' has said nothing: is '"),
    ],
)
def test_a_node_that_is_unlike_the_first_is_named_before_anything_is_loaded(second, message, tmp_path):
    ran = submit(tmp_path, "qwen3vl", STAND_IN_b=second, TMPDIR=str(tmp_path))
    *_, last = ran.stderr.splitlines(keepends=True)
    assert ran.returncode == 2 and last.startswith(message), ran.stderr
    assert "torchrun" not in ran.stdout


def test_each_node_is_given_its_place(tmp_path):
    ran = submit(tmp_path, "qwen3vl", DRY_RUN="1", NPROC_PER_NODE="8")
    assert ran.returncode == 0, ran.stderr
    for rank in (0, 1):
        assert f"--nproc_per_node 8 --nnodes 2 --node_rank {rank} --master_addr 127.0.0.1 --master_port " in ran.stdout


def test_a_mistake_that_a_launcher_tells_is_told_with_its_status(tmp_path):
    ran = submit(tmp_path, "qwen4vl")
    told = set(ran.stderr.splitlines())
    (line,) = told
    assert ran.returncode == 2 and line.startswith("error: unknown family 'qwen4vl': give qwen2_5vl, ")
