"""Position ids of text that follows a video (M-RoPE)."""

from collections.abc import Callable
from functools import wraps
from itertools import groupby
from typing import Any

TEXT = 0  # in mm_token_type_ids; 1 is an image, 2 a video


def continue_after_vision(get_rope_index: Callable[..., Any]) -> Callable[..., Any]:
    """Mends `get_rope_index` of transformers 5.3 to at least 5.19 for Qwen2.5-VL videos; changes nothing else.

    Every segment, of text or of a video, starts one after the largest position of the one before: so in the paper
    (arXiv 2409.12191, section 2.1), up to transformers 5.2, and in vLLM. Since 5.3 text starts one after the largest
    row or column instead, in the middle of the video's time (transformers issue #45381, mended there only in part).

    Args:
        get_rope_index: a model's; is called with keywords, `mm_token_type_ids` (batch, length) among them.

    Returns:
        A function of the same arguments and results: positions (3, batch, length), and how far the next position is
        from the length (batch, 1).
    """
    if hasattr(get_rope_index, "__wrapped__"):
        return get_rope_index

    @wraps(get_rope_index)
    def mended(*args: Any, **kwargs: Any) -> Any:
        position_ids, deltas = get_rope_index(*args, **kwargs)
        token_types, mask = kwargs.get("mm_token_type_ids"), kwargs.get("attention_mask")
        if token_types is None:
            return position_ids, deltas
        for row, row_types in enumerate(token_types):
            kept = row_types.new_ones(row_types.shape).bool() if mask is None else mask[row].bool()
            positions = position_ids[:, row, kept]
            following = start = 0
            for kind, segment in groupby(row_types[kept].tolist()):
                end = start + len(list(segment))
                part = positions[:, start:end]
                part += following - int(part[0, 0] if kind == TEXT else part.min())
                following, start = int(part.max()) + 1, end
            position_ids[:, row, kept] = positions
            deltas[row] = following - start
        return position_ids, deltas

    return mended
