"""A single-turn rollout whose prompt and positions are the same for vLLM and for the trainer.

Stock verl differs in five places:

- It hands vLLM the prompt with its video marks already expanded, and folds each run of video tokens back into one.
  Qwen3-VL puts a timestamp before every temporal patch, so that several runs are left, each of which vLLM expands
  again: 73 tokens where the trainer has 56, timestamps doubled (verl issue #5024). vLLM is sent the prompt before
  expansion here, and makes of it what the trainer has.
- It keeps the seconds of a temporal patch from the function that makes the trainer's positions.
- Both processors would resize once more what is sized already, each within bounds of its own.
- transformers leaves a second pair of marks around a Qwen3-VL video: see videokr/video/vision_tokens.py.
- transformers puts Qwen2.5-VL's text into the middle of the video's time: see videokr/video/positions.py.
"""

from collections.abc import Mapping
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from verl_plugin.sampler import report_fault
from verl_plugin.video_patches import AS_THEY_ARE, is_normalised_by_trainer, share_videos
from verl_plugin.videos import DECODES, PROCESSOR_PASSES
from videokr.errors import UserError
from videokr.video.fast_path import is_fast
from videokr.video.frame_cache import frame_cache
from videokr.video.positions import patch_rope_index
from videokr.video.vision_tokens import drop_outer_marks

SECONDS_PER_PATCH = "second_per_grid_ts"  # what a processor returns that needs to know a video's time scale
SIZED = {"do_sample_frames": False, "do_resize": False}  # what vLLM's processor is to know of our videos


def rope_index_arguments(multi_modal_inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What verl's own call of `get_rope_index` leaves out, by its door `get_rope_index_kwargs`."""
    seconds = multi_modal_inputs.get(SECONDS_PER_PATCH)
    return {} if seconds is None else {SECONDS_PER_PATCH: seconds}


class _RolloutServer:
    """The rollout server, asked with one video mark a video, and all rollouts of a prompt of one replica.

    verl's balancer keeps what has one request id at one replica; vLLM is given ids of its own. So the prompt's video is
    processed and its prefix computed once, and not once in each replica.
    """

    def __init__(self, server: Any, prompt_ids: list[int], request_id: str | None):
        """A server that answers one prompt.

        Args:
            request_id: None: as the host has it.
        """
        self._server = server
        self._prompt_ids = prompt_ids
        self._request_id = request_id

    async def generate(self, *, prompt_ids: list[int], **request: Any) -> Any:
        if self._request_id is not None:
            request["request_id"] = self._request_id
        if request.get("video_data"):
            request["mm_processor_kwargs"] = {**(request.get("mm_processor_kwargs") or {}), **SIZED}
        return await self._server.generate(prompt_ids=self._prompt_ids, **request)


@register("videokr_agent")
class VideoKRAgentLoop(SingleTurnAgentLoop):
    """`actor_rollout_ref.rollout.agent.default_agent_loop=videokr_agent`."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        drop_outer_marks(self.processor)
        # verl has bound the model's function to the worker's processor, and makes the trainer's positions with it.
        self.processor.get_rope_index = patch_rope_index(self.processor.get_rope_index)
        self.processor.get_rope_index_kwargs = rope_index_arguments
        self.processor.video_processor.do_resize = False
        as_bytes = is_fast() and is_normalised_by_trainer(self.config)
        self._patches = share_videos(self.processor, **(AS_THEY_ARE if as_bytes else {}))
        self._stock_server = self.server_manager

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        text = self.processor.apply_chat_template(
            list(kwargs["raw_prompt"]), add_generation_prompt=True, tokenize=False, **self.apply_chat_template_kwargs
        )
        prompt_ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        # Under full determinism vLLM is given the balancer's id, and takes no two requests of one.
        together = None if self.rollout_config.full_determinism else str(kwargs["uid"])
        self.server_manager: Any = _RolloutServer(self._stock_server, prompt_ids, together)
        try:
            output = await super().run(sampling_params, **kwargs)
        except UserError as fault:
            await report_fault(kwargs["uid"], fault)
            raise
        output.extra_fields["uid"] = kwargs["uid"]  # reaches the reward, which reports its own faults under it
        output.extra_fields[DECODES] = frame_cache().take_decodes()
        output.extra_fields[PROCESSOR_PASSES] = self._patches.take_passes()
        return output
