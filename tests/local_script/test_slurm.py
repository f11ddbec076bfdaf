"""The SLURM templates, before a framework is started: what has to be the same on all nodes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT
from slurm_job import job_variables


def submit(
    folder: Path, *words: str, lines: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """SFT on two nodes whose launcher prints its command alone; a folder is open in both as file 7, as a model.

    Args:
        lines: more of the cluster's file.
    """
    here, more = folder / "here" / "llamafactory", folder / "more" / "other-1.0.dist-info"
    here.mkdir(parents=True)
    (here / "__init__.py").touch()
    more.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "qwen3_vl"}')
    (folder / "model.safetensors").touch()
    (more / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    own = {"VIDEOKR_PYTHON": sys.executable, "PYTHONPATH": str(here.parent), "MODEL_NAME_OR_PATH": "/proc/self/fd/7"}
    script = 'exec 7<"$0"; exec sbatch --nodes=2 local_script/slurm/sft.sh "$@"'
    return subprocess.run(
        ["bash", "-c", script, str(folder), *words],
        cwd=ROOT, env=os.environ | job_variables(folder, *lines) | own | variables, capture_output=True,
        text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("exec 7<&-", "error: node 'node-b': '/proc/self/fd/7' is not there\n"),
        ("git() { echo c0ffee; }; export -f git", "error: node 'node-b' has commit c0ffee with changes "),
        ("export PYTHONPATH+=:$TMPDIR/more", "error: node 'node-b' has commit "),
        ("export VIDEOKR_PYTHON=nowhere", "error: node 'node-b': VIDEOKR_PYTHON 'nowhere' is not there; run: "),
        ("export CLUSTER_ENV=nowhere", "error: node 'node-b' has not answered: are '"),
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


@pytest.mark.parametrize(
    ("words", "more", "message"),
    [
        (["qwen4vl"], {}, "unknown family 'qwen4vl': give qwen2_5vl, "),
        (
            ["qwen3vl_moe"],
            {},
            "model '/proc/self/fd/7' is of qwen3vl, not of qwen3vl_moe: give train_videokr.sh qwen3vl",
        ),
        (["qwen3vl", "model_name_or_path=/nowhere"], {}, "model '/nowhere' is not there: "),
        (["qwen3vl"], {"CLUSTER_ENV": "/nowhere"}, "CLUSTER_ENV '/nowhere' cannot be read: "),
        (["qwen3vl"], {"lines": ("B=$NOPE",)}, "CLUSTER_ENV '{0}' cannot be read: {0}: line 5: NOPE: "),
        (["qwen3vl"], {"lines": ("B=(",)}, "CLUSTER_ENV '{0}' cannot be read: {0}: line 5: "),
        (["qwen3vl"], {"lines": ("false",)}, "CLUSTER_ENV '{0}' cannot be read: a command in it fails"),
        (["qwen3vl"], {"lines": ("A = 1", "B=1")}, "CLUSTER_ENV '{0}' cannot be read: {0}: line 5: A: command not"),
        (["qwen3vl"], {"lines": ("exit 0", "B=1")}, "CLUSTER_ENV '{0}' cannot be read: a command in it fails, or ends"),
        (["qwen3vl"], {"lines": ("MASTER_ADDR=no.invalid",)}, "MASTER_ADDR is 'no.invalid': no machine of that name "),
    ],
)
def test_a_mistake_is_told_once_with_its_status(words, more, message, tmp_path):
    ran = submit(tmp_path, *words, **more)
    (line,) = ran.stderr.splitlines()
    assert ran.returncode == 2 and line.startswith(f"error: {message.format(tmp_path / 'cluster.env')}")


def test_a_template_submitted_elsewhere_says_where(tmp_path):
    ran = subprocess.run(
        ["sbatch", ROOT / "local_script" / "slurm" / "eval.sh"],
        cwd=tmp_path, env=os.environ | job_variables(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (2, "error: submit it in the repository's root\n")


RAY = """#!/usr/bin/env bash
# A head that starts and never answers, and leaves the file that Ray's own leaves.
[[ "$1" == start ]] || exit 1
mkdir -p "${RAY_TMPDIR}/ray"
printf '127.0.0.1:%s' "${MASTER_PORT}" >"${RAY_TMPDIR}/ray/ray_current_cluster"
trap 'touch "${RAY_TMPDIR}/ended"; exit' TERM
while :; do sleep 0.1; done
"""


def on_ray(folder: Path, template: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A template that wants Ray, of which there is a stand-in alone."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "bin" / "ray").write_text(RAY)
    (folder / "bin" / "ray").chmod(0o755)
    for module in ("ray", "verl"):
        (folder / f"{module}.py").touch()
    own = {"VIDEOKR_PYTHON": str(folder / "bin" / "python"), "PYTHONPATH": str(folder), "RAY_TMPDIR": str(folder)}
    return subprocess.run(
        ["sbatch", f"local_script/slurm/{template}.sh", *words],
        cwd=ROOT, env=os.environ | job_variables(folder, "JOIN_SECONDS=1") | own | variables, capture_output=True,
        text=True,
    )  # fmt: skip


def test_a_head_that_does_not_answer_in_time_ends_the_job_and_leaves_no_address(tmp_path):
    ran = on_ray(tmp_path, "data", "check")
    assert ran.returncode == 2 and ran.stderr.startswith("error: Ray of the first node does not answer at 127.0.0.1:")
    assert (tmp_path / "ended").exists() and not (tmp_path / "ray" / "ray_current_cluster").exists()


@pytest.mark.parametrize(
    ("variables", "status", "message"),
    [
        ({}, 2, "error: MODEL_PATH is not set: "),
        (
            {"MODEL_PATH": "o/m", "DATA_DIR": "/nowhere", "DRY_RUN": "1"},
            2,
            "error: '/nowhere/train.parquet' is not there",
        ),
        ({"MODEL_PATH": "o/m", "TRAIN_FILE": __file__, "VAL_FILE": __file__, "DRY_RUN": "1"}, 0, ""),
    ],
)
def test_what_grpo_refuses_is_told_before_ray_is_started(variables, status, message, tmp_path):
    ran = on_ray(tmp_path, "grpo", **variables)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (status, status // 2) and ran.stderr.startswith(message)
    assert ("verl_plugin.train" in ran.stdout) == (status == 0) and not (tmp_path / "ray").exists()
