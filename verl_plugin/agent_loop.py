"""A single-turn rollout whose prompt and positions are the same for vLLM and for the trainer.

Stock verl hands vLLM the prompt with its video marks already expanded, and folds each run of video tokens back into
one. Qwen3-VL puts a timestamp before every temporal patch, so that several runs are left, each of which vLLM expands
again: 73 tokens where the trainer has 56, timestamps doubled (verl issue #5024). vLLM is sent the prompt before
expansion here, and makes of it what the trainer has.
"""

from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from videokr.positions import continue_after_vision


class _UnexpandedPrompt:
    """The rollout server, asked with one video mark a video."""

    def __init__(self, server: Any, prompt_ids: list[int]):
        self._server = server
        self._prompt_ids = prompt_ids

    async def generate(self, *, prompt_ids: list[int], **request: Any) -> Any:
        return await self._server.generate(prompt_ids=self._prompt_ids, **request)


@register("videokr_agent")
class VideoKRAgentLoop(SingleTurnAgentLoop):
    """`actor_rollout_ref.rollout.agent.default_agent_loop=videokr_agent`."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # verl has bound the model's function to the worker's processor, and makes the trainer's positions with it.
        self.processor.get_rope_index = continue_after_vision(self.processor.get_rope_index)

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        text = self.processor.apply_chat_template(
            list(kwargs["raw_prompt"]), add_generation_prompt=True, tokenize=False, **self.apply_chat_template_kwargs
        )
        prompt_ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        self.server_manager: Any = _UnexpandedPrompt(self.server_manager, prompt_ids)
        return await super().run(sampling_params, **kwargs)
