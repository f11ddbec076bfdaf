"""The frame plan against qwen-vl-utils and the two families' processors."""

import os
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from videokr.budget import EVAL_BUDGET, RL_BUDGET, SFT_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.video.frame_plan import VideoHeader, plan_frames, video_token_bound

PATCH_SIZES = {"qwen2_5vl": 14, "qwen3vl": 16}
headers = st.builds(
    VideoHeader,
    frame_count=st.one_of(st.integers(2, 64), st.integers(2, 40 * 60 * 60)),
    average_fps=st.one_of(st.sampled_from([1.0, 23.976, 24.0, 30_000 / 1001, 30.0, 60.0]), st.floats(1.0, 60.0)),
    height=st.integers(16, 2_400),
    width=st.integers(16, 4_000),
)
own_budgets = st.builds(
    VideoBudget,
    fps=st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]),
    min_frames=st.integers(1, 8),
    max_frames=st.integers(8, 768),
    min_pixels=st.integers(256, 4_096),
    max_pixels=st.integers(8_192, 1_000_000),
)
budgets = st.one_of(st.sampled_from([SFT_BUDGET, RL_BUDGET, EVAL_BUDGET]), own_budgets)
patch_sizes = st.sampled_from(sorted(PATCH_SIZES.values()))


@pytest.mark.rl
@pytest.mark.eval
@given(headers, budgets, patch_sizes)
@settings(max_examples=500, deadline=None)
def test_the_plan_is_that_of_qwen_vl_utils(header, budget, patch_size):
    """Its own functions, and the bounds on a frame's pixels that its `fetch_video` joins them with."""
    import torch
    from qwen_vl_utils import vision_process as vision

    assume(max(header.height, header.width) / min(header.height, header.width) < 50)
    element = {"fps": budget.fps, "min_frames": budget.min_frames, "max_frames": budget.max_frames}
    number = vision.smart_nframes(element, header.frame_count, header.average_fps)
    indices = torch.linspace(0, header.frame_count - 1, number).round().long().tolist()
    factor = 2 * patch_size
    total = vision.MODEL_SEQ_LEN * factor * factor * 0.9
    most = max(min(vision.VIDEO_MAX_TOKEN_NUM * factor**2, total / number * 2), int(budget.min_pixels * 1.05))
    size = vision.smart_resize(
        header.height, header.width, factor, min_pixels=budget.min_pixels, max_pixels=min(budget.max_pixels, most)
    )
    assume(all(size))  # of a narrow strip it makes nothing
    plan = plan_frames(header, budget, patch_size)
    assert (list(plan.indices), (plan.height, plan.width)) == (indices, size)
    assert plan.metadata["total_num_frames"] == header.frame_count


@given(headers, budgets, patch_sizes)
@example(VideoHeader(256, 4.0, 240, 320), RL_BUDGET, 16)
@example(VideoHeader(256, 4.0, 32, 200), RL_BUDGET, 14)
@settings(max_examples=2_000, deadline=None)
def test_no_video_takes_more_tokens_than_its_bound(header, budget, patch_size):
    """Small frames are rounded up on both sides, and a strip is a token wide at least."""
    assume(max(header.height, header.width) / min(header.height, header.width) <= 200)
    plan = plan_frames(header, budget, patch_size)
    told = video_token_bound(budget, patch_size, header)
    assert plan.video_tokens <= told <= video_token_bound(budget, patch_size)


@pytest.fixture(scope="module")
def processors(tmp_path_factory):
    """The real processors of both families."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoProcessor

    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    folder = tmp_path_factory.mktemp("models")
    made = {}
    for name, family in FAMILIES.items():
        build_model(family, ["What colour? A. red B. blue <answer>A</answer>"] * 20, folder / name)
        made[name] = AutoProcessor.from_pretrained(folder / name)
    return made


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.eval
@pytest.mark.parametrize("family", sorted(PATCH_SIZES))
@given(header=headers, budget=budgets, uneven=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_plan_is_what_the_processor_makes_of_it(family, processors, header, budget, uneven):
    """Grid, number of tokens, seconds a temporal patch and timestamps; blank frames stand in for a video's."""
    import torch

    from videokr.video.vision_tokens import MARKED_VIDEO, drop_outer_marks, video_text

    assume(max(header.height, header.width) / min(header.height, header.width) < 50)
    processor = processors[family]
    drop_outer_marks(processor)
    if uneven:
        times = accumulate(7 + number * number % 95 for number in range(header.frame_count - 1))
        header = replace(header, times_ms=(0, *times))
    plan = plan_frames(header, budget, PATCH_SIZES[family])
    assume(plan.video_tokens < 4_000)
    frames = torch.zeros(len(plan.indices), 3, plan.height, plan.width, dtype=torch.uint8)
    message = {"role": "user", "content": [{"type": "video", "video": "one.mp4"}]}
    given_text = processor.apply_chat_template([message], tokenize=False)
    made = processor(
        text=[given_text],
        videos=[frames],
        video_metadata=[plan.metadata],
        do_sample_frames=False,
        do_resize=False,
        return_tensors="pt",
    )
    assert tuple(made["video_grid_thw"][0].tolist()) == plan.grid
    if "second_per_grid_ts" in made:
        seconds = torch.tensor(2 / plan.sampled_fps)
        assert plan.seconds_per_patch == float(seconds.bfloat16()) == pytest.approx(float(seconds), rel=0.004)
        assert float(made["second_per_grid_ts"][0]) == plan.seconds_per_patch  # to the last bit
    shown = video_text(plan)
    assert shown in processor.tokenizer.decode(made["input_ids"][0])
    if uneven and plan.timestamped:  # the middle of the true times of two frames
        seconds = [header.times_ms[index] / 1000 for index in plan.indices]
        assert shown.startswith(f"<{(seconds[0] + seconds[1]) / 2:.1f} seconds>")
        assert f"<{(seconds[-2] + seconds[-1]) / 2:.1f} seconds>" in shown
    assert shown.count("<|video_pad|>") == plan.video_tokens
    assert MARKED_VIDEO not in given_text or family == "qwen2_5vl"


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.eval
def test_a_single_frame_is_shown_twice():
    plan = plan_frames(VideoHeader(1, 25.0, 64, 64), SFT_BUDGET, 14)
    assert plan.indices == (0, 0) and plan.grid[0] == 1


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.eval
def test_a_strip_is_refused():
    with pytest.raises(UserError, match="200 times"):
        plan_frames(VideoHeader(10, 25.0, 4, 900), SFT_BUDGET, 14)
