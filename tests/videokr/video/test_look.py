"""What a call of the crop tool shows, and what rows of SFT say that it did."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from videokr.dialogue import CallFault
from videokr.errors import RecordError
from videokr.example import parse_example
from videokr.video.look import look, shown_rounds


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Four seconds, ten frames each."""
    from odd_clips import Shape, draw

    path: Path = tmp_path_factory.mktemp("look") / "a.mp4"
    draw(Shape("libx264", "mp4", Fraction(10), 40, 64, 64, variable=False, turned=False), path)
    return path


def example(*spans: tuple[float, float]):
    record = {"question": "Which?", "options": ["a", "b"], "answer": "A", "video": "a.mp4", "think": "x"}
    return replace(parse_example(record), rounds=(("look", spans),))


@pytest.mark.rl
def test_rows_say_what_the_tool_will_show(clip):
    from videokr.budget import EVAL_BUDGET

    for span, shown in (((1.0, 2.0), (1.0, 2.0)), ((3.95, 4.0), (3.95, 4.0)), ((0.5, 900.0), (0.5, 4.0))):
        assert look(clip, EVAL_BUDGET, 16, span)[0] == shown
        assert shown_rounds(example(span), clip).rounds == (("look", (shown,)),)


@pytest.mark.rl
def test_a_row_that_looks_beyond_the_end_is_refused(clip):
    from videokr.budget import EVAL_BUDGET

    assert look(clip, EVAL_BUDGET, 16, (4.0, 5.0)) == (CallFault.BEYOND, None)
    with pytest.raises(RecordError, match="looks beyond the end"):
        shown_rounds(example((1.0, 2.0), (4.0, 5.0)), clip)
    broken = clip.with_name("b.mp4")
    broken.write_bytes(b"no video")
    with pytest.raises(RecordError, match="cannot be read"):
        shown_rounds(example((1.0, 2.0)), broken)
