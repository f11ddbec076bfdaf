"""Frames that are decoded once for all who ask."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial

import pytest

pytest.importorskip("torch")

from odd_clips import Shape, draw

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.video.frame_cache import FrameCache
from videokr.video.reader import read_frames
from videokr.video.timeline import VideoError

pytestmark = pytest.mark.rl
BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=16, min_pixels=256, max_pixels=8_192)
CLIP = Shape("libx264", "mp4", Fraction(10), 40, 64, 48, variable=False, turned=False)


@pytest.fixture
def clip(tmp_path):
    draw(CLIP, tmp_path / "a.mp4")
    return tmp_path / "a.mp4"


def test_eight_rollouts_decode_a_video_once(clip):
    frames = FrameCache()
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda _: frames.read(clip, BUDGET, 14).result()[0], range(8)))
    assert frames.take_decodes() == 1 and len({each.data_ptr() for each in shown}) == 1
    assert (shown[0] == read_frames(clip, BUDGET, 14)[0]).all()


def test_another_budget_another_family_and_a_file_that_has_changed_are_read_anew(clip):
    frames = FrameCache()
    read = partial(frames.read, clip)
    shapes = {read(BUDGET, 14).result()[0].shape, read(BUDGET, 16).result()[0].shape}
    shapes.add(read(BUDGET.bounded(max_frames=6), 14).result()[0].shape)
    assert len(shapes) == 3
    draw(Shape("libx264", "mp4", Fraction(10), 80, 64, 48, variable=False, turned=False), clip)
    assert len(read(BUDGET, 14).result()[0]) == 16


def test_what_cannot_be_decoded_is_named_and_tried_again(clip, tmp_path):
    frames = FrameCache()
    with pytest.raises(UserError, match="is not there"):
        frames.read(tmp_path / "none.mp4", BUDGET, 14).result()
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    for _ in range(2):
        with pytest.raises(VideoError, match=r"broken\.mp4"):
            frames.read(tmp_path / "broken.mp4", BUDGET, 14).result()
    assert frames.take_decodes() == 0
