"""The attention of a run: what its environment has, and what verl 0.9.1 can do with it for the model's family.

verl's own default is flash-attn. Without it rows are still packed (`use_remove_padding`) for Qwen3-VL, which finds the
rows of a pack by their positions. For Qwen2.5-VL verl puts an attention of its own into the model, which knows
flash-attn alone and fails in the first step (`_flash_use_top_left_mask` is undefined; no upstream issue was found):
there rows are padded. So are Qwen3.5's without flash-linear-attention: verl hands the places where rows begin to
whatever takes keywords, and the function that transformers has instead takes them and looks at none. Each row then goes
on from the state of the one before, without a word (an upstream issue was not looked for).
"""

from importlib.util import find_spec
from typing import Any

from videokr.errors import UserError
from videokr.family import BY_MODEL_TYPE, Family

FLASH, SDPA = "flash_attention_2", "sdpa"
FLASH_LINEAR = "fla"  # flash-linear-attention, as it is imported
PLAIN = (SDPA, "eager")


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
    family = find_family_of(model.path)
    leaks = bool(family and family.keeps_state) and not find_spec(FLASH_LINEAR)
    can_pack = not leaks and (not (family and family.packs_with_flash_alone) or implementation == FLASH)
    packed = can_pack if model.use_remove_padding is None else bool(model.use_remove_padding)
    if packed and leaks:
        raise UserError(
            "use_remove_padding: without flash-linear-attention verl lets each row of a pack go on from the state of "
            "the one before; install it, or leave the setting out"
        )
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


def find_family_of(path: str) -> Family | None:
    """The family of a checkpoint folder or of a name on the hub; None of another model."""
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(path)
    except OSError as error:
        raise UserError(f"model '{path}': {' '.join(str(error).split())}") from None
    return BY_MODEL_TYPE.get(str(config.get("model_type")))
