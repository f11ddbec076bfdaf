"""Tasks as a Ray Data job on a local cluster of two workers: the same as on one machine."""

from functools import partial
from pathlib import Path

import pytest
from misbehaving import misbehave

from data_prep.engine import Failure, run

pytestmark = pytest.mark.rl


@pytest.fixture(scope="module")
def cluster():
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
             runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}})  # fmt: skip
    yield ray
    ray.shutdown()


def test_what_hangs_or_dies_takes_nothing_with_it(cluster):
    for how, reason in (("killed", "its process died (signal 9)"), ("hang", "took longer than 3 s")):
        outcomes = dict(run(partial(misbehave, how=how), range(8), workers=2, seconds_each=3, engine="ray"))
        assert outcomes == {n: Failure(reason) if n == 3 else 2 * n for n in range(8)}


def test_a_check_writes_the_same_manifest(cluster, tmp_path):
    from data_prep.demo.odd_clips import write_clips
    from videokr.__main__ import main

    write_clips(tmp_path / "odd", 6, progress=False)
    (tmp_path / "odd" / "videos" / "broken.mp4").write_bytes(b"<!doctype html>")
    manifests = []
    for engine in ("local", "ray"):
        manifests.append(tmp_path / f"{engine}.parquet")
        flags = ["--videos", str(tmp_path / "odd"), "--level", "probe", "--engine", engine]
        assert main(["check", *flags, "--manifest", str(manifests[-1])]) == 3
    assert manifests[0].read_bytes() == manifests[1].read_bytes()
