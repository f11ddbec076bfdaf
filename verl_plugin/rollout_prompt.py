"""The prompt that vLLM is given for a rollout."""

from collections.abc import Sequence
from typing import Any

from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens


def rollout_prompt(prompt_ids: Sequence[int], media: int, processor: Any) -> list[int]:
    """The prompt as vLLM is to be given it: one mark for each of `media` images and videos.

    One that has them already is left alone; another was expanded by one of verl's own agent loops, and is folded.
    """
    marks = sum(token in (processor.image_token_id, processor.video_token_id) for token in prompt_ids)
    if marks == media:
        return list(prompt_ids)
    folded: list[int] = qwen2_5_vl_dedup_image_tokens(list(prompt_ids), processor)
    return folded
