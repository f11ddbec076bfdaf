"""verl's FSDP engine, as VideoKR needs it; `actor_rollout_ref.model.external_lib=verl_plugin.engine`.

- Videos come to it as bytes: verl_plugin/video_patches.py.
- `actor.freeze_vision_tower` freezes. verl 0.9.1 takes the switch and hands it to no engine (verl issues #2526 and
  #1346; pull request #3178 froze in an older one). As there, all of `visual` is meant: the tower and what projects its
  features.
- Rows without a video train with Qwen2.5-VL: verl 0.9.1 shows the vision tower an empty picture for them, and takes
  the mean of what is a tensor in transformers 4 alone (no upstream issue found; done right for Qwen3-VL).

It stands beside the stock engine in verl's registry, which prefers one that names the device's vendor.
"""

import os
from typing import Any

import torch
from verl.utils.device import get_device_id, get_device_name, get_vendor
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from verl_plugin.cluster import FREEZE_VARIABLE
from verl_plugin.video_patches import PATCHES, STRATEGIES, normalised
from videokr import base_weights

FEATURES_ALONE = ("qwen2_5_vl",)  # whose vision tower makes nothing but features for the language model


def features_of(tower: Any, given: Any, made: Any) -> Any:
    """A hook on a vision tower, which then gives its features, as in transformers 4: (tokens, hidden)."""
    return getattr(made, "pooler_output", made)


def vision_tower(model: Any) -> Any:
    return next(module for name, module in model.named_modules() if name.rpartition(".")[2] == "visual")


class VideoKREngine(FSDPEngineWithLMHead):
    def _build_module(self) -> Any:
        with base_weights.required():
            module = super()._build_module()
        if module.config.model_type in FEATURES_ALONE:
            vision_tower(module).register_forward_hook(features_of)
        return module

    def _build_fsdp_module(self, module: Any) -> Any:
        if os.environ.get(FREEZE_VARIABLE) == "1" and not self.engine_config.forward_only:
            # Before the model is sharded and has an optimizer; adapters in the tower are frozen, too.
            tower = vision_tower(module).requires_grad_(False)
            print(f"frozen: {sum(weight.numel() for weight in tower.parameters()):,} weights of the vision tower")
        return super()._build_fsdp_module(module)

    def prepare_model_inputs(self, micro_batch: Any) -> Any:
        inputs, others = super().prepare_model_inputs(micro_batch)
        patches = inputs.get(PATCHES)
        if patches is not None and patches.dtype == torch.uint8:
            inputs[PATCHES] = normalised(patches.to(get_device_id()), self.model_config.processor.video_processor)
        return inputs, others


if get_device_name() != "cpu":  # which has verl_plugin.cpu.engine
    EngineRegistry.register("language_model", list(STRATEGIES), get_device_name(), get_vendor())(VideoKREngine)
