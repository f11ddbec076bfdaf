"""Position ids of videos and of the text that follows them (M-RoPE)."""

from collections.abc import Callable
from functools import wraps
from itertools import groupby
from typing import Any

TEXT, VIDEO = 0, 2  # in mm_token_type_ids; 1 is an image


def patch_rope_index(get_rope_index: Callable[..., Any]) -> Callable[..., Any]:
    """Mends `get_rope_index` of transformers 5.3 to at least 5.19 for Qwen2.5-VL videos; changes nothing else.

    Every segment, of text or of a video, starts one after the largest position of the one before: so in the paper
    (arXiv 2409.12191, section 2.1), up to transformers 5.2, and in vLLM. Since 5.3 text starts one after the largest
    row or column instead, in the middle of the video's time (transformers issue #45381, mended there only in part).

    A video's time advances by its seconds a temporal patch times the model's `tokens_per_second`, and the product is
    cut to a whole number: so up to transformers 5.2, and in vLLM. From 5.3 to 5.17 the seconds themselves are cut,
    1.875 to 1 (transformers pull request #48669).

    Args:
        get_rope_index: a model's class's, or bound; is called with keywords for all but the token ids,
            `mm_token_type_ids` (batch, length) among them, and for Qwen2.5-VL `second_per_grid_ts`, one number a video.

    Returns:
        A function of the same arguments and results: positions (3, batch, length), and how far the next position is
        from the length (batch, 1).
    """
    if hasattr(get_rope_index, "__wrapped__"):
        return get_rope_index

    @wraps(get_rope_index)
    def patched(*args: Any, **kwargs: Any) -> Any:
        position_ids, deltas = get_rope_index(*args, **kwargs)
        token_types, mask = kwargs.get("mm_token_type_ids"), kwargs.get("attention_mask")
        if token_types is None:
            return position_ids, deltas
        owner = getattr(get_rope_index, "__self__", None) or args[0]  # bound, or a class's
        times = iter(_video_times(owner, kwargs.get("video_grid_thw"), kwargs.get("second_per_grid_ts")))
        for row, row_types in enumerate(token_types):
            kept = row_types.new_ones(row_types.shape).bool() if mask is None else mask[row].bool()
            positions = position_ids[:, row, kept]
            following = start = 0
            for kind, segment in groupby(row_types[kept].tolist()):
                end = start + len(list(segment))
                part = positions[:, start:end]
                part += following - int(part[0, 0] if kind == TEXT else part.min())
                if kind == VIDEO and (time := next(times, None)):
                    part[0] = following + part.new_tensor(time).repeat_interleave((end - start) // len(time))
                following, start = int(part.max()) + 1, end
            position_ids[:, row, kept] = positions
            deltas[row] = following - start
        return position_ids, deltas

    return patched


def _video_times(owner: Any, grids: Any, seconds_per_patch: Any) -> list[list[int]]:
    """For every video the position of each of its temporal patches; none where the model's time knows no seconds."""
    if grids is None or seconds_per_patch is None:
        return []
    tokens_per_second = owner.config.vision_config.tokens_per_second
    return [
        [int(patch * (float(seconds) * tokens_per_second)) for patch in range(int(grid[0]))]
        for grid, seconds in zip(grids, seconds_per_patch, strict=True)
    ]
