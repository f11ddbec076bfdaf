"""A crop's frames: those of the span by true time, in the size that the processors keep, whatever is asked for."""

from fractions import Fraction

import pytest

pytest.importorskip("torch")

from odd_clips import Shape, draw

from videokr.dialogue import CallFault
from videokr.family import FAMILIES
from videokr.video.crop import CROP_BUDGET, Crop, plan_crop, read_crop
from videokr.video.frame_plan import VideoHeader

pytestmark = pytest.mark.rl
HEADER = VideoHeader(frame_count=1_000, average_fps=25.0, height=360, width=640)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("crop") / "a.mp4"
    draw(Shape("libx264", "mp4", Fraction(10), 200, 320, 180, variable=False, turned=False), path)
    return path


@pytest.mark.parametrize(
    ("span", "moments", "indices"),
    [
        ((4.0, 8.0), [4.0, 4.571, 5.143, 5.714, 6.286, 6.857, 7.429, 8.0], [100, 114, 128, 142, 157, 171, 185, 200]),
        ((4.0, 4.08), [4.0, 4.027, 4.053, 4.08], [100, 100, 101, 102]),
        ((38.0, 100.0), [38.0, 38.653, 39.307, 39.96], [950, 966, 982, 999]),
    ],
)
def test_frames_are_even_by_time_from_start_to_end(span, moments, indices):
    plan = plan_crop(HEADER, span, CROP_BUDGET, 16)
    assert plan.seconds == pytest.approx(moments) and list(plan.indices) == indices


def test_a_long_span_shows_no_more_than_the_most():
    plan = plan_crop(HEADER, (0.0, 40.0), CROP_BUDGET, 16)
    assert len(plan.indices) == 64 and (plan.indices[0], plan.indices[-1]) == (0, 999)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("size", [(360, 640), (96, 96), (2160, 3840), (90, 1600), (1600, 90)])
def test_no_host_changes_the_size_of_a_frame_again(family, size):
    """Held against the image processors' own rule, with the bounds that the models are released with."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    height, width = size
    plan = plan_crop(VideoHeader(100, 25.0, height, width), (0.0, 1.0), CROP_BUDGET, family.patch_size)
    bounds = {14: (56 * 56, 28 * 28 * 1280), 16: (65_536, 16_777_216)}[family.patch_size]
    again = smart_resize(plan.height, plan.width, 2 * family.patch_size, *bounds)
    assert again == (plan.height, plan.width)


def test_the_frames_are_those_that_a_player_shows_then(clip):
    import av

    with av.open(str(clip)) as container:
        shown = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in container.decode(video=0)]
    crop = read_crop(clip, (5.0, 9.0), 16)
    assert isinstance(crop, Crop) and crop.frames.shape[0] == len(crop.seconds) == 8
    for frame, second in zip(crop.frames, crop.seconds, strict=True):
        colour = frame.float().mean(dim=(1, 2)).numpy()
        near = [abs(shown[place] - colour).max() for place in range(len(shown))]
        assert near[int(second * 10)] == pytest.approx(min(near), abs=1.5)
    assert crop.text == "Frames at 5.0, 5.6, 6.1, 6.7, 7.3, 7.9, 8.4, 9.0 seconds."


def test_what_cannot_be_shown_is_a_fault_and_tells_no_path(clip, tmp_path):
    assert read_crop(clip, (20.0, 30.0), 16) is CallFault.BEYOND
    beyond = read_crop(clip, (15.0, 30.0), 16)
    assert isinstance(beyond, Crop) and beyond.was_clamped and beyond.text.endswith("The video ends there.")
    broken = tmp_path / "b.mp4"
    broken.write_bytes(clip.read_bytes()[:300])
    assert read_crop(broken, (1.0, 2.0), 16) is CallFault.UNREADABLE
    assert not any("/" in fault for fault in CallFault)
