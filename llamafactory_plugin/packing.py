"""Packs of text alone under `neat_packing` with sdpa, which LLaMA-Factory 0.9.5 cannot train.

Such a pack gets a made-up image, so that every process runs the vision tower. Its padding is counted into the attention
mask a second time, which is then longer than the row (LLaMA-Factory #10659 is the same place in `packing`).
"""

from typing import Any

from llamafactory.data.collator import MultiModalDataCollatorForSeq2Seq


def install() -> None:
    """Mends the collator in this process."""
    position = MultiModalDataCollatorForSeq2Seq._compute_rope_position_ids_with_packing

    def positioned(self: Any, features: dict[str, Any], *given: Any) -> None:
        length = features["input_ids"].size(1)
        position(self, features, *given)
        features["attention_mask"] = features["attention_mask"][:, :length]

    MultiModalDataCollatorForSeq2Seq._compute_rope_position_ids_with_packing = positioned
