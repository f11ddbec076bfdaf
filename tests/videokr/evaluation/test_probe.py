"""Probes: what is shown in the place of the video."""

import random
from dataclasses import replace

import pytest

from videokr.budget import EVAL_BUDGET
from videokr.errors import UserError
from videokr.evaluation.probe import Probe, probe_frames, read_probe, swap_videos
from videokr.example import parse_example
from videokr.video.frame_plan import VideoHeader, plan_frames

HEADER = VideoHeader(frame_count=300, average_fps=30.0, height=360, width=640)


def examples(count):
    record = {"question": "Q?", "answer": "x"}
    return [parse_example(record | {"id": str(n), "video_path": f"{n // 2}.mp4"}) for n in range(count)]


def test_no_video_keeps_its_own_and_questions_about_one_stay_together():
    asked = examples(10)
    for seed in range(20):
        swapped = swap_videos(asked, seed)
        assert all(one.videos != other.videos for one, other in zip(asked, swapped, strict=True))
        assert [replace(one, videos=()) for one in swapped] == [replace(one, videos=()) for one in asked]
        assert {one.videos for one in swapped} == {one.videos for one in asked}
        assert all(swapped[n].videos == swapped[n + 1].videos for n in range(0, 10, 2))
    assert swap_videos(asked, 1) == swap_videos(asked, 1) != swap_videos(asked, 2)
    with pytest.raises(UserError, match="two videos or more"):
        swap_videos(asked[:2], 0)


def test_names():
    assert read_probe("") is None and read_probe("blind") is Probe.BLIND
    with pytest.raises(UserError, match="blind, single, four, shuffled, swapped"):
        read_probe("deaf")


@pytest.mark.eval
@pytest.mark.parametrize("probe", Probe)
def test_frames(probe):
    torch = pytest.importorskip("torch")
    asked = plan_frames(HEADER, EVAL_BUDGET, 16)
    count = len(asked.indices)
    frames = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 2, 2)
    shown, plan = probe_frames(probe, frames, asked, random.Random(0))
    places = shown[:, 0, 0, 0].tolist()
    assert plan.grid[0] * 2 == len(places) == len(plan.indices) and len(plan.timestamps) == plan.grid[0]
    if probe is Probe.SINGLE:
        assert len(places) == 2 and len(set(places)) == 1 and set(plan.indices) == {asked.indices[places[0]]}
        drawn = {probe_frames(probe, frames, asked, random.Random(seed))[1].indices for seed in range(40)}
        assert len(drawn) > 10
    elif probe is Probe.FOUR:
        assert places == [0, round((count - 1) / 3), round(2 * (count - 1) / 3), count - 1]
        assert plan.indices == tuple(asked.indices[place] for place in places)
    elif probe is Probe.SHUFFLED:
        assert sorted(places) == list(range(count)) and places != sorted(places) and plan == asked
    else:
        assert places == list(range(count)) and plan == asked
