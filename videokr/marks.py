"""The marks around a video in a prompt."""

from typing import Any

VIDEO = "<|video_pad|>"
MARKED_VIDEO = f"<|vision_start|>{VIDEO}<|vision_end|>"  # as both families' chat templates write it
TIMESTAMPED_BY = "Qwen3VLProcessor"


def drop_outer_marks(processor: Any) -> None:
    """Makes a Qwen3-VL processor render a video as the model knows it, whatever release of transformers it is from.

    It writes `<0.2 seconds><|vision_start|>...<|vision_end|>` for every temporal patch, in place of the chat template's
    marked video. Since transformers 5.10 only the inner token is replaced, and the template's own two marks stay around
    the whole (vLLM follows: vllm issue #46817): two tokens that the model was not trained with, in no earlier release
    and not in LLaMA-Factory. A template without them gives the same prompt in every release. Qwen2.5-VL has no
    timestamps and keeps its marks.

    Raises:
        ValueError: the chat template writes videos in another way.
    """
    if TIMESTAMPED_BY not in (cls.__name__ for cls in type(processor).__mro__):
        return
    template = processor.chat_template
    if VIDEO not in template:
        raise ValueError(f"the chat template of {type(processor).__name__} writes no {VIDEO}")
    processor.chat_template = template.replace(MARKED_VIDEO, VIDEO)
