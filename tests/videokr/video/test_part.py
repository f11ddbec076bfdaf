"""A part of a video: its name, and the frames of its span by true time."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videokr.budget import EVAL_BUDGET, VideoBudget
from videokr.video.frame_plan import VideoHeader, plan_frames
from videokr.video.part import name_part, plan_part, split_part

HEADER = VideoHeader(frame_count=1_000, average_fps=25.0, height=360, width=640)
BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=256, max_pixels=100_352)


@pytest.mark.parametrize(
    ("span", "moments", "indices"),
    [
        ((4.0, 8.0), [4.0, 4.571, 5.143, 5.714, 6.286, 6.857, 7.429, 8.0], [100, 114, 128, 142, 157, 171, 185, 200]),
        ((4.0, 4.08), [4.0, 4.027, 4.053, 4.08], [100, 100, 101, 102]),
        ((38.0, 100.0), [38.0, 38.667, 39.333, 40.0], [950, 966, 983, 999]),
    ],
)
def test_frames_are_even_by_time_from_start_to_end(span, moments, indices):
    plan = plan_part(HEADER, span, BUDGET, 16)
    assert plan.seconds == pytest.approx(moments) and list(plan.indices) == indices


def test_a_long_part_shows_no_more_than_the_most_and_all_of_it_is_planned_as_ever():
    plan = plan_part(HEADER, (0.0, 40.0), BUDGET, 16)
    assert len(plan.indices) == 64 and (plan.indices[0], plan.indices[-1]) == (0, 999)
    assert plan_part(HEADER, None, BUDGET, 16) == plan_frames(HEADER, BUDGET, 16)


@given(start=st.floats(0, 39.9), seconds=st.floats(0, 100), fps=st.sampled_from([23.976, 25.0, 60.0]))
def test_whatever_begins_within_the_video_has_frames_in_order(start, seconds, fps):
    header = VideoHeader(1_000, fps, 90, 160)
    start = min(start, 999 / fps)
    plan = plan_part(header, (start, start + seconds), EVAL_BUDGET, 14)
    assert len(plan.indices) % 2 == 0 and list(plan.indices) == sorted(plan.indices) and plan.indices[-1] <= 999
    assert plan.timestamps[0] >= start - 0.001


times = st.floats(0, 100_000).map(lambda second: round(second, 3))


@given(video=st.text(min_size=1).filter(lambda text: "\0" not in text and "/" not in text), start=times, end=times)
def test_a_name_is_read_back(video, start, end):
    file, span = split_part(name_part(video, (start, end)))
    assert str(file) == video and span == (start, end)


def test_other_names_are_files():
    for name in ("a.mp4", "a#b.mp4", "a.mp4#t=3", "a#t=1,2.mp4", "a.mp4#t=-1,2"):
        assert split_part(name)[1] is None


@pytest.mark.rl
def test_the_frames_are_those_that_a_player_shows_then(tmp_path):
    import av
    from odd_clips import Shape, draw

    from videokr.video.reader import read_frames

    clip = tmp_path / "a.mp4"
    draw(Shape("libx264", "mp4", Fraction(10), 200, 320, 180, variable=False, turned=False), clip)
    with av.open(str(clip)) as container:
        shown = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in container.decode(video=0)]
    frames, plan = read_frames(Path(f"{clip}#t=5,9"), BUDGET, 16)
    assert len(frames) == len(plan.seconds) == 8
    for frame, second in zip(frames, plan.seconds, strict=True):
        colour = frame.float().mean(dim=(1, 2)).numpy()
        near = [abs(one - colour).max() for one in shown]
        assert near[int(second * 10)] == pytest.approx(min(near), abs=1.5)
