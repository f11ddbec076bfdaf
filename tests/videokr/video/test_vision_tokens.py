import pytest

from videokr.family import VIDEO
from videokr.video.vision_tokens import MARKED_VIDEO, drop_outer_marks


def processor(name: str, template: str) -> object:
    """A processor as far as its class and template go; tests of the hosts hold real ones against the golden prompts."""
    render = {"apply_chat_template": lambda self, messages, tokenize: self.chat_template.split("|image|")[0]}
    return type(name, (), {"chat_template": template, **render})()


def test_qwen3_vl_loses_the_outer_marks_and_nothing_else():
    given = processor("Qwen3VLProcessor", f"a {MARKED_VIDEO} |image|<|vision_start|><|image_pad|><|vision_end|>")
    for _ in range(2):
        drop_outer_marks(given)
        assert given.chat_template == f"a {VIDEO} |image|<|vision_start|><|image_pad|><|vision_end|>"


def test_qwen2_5_vl_keeps_its_marks():
    given = processor("Qwen2_5_VLProcessor", MARKED_VIDEO)
    drop_outer_marks(given)
    assert given.chat_template == MARKED_VIDEO


@pytest.mark.parametrize("template", ["text only", f"<|vision_start|>\n{VIDEO}\n<|vision_end|>"])
def test_a_template_that_writes_videos_in_another_way_is_refused(template):
    with pytest.raises(ValueError, match="writes a video as"):
        drop_outer_marks(processor("Qwen3VLProcessor", template))
