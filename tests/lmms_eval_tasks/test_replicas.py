"""Replicas of a model class, real processes under torchrun; only the model itself is a stand-in."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

pytestmark = pytest.mark.eval

# Two replicas are asked 12 questions each, four about a video; replica 0 answers in 20 ms, replica 1 in ten times that.
REPLICA = """
import json, os, sys, time
from pathlib import Path
from types import SimpleNamespace
import torch.distributed as dist
from lmms_eval_tasks.models.conversation import Conversation
from lmms_eval_tasks.models.video_model import VideoModel
from videokr.evaluation.responses import Generation, ResponseLog

class Replica(VideoModel):
    def __init__(self, rank, folder):
        self._rank, self._world_size, self.opening, self.settings = rank, dist.get_world_size(), "", []
        self.decode_workers, self.max_ahead, self.log = 1, 2, ResponseLog(folder / "responses", rank)
        rows = [{"video": str(folder / f"{number // 4}.mp4"), "number": number} for number in range(24)]
        self.task_dict = {"task": {"test": rows}}
        self.order = []

    def read(self, messages):
        return Conversation(messages[0]["content"][1]["text"], ())

    def answers(self, ahead, settings):
        while (asked := ahead.take(wait=True)) is not None:
            if asked.text == os.environ.get("FATAL"):
                os._exit(3)
            time.sleep((0.02, 0.2)[self.rank])
            self.order.append(int(asked.text))
            yield ahead.taken - 1, Generation(f"{asked.text} of {settings[ahead.taken - 1]['max_new_tokens']}", 1, 1)

def messages(row):
    parts = [{"type": "video", "url": row["video"]}, {"type": "text", "text": str(row["number"])}]
    return [{"role": "user", "content": parts}]

dist.init_process_group("gloo")
rank, folder = dist.get_rank(), Path(sys.argv[1])
model = Replica(rank, folder)
requests = [
    SimpleNamespace(arguments=("", messages, {"max_new_tokens": number}, number, "task", "test"))
    for number in range(rank, 24, 2)
]
dist.barrier()
said = [result.text for result in model.generate_until(requests)]
(folder / f"{rank}.json").write_text(json.dumps({"said": said, "order": model.order}))
"""


def replicas(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.run(
        [*command, str(folder / "replica.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def test_the_faster_replica_answers_more_and_a_death_loses_no_answer(tmp_path):
    pytest.importorskip("lmms_eval")
    (tmp_path / "replica.py").write_text(REPLICA, encoding="utf-8")
    for number in range(6):
        (tmp_path / f"{number}.mp4").write_bytes(b"")

    def kept() -> list[int]:
        return [(tmp_path / "responses" / f"{rank}.jsonl").read_bytes().count(b"{") for rank in (0, 1)]

    assert replicas(tmp_path, FATAL="17").returncode != 0
    before = sum(kept())
    assert 0 < before < 24
    ran = replicas(tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert f"{before} of 24 responses are there from before" in ran.stdout
    assert re.search(r"questions in flight, in each tenth of the time:( [12]){10}\n", ran.stdout)
    told = [json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]
    for rank in (0, 1):
        assert told[rank]["said"] == [f"{number} of {number}" for number in range(rank, 24, 2)]
    asked = told[0]["order"] + told[1]["order"]
    assert len(set(asked)) == len(asked) == 24 - before
    fast, slow = kept()
    assert fast + slow == 24 and fast > 12


def test_questions_about_a_video_are_handed_out_together_but_not_all_to_one():
    pytest.importorskip("lmms_eval")
    from lmms_eval_tasks.models.replicas import together

    assert together(["a", "b", "a", "c", "a", "b", "a"], most=3) == [[0, 2, 4], [6], [1, 5], [3]]


def test_questions_in_flight_are_a_mean_of_each_tenth():
    pytest.importorskip("lmms_eval")
    from lmms_eval_tasks.models.replicas import in_flight

    # Two from the start, of which one takes 5 s and the other all of 10; a third for the last half second.
    assert in_flight([(0, 10), (0, 5), (9.5, 10)]) == [2, 2, 2, 2, 2, 1, 1, 1, 1, 1.5]
