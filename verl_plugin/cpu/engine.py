"""verl's FSDP2 engine on a CPU; `actor_rollout_ref.model.external_lib=verl_plugin.cpu.engine` registers it."""

from dataclasses import replace
from typing import Any

from verl.workers.engine import EngineRegistry

from verl_plugin.engine import VideoKREngine


@EngineRegistry.register(model_type="language_model", backend="fsdp2", device="cpu")
class CpuEngine(VideoKREngine):
    """That of a GPU, but for the offloading of a reference model.

    The stock engine always offloads it to pinned memory, which needs a GPU's driver. Here it lies in memory anyway.
    """

    def _build_fsdp_module(self, module: Any) -> Any:
        stock: Any = self.engine_config
        self.engine_config: Any = replace(stock, forward_only=False, offload_policy=False)
        try:
            return super()._build_fsdp_module(module)
        finally:
            self.engine_config = stock
