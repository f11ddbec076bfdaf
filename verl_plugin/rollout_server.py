"""verl's vLLM rollout server, running a prompt whose videos are not expanded as it is.

Stock verl folds every run of image and video tokens into one before vLLM expands it again. Two videos in a row are such
a run where nothing stands between them (Qwen3-VL), and one of them is lost.
"""

from typing import Any

import ray
from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer, vLLMReplica

from verl_plugin.videos import ENGINE_PASSES, REPLICA, rollout_prompt


class _NotFolded:
    """A processor, but for what verl tells by that prompts are to be folded."""

    image_processor = None

    def __init__(self, processor: Any):
        self.folded = processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.folded, name)


class VideoKRServer(vLLMHttpServer):
    _passes_taken = 0

    def _init_model_config(self, model_config: Any) -> Any:
        config = super()._init_model_config(model_config)
        config.processor = config.processor and _NotFolded(config.processor)
        return config

    async def generate(self, prompt_ids: list[int], *args: Any, **request: Any) -> Any:
        processor = self.model_config.processor
        if processor:
            media = len(request.get("image_data") or ()) + len(request.get("video_data") or ())
            prompt_ids = rollout_prompt(prompt_ids, media, processor.folded)
        output = await super().generate(prompt_ids, *args, **request)
        output.extra_fields[REPLICA] = self.replica_rank
        output.extra_fields[ENGINE_PASSES] = self._take_passes(len(request.get("video_data") or ()))
        return output

    async def clear_kv_cache(self) -> None:
        await super().clear_kv_cache()
        self._passes_taken = 0  # once its cache is emptied, vLLM counts anew

    def _take_passes(self, videos: int) -> int:
        """How many videos vLLM's processor worked on since this was last asked.

        Args:
            videos: of the request that is done: vLLM without a cache works on each.
        """
        cache = self.engine.renderer.mm_processor_cache
        if cache is None:
            return videos
        looked_up = cache.make_stats()
        passes: int = looked_up.total - looked_up.hits
        taken, self._passes_taken = self._passes_taken, passes
        return passes - taken


class VideoKRReplica(vLLMReplica):
    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        self.server_class = ray.remote(VideoKRServer)
