"""How the experts of a model are written: as published, in the one form that every release of the frameworks reads.

Published are one tensor a layer of all experts' weights, of Qwen3-VL-MoE as (experts, in, out). transformers 5 would
leave Qwen3-VL-MoE's as (experts, out, in), which it cannot read itself under ZeRO-3, and 5.10 would write Qwen3.5-MoE's
one by one, which 5.6 cannot read (no upstream issues found).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

TRANSPOSED, ONE_BY_ONE, DENSE = "qwen3_vl_moe", "qwen3_5_moe_text", "qwen3_5_text"  # names of transformers' conversions


@contextmanager
def saved_as_published() -> Iterator[None]:
    """While it lasts, `save_pretrained` does so with models that `from_pretrained` has not loaded."""
    from transformers.conversion_mapping import (
        get_checkpoint_conversion_mapping,
        register_checkpoint_conversion_mapping,
    )

    own = {name: get_checkpoint_conversion_mapping(name) for name in (TRANSPOSED, ONE_BY_ONE)}
    turned = get_checkpoint_conversion_mapping(TRANSPOSED)
    turn_always(turned)
    published = {TRANSPOSED: turned, ONE_BY_ONE: get_checkpoint_conversion_mapping(DENSE)}
    try:
        for name, conversions in published.items():
            register_checkpoint_conversion_mapping(name, conversions, overwrite=True)
        yield
    finally:
        for name, conversions in own.items():
            register_checkpoint_conversion_mapping(name, conversions, overwrite=True)


def turn_always(conversions: Iterable[Any]) -> None:
    """Has transposing conversions transpose, in place, where they would first look at the shape in memory."""
    from transformers.core_model_loading import Transpose

    for conversion in conversions:
        for operation in getattr(conversion, "operations", ()):
            if isinstance(operation, Transpose):
                operation.check_dims = False
