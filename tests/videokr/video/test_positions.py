"""Positions after a video, against the rule and against transformers itself."""

import inspect
import re

import pytest
from checkout import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.sft, pytest.mark.rl, pytest.mark.eval]

START, VIDEO, END, WORD = 3, 4, 5, 7
GRID = (4, 4, 6)  # temporal patches, rows and columns before merging 2 x 2


def model_class_and_config():
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

    return Qwen2_5_VLModel, Qwen2_5_VLConfig(video_token_id=VIDEO, vision_config={"tokens_per_second": 2})


def inputs(pads=0, seconds=1.0):
    tokens = GRID[0] * GRID[1] * GRID[2] // 4
    row = [WORD, START, *[VIDEO] * tokens, END, WORD, WORD]
    ids = torch.tensor([[0] * pads + row])
    return {
        "input_ids": ids,
        "mm_token_type_ids": (ids == VIDEO).int() * 2,
        "video_grid_thw": torch.tensor([GRID]),
        "second_per_grid_ts": torch.tensor([seconds]),
        "attention_mask": (ids != 0).long(),
    }


class Holder:
    """What get_rope_index needs of a model."""

    def __init__(self):
        model_class, self.config = model_class_and_config()
        self.get_vision_position_ids = model_class.get_vision_position_ids.__get__(self)
        stock = inspect.unwrap(model_class.get_rope_index)  # another test may have had it patched for the process
        self.stock = stock.__get__(self)


@pytest.mark.parametrize("pads", [0, 3])
def test_text_starts_after_the_video_s_last_moment(pads):
    from videokr.video.positions import patch_rope_index

    positions, deltas = patch_rope_index(Holder().stock)(**inputs(pads))
    time, row, column = positions[:, 0, pads:].tolist()
    assert time[:2] == [0, 1] and time[2] == row[2] == column[2] == 2
    assert time[2:-3] == [2 + 2 * t for t in range(4) for _ in range(6)]
    last = max(time[2:-3])
    assert time[-3:] == row[-3:] == column[-3:] == [last + 1, last + 2, last + 3]
    assert deltas.tolist() == [[last + 4 - len(time)]]


def test_canary_transformers_issue_45381_stock_text_overlaps_the_video():
    """When this fails, transformers is mended and videokr.video.positions can go."""
    positions, _ = Holder().stock(**inputs())
    assert positions[0, 0, -3] <= positions[0, 0, -4]


def test_a_video_s_time_follows_its_seconds():
    from videokr.video.positions import patch_rope_index

    positions, _ = patch_rope_index(Holder().stock)(**inputs(seconds=1.875))
    time = positions[0, 0].tolist()
    assert time[2:-3] == [2 + start for start in (0, 3, 7, 11) for _ in range(6)]  # 0, 3.75, 7.5, 11.25


def test_canary_transformers_pull_48669_seconds_are_cut_to_whole_numbers():
    """Mended in 5.18; when no host is locked to an older one, videokr.video.positions need not make a video's times."""
    import transformers

    locks = (ROOT / "local_script" / "constraints").glob("*-cpu.txt")
    pins = [re.search(r"^transformers==(\d+)\.(\d+)", lock.read_text(), re.MULTILINE) for lock in sorted(locks)]
    assert min(tuple(map(int, pin.groups())) for pin in pins if pin) < (5, 18)
    whole = tuple(map(int, transformers.__version__.split(".")[:2])) < (5, 18)
    positions, _ = Holder().stock(**inputs(seconds=1.875))
    assert (positions[0, 0, 2:-3].tolist() == [2 + 2 * patch for patch in range(4) for _ in range(6)]) == whole
