"""Tasks as a Ray Data job on a local cluster of two workers: the same as on one machine."""

import os
import shlex
import shutil
import subprocess
import sys
from functools import partial
from itertools import cycle

import pytest
from checkout import ROOT
from misbehaving import misbehave
from recipes_page import commands
from slurm_job import PAGE as CLUSTER
from slurm_job import job_variables, kill_when, processes, ray_on_the_loopback

from data_prep.engine import Failure, Workers, run

pytestmark = pytest.mark.rl


@pytest.fixture(scope="module")
def cluster():
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
             runtime_env={"env_vars": {"PYTHONPATH": str(ROOT / "tests" / "support")}})  # fmt: skip
    yield ray
    ray.shutdown()


def test_what_hangs_or_dies_takes_nothing_with_it(cluster):
    for how, reason in (("killed", "its process died (signal 9)"), ("hang", "took longer than 3 s")):
        outcomes = dict(run(partial(misbehave, how=how), range(8), Workers(2, 3, "ray")))
        assert outcomes == {n: Failure(reason) if n == 3 else 2 * n for n in range(8)}


def test_a_check_on_two_nodes_of_which_one_dies_writes_the_same_manifest(tmp_path, tmp_path_factory):
    """By the SLURM template; Ray itself is killed on the second node while it works there."""
    from odd_clips import write_clips

    from videokr.__main__ import main

    write_clips(tmp_path / "odd", 6, progress=False)
    videos = tmp_path / "odd" / "videos"
    (videos / "broken.mp4").write_bytes(b"<!doctype html>")
    for number, clip in zip(range(90), cycle(sorted(videos.iterdir())), strict=False):
        shutil.copy(clip, videos / f"{number}-{clip.name}")
    command, *rest = commands("Data preparation", CLUSTER)[0].partition(" --data ")
    given = ["--videos", str(tmp_path / "odd"), "--level", "probe", "--manifest"]
    assert not rest[1].startswith("-") and main(["check", *given, str(tmp_path / "local.parquet")]) == 3
    place = tmp_path_factory.mktemp("r")
    job = job_variables(tmp_path, *ray_on_the_loopback(place, cpus=1))
    running = subprocess.Popen(
        ["bash", "-c", f"{command} {shlex.join([*given, str(tmp_path / 'ray.parquet'), '--workers', '2'])}"],
        cwd=ROOT, env=os.environ | {"VIDEOKR_PYTHON": sys.executable} | job, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    found = partial(processes, job, SLURMD_NODENAME="node-b")
    told = kill_when(running, lambda: found("ray::Map"), lambda: found("/raylet/raylet"))
    assert running.returncode == 3 and "node 'node-b': Ray has ended here" in told, told
    assert (tmp_path / "local.parquet").read_bytes() == (tmp_path / "ray.parquet").read_bytes()
    # Ray leaves it behind, and the next ray.init(num_cpus=...) of this machine would fail.
    assert (place / "ray").is_dir() and not (place / "ray" / "ray_current_cluster").exists()


def test_a_decontamination_writes_the_same_files(cluster, tmp_path):
    from panned_clips import pan, write_clip, write_records

    from videokr.__main__ import main

    for number in range(3):
        write_clip(tmp_path / "b" / f"{number}.mp4", pan(number))
    write_clip(tmp_path / "t" / "0c.mp4", pan(0), crf="36", preset="medium")
    write_clip(tmp_path / "t" / "1m.mp4", (frame[:, ::-1] for frame in pan(1)))
    write_clip(tmp_path / "t" / "9.mp4", pan(9))
    (tmp_path / "t" / "broken.mp4").write_bytes(b"<!doctype html>")
    benchmark = write_records(tmp_path / "b.jsonl", "0.mp4", "1.mp4", "2.mp4")
    sides = ["--videos", str(tmp_path / "t"), "--eval", str(benchmark), "--eval-videos", str(tmp_path / "b")]
    for train, status in ((("0c.mp4", "1m.mp4", "9.mp4", "broken.mp4"), 3), (("9.mp4",), 0)):  # no pair to look at
        data = write_records(tmp_path / "t.jsonl", *train)
        outputs = []
        for engine in ("local", "ray"):
            outputs.append(tmp_path / f"{engine}{len(train)}")
            flags = ["--train", str(data), *sides, "--output", str(outputs[-1]), "--engine", engine]
            assert main(["decontaminate", *flags]) == status
        for name in ("t.jsonl", "matches.jsonl", "together.jsonl", "report.html"):
            assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes(), name
        assert len((outputs[1] / "matches.jsonl").read_bytes().splitlines()) == (2 if len(train) > 1 else 0)
