"""What vLLM lacks for this recipe, in rollouts and in evaluation: an entry point of the group `vllm.general_plugins`.

vLLM calls it in each of its processes.
"""

import os
from collections.abc import Iterable, Iterator
from functools import wraps
from typing import Any


def register() -> None:
    """Lets weights be loaded that vLLM 0.31 and 0.32 cannot."""
    orient_experts()
    if os.environ.get("VERL_PLATFORM") == "cpu":
        keep_weights()


def keep_weights() -> None:
    """Makes vLLM on a CPU take new weights while it runs, under verl's CPU platform only.

    It repacks linear weights, convolutions and experts for its CPU kernels when a model is loaded and drops the
    originals, so that verl's weight updates find nothing to load into, or of experts load what the kernel then reads in
    another order. Experts are packed anew in each step here, which small models can afford.
    """
    import torch
    import vllm._custom_ops
    from vllm.model_executor.layers.fused_moe.experts.cpu_moe import CPUUnquantizedExperts, cpu_prepack_moe_weight

    vllm._custom_ops._supports_onednn = False
    torch.cpu._is_avx512_bf16_supported = lambda: False  # what the convolutions' own kernel is chosen by
    apply = CPUUnquantizedExperts.apply
    if hasattr(apply, "__wrapped__"):
        return

    @wraps(apply)
    def apply_packed(self: Any, *given: Any, w1: Any, w2: Any, **named: Any) -> None:
        packed = {name: cpu_prepack_moe_weight(weight, self.isa) for name, weight in (("w1", w1), ("w2", w2))}
        apply(self, *given, **packed, **named)

    def keep(self: Any, layer: Any) -> None:
        self._use_zentorch = False

    CPUUnquantizedExperts.apply, CPUUnquantizedExperts.process_weights_after_loading = apply_packed, keep


def orient_experts() -> None:
    """Makes vLLM load a Qwen3-VL-MoE that transformers 5 has saved.

    The published checkpoints hold the experts transposed, (experts, in, out), and so vLLM transposes them; transformers
    5 saves them as (experts, out, in). vLLM looked at the shape until its pull request #47874; here it does again.
    """
    from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

    load = RoutedExperts.load_weights
    if hasattr(load, "__wrapped__"):
        return

    @wraps(load)
    def load_oriented(self: Any, weights: Iterable[tuple[str, Any]]) -> Any:
        hidden = self.moe_config.hidden_dim_unpadded
        return load(self, as_published(weights, hidden) if self.is_fused_checkpoint_transposed else weights)

    RoutedExperts.load_weights = load_oriented


def as_published(weights: Iterable[tuple[str, Any]], hidden: int) -> Iterator[tuple[str, Any]]:
    """Experts that lie the other way turned round.

    Args:
        hidden: size of what goes into the experts, and comes out of them.
    """
    last = {"gate_up_proj": -1, "down_proj": -2}  # where `hidden` stands as transformers 5 saves them
    for name, weight in weights:
        place = last.get(name.rpartition(".")[2])
        turned = place is not None and weight.dim() == 3 and weight.shape[place] == hidden
        yield name, weight.transpose(-1, -2) if turned else weight
