"""A video's tokens in a prompt, and what stands around them."""

from collections.abc import Iterable
from typing import Any

from videokr.family import VIDEO, VISION_END, VISION_START
from videokr.video.frame_plan import FramePlan

MARKED_VIDEO = f"{VISION_START}{VIDEO}{VISION_END}"  # as both families' chat templates write it
TIMESTAMPED_BY = "Qwen3VLProcessor"


def video_text(plan: FramePlan) -> str:
    """A video as it stands in the prompt, one `<|video_pad|>` for every video token.

    With timestamps every temporal patch stands between marks of its own, after its time in seconds; else one pair of
    marks is around all.
    """
    if not plan.timestamped:
        return f"{VISION_START}{VIDEO * plan.video_tokens}{VISION_END}"
    patch = f"{VISION_START}{VIDEO * plan.tokens_per_patch}{VISION_END}"
    return "".join(f"<{seconds:.1f} seconds>{patch}" for seconds in plan.timestamps)


def put_videos(text: str, place: str, plans: Iterable[FramePlan]) -> str:
    """The text with one video of `plans`, in order, at every `place` in it; ValueError unless there are as many."""
    before, *parts = text.split(place)
    pairs = zip(plans, parts, strict=True)
    return before + "".join(video_text(plan) + part for plan, part in pairs)


def drop_outer_marks(processor: Any) -> None:
    """Makes a Qwen3-VL processor render a video as the model knows it, whatever release of transformers it is from.

    It writes `<0.2 seconds><|vision_start|>...<|vision_end|>` for every temporal patch, in place of the chat template's
    marked video. Since transformers 5.10 only the inner token is replaced, and the template's own two marks stay around
    the whole (vLLM followed: vllm issue #46817): two tokens that earlier releases and LLaMA-Factory do not write. A
    template without them gives the same prompt in every release. Qwen2.5-VL has no timestamps and keeps its marks.

    Raises:
        ValueError: the chat template writes the marks in another way, so that they are still there.
    """
    if TIMESTAMPED_BY not in (cls.__name__ for cls in type(processor).__mro__):
        return
    processor.chat_template = processor.chat_template.replace(MARKED_VIDEO, VIDEO)
    message = {"role": "user", "content": [{"type": "video", "video": "one.mp4"}]}
    text = processor.apply_chat_template([message], tokenize=False)
    if VIDEO not in text or VISION_START in text:
        raise ValueError(f"the chat template writes a video as {text!r}; {MARKED_VIDEO} was expected")
