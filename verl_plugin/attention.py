"""The attention of a run: what its environment has, and what verl 0.9.1 can do with it for the model's family.

verl's own default is flash-attn. Without it rows are still packed (`use_remove_padding`) for Qwen3-VL, which finds the
rows of a pack by their positions. For Qwen2.5-VL verl puts an attention of its own into the model, which knows
flash-attn alone and fails in the first step (`_flash_use_top_left_mask` is undefined; no upstream issue was found):
there rows are padded.
"""

from typing import Any

from videokr.errors import UserError
from videokr.family import FAMILIES

FLASH, SDPA = "flash_attention_2", "sdpa"
PLAIN = (SDPA, "eager")
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
    from transformers.utils import is_flash_attn_2_available

    has_flash = is_flash_attn_2_available()
    asked = model.override_config.get("attn_implementation")
    implementation = asked or (FLASH if has_flash else SDPA)
    if implementation == FLASH and not has_flash:
        raise UserError(
            f"attn_implementation={FLASH}: flash-attn is not in this environment; install it, or leave "
            f"ATTN_IMPLEMENTATION unset for {SDPA}"
        )
    can_pack = _model_type(model.path) != NEEDS_FLASH_TO_PACK or implementation == FLASH
    packed = can_pack if model.use_remove_padding is None else bool(model.use_remove_padding)
    wanted = {
        "use_remove_padding": packed and not can_pack,
        f"ulysses_sequence_parallel_size={sequence_parallel}": sequence_parallel > 1 and implementation in PLAIN,
    }
    for setting, is_refused in wanted.items():
        if is_refused:
            raise UserError(
                f"{setting} with attn_implementation={implementation}: verl does this with flash-attn alone; install "
                "it, or leave the setting out"
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


def _model_type(path: str) -> str:
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(path)
    except OSError as error:
        raise UserError(f"model '{path}': {' '.join(str(error).split())}") from None
    return str(config.get("model_type"))
