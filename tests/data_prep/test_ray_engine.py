"""Tasks as a Ray Data job on a local cluster of two workers: the same as on one machine."""

from functools import partial

import pytest
from checkout import ROOT
from misbehaving import misbehave

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


def test_a_check_writes_the_same_manifest(cluster, tmp_path):
    from odd_clips import write_clips

    from videokr.__main__ import main

    write_clips(tmp_path / "odd", 6, progress=False)
    (tmp_path / "odd" / "videos" / "broken.mp4").write_bytes(b"<!doctype html>")
    manifests = []
    for engine in ("local", "ray"):
        manifests.append(tmp_path / f"{engine}.parquet")
        flags = ["--videos", str(tmp_path / "odd"), "--level", "probe", "--engine", engine]
        assert main(["check", *flags, "--manifest", str(manifests[-1])]) == 3
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


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
