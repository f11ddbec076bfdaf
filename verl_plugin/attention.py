"""The attention of a run: what its environment has, and what verl 0.9.1 can do with it for the model's family.

verl's own default is flash-attn. Without it rows are still packed (`use_remove_padding`) for Qwen3-VL, which finds the
rows of a pack by their positions. For Qwen2.5-VL verl puts an attention of its own into the model, which knows
flash-attn alone and fails in the first step (`_flash_use_top_left_mask` is undefined; no upstream issue was found):
there rows are padded.
"""

from importlib import import_module
from typing import Any

from videokr.errors import UserError
from videokr.family import FAMILIES

FLASH, SDPA = "flash_attention_2", "sdpa"
PLAIN, WITH_FLASH = (SDPA, "eager"), (FLASH, "flash_attention_3")
NEEDS_FLASH_TO_PACK = FAMILIES["qwen2_5vl"].model_type


def choose_attention(model: Any, sequence_parallel: int = 1) -> str:
    """Settles what a run leaves open: `override_config.attn_implementation`, and a `use_remove_padding` of null.

    Args:
        model: `actor_rollout_ref.model`.
        sequence_parallel: GPUs that share a sequence.

    Returns:
        A line that says what is used and what it costs.

    Raises:
        UserError: the run asks for what its environment does not have, or verl cannot do.
    """
    from omegaconf import OmegaConf

    has_flash = _has_flash()
    asked = model.override_config.get("attn_implementation")
    implementation = asked or (FLASH if has_flash else SDPA)
    if implementation not in (*PLAIN, *WITH_FLASH) and "/" not in implementation:  # with one it is of the hub's kernels
        known = ", ".join((*PLAIN, *WITH_FLASH))
        raise UserError(f"attn_implementation={implementation} (ATTN_IMPLEMENTATION): give one of {known}")
    if implementation not in PLAIN and not has_flash and not _has_kernels():
        raise UserError(
            f"attn_implementation={implementation}: flash-attn is not in this environment; install it, or leave "
            f"ATTN_IMPLEMENTATION unset for {SDPA}"
        )
    can_pack = _model_type(model.path) != NEEDS_FLASH_TO_PACK or (has_flash and implementation == FLASH)
    packed = can_pack if model.use_remove_padding is None else bool(model.use_remove_padding)
    if packed and not can_pack:
        raise UserError(
            f"use_remove_padding with attn_implementation={implementation}: verl packs rows of Qwen2.5-VL with "
            "flash-attn alone; install it, or leave USE_REMOVE_PADDING unset"
        )
    if sequence_parallel > 1 and implementation in PLAIN:
        raise UserError(
            f"ulysses_sequence_parallel_size={sequence_parallel} with attn_implementation={implementation}: verl "
            "shares a sequence between GPUs with flash-attn alone; install it, or leave the size at 1"
        )
    OmegaConf.update(model, "override_config.attn_implementation", implementation, force_add=True)
    model.use_remove_padding = packed
    rows = "packed rows" if packed else "padded rows"
    if implementation not in PLAIN:
        return f"attention: {implementation}, {rows}"
    cost = (
        "each pack gets a dense mask, of 3 GB for 8 rows of 7,000 tokens"
        if packed
        else "short rows cost as much as the longest of their micro-batch"
    )
    reason = "as asked" if asked else "flash-attn is not in this environment"
    return f"attention: {implementation} ({reason}), {rows}: {cost}, and the vision tower attends piece by piece"


def _has_flash() -> bool:
    """
    Raises:
        UserError: it is installed and cannot be loaded.
    """
    from transformers.utils import is_flash_attn_2_available

    if not is_flash_attn_2_available():
        return False
    try:
        import_module("flash_attn")
    except ImportError as error:
        raise UserError(
            f"flash-attn is installed and cannot be loaded ({' '.join(str(error).split())}): build it for the torch of "
            f"this environment, or remove it for {SDPA}"
        ) from None
    return True


def _has_kernels() -> bool:
    """Whether transformers can fetch an attention from the hub."""
    from transformers.utils.import_utils import is_kernels_available

    return bool(is_kernels_available())


def _model_type(path: str) -> str:
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(path)
    except OSError as error:
        raise UserError(f"model '{path}': {' '.join(str(error).split())}") from None
    return str(config.get("model_type"))
