"""Right positions for Qwen2.5-VL in LLaMA-Factory, whose collator asks the model's class for them."""

from videokr.video.positions import patch_rope_index


def install() -> None:
    """Mends the class in this process; see `patch_rope_index` for the fault and its upstream issue."""
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

    Qwen2_5_VLModel.get_rope_index = patch_rope_index(Qwen2_5_VLModel.get_rope_index)
