"""verl's FSDP engine, to which videos come as bytes; `actor_rollout_ref.model.external_lib=verl_plugin.engine`.

It stands beside the stock engine in verl's registry, which prefers one that names the device's vendor.
"""

from typing import Any

import torch
from verl.utils.device import get_device_id, get_device_name, get_vendor
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from verl_plugin.pixels import PATCHES, STRATEGIES, normalised


class VideoKREngine(FSDPEngineWithLMHead):
    def prepare_model_inputs(self, micro_batch: Any) -> Any:
        inputs, others = super().prepare_model_inputs(micro_batch)
        patches = inputs.get(PATCHES)
        if patches is not None and patches.dtype == torch.uint8:
            inputs[PATCHES] = normalised(patches.to(get_device_id()), self.model_config.processor.video_processor)
        return inputs, others


if get_device_name() != "cpu":  # which has verl_plugin.cpu.engine
    EngineRegistry.register("language_model", list(STRATEGIES), get_device_name(), get_vendor())(VideoKREngine)
