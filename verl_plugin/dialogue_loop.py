"""A rollout of several rounds: the model asks for parts of its video, sees their frames, and answers.

`actor_rollout_ref.rollout.agent.default_agent_loop=videokr_dialogue`. Stock `tool_agent` cannot be taken: it hands
vLLM what the trainer's processor has expanded (see agent_loop.py), knows no videos as a tool's response, and ends a
rollout without a word where a call is broken.

vLLM is asked each round with everything so far, one mark a video; the trainer's ids grow beside it, each video written
out as its plan has it. What the user's turns hold has mask 0.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.utils.profiler import simple_timer

from verl_plugin.agent_loop import SIZED, VideoKRAgentLoop
from verl_plugin.dialogue_reward import CALLS, TURNS
from verl_plugin.sampler import report_fault
from verl_plugin.videos import DECODES, ENGINE_PASSES, PROCESSOR_PASSES, as_given, budget_of, local_path, videos_of
from videokr.budget import VideoBudget
from videokr.dialogue import Call, CallFault, build_observation, calls_to_answer, read_turn
from videokr.errors import UserError
from videokr.family import USER_TURN, VIDEO
from videokr.generation_prompt import generation_prompt, opening_of
from videokr.prompt import VIDEO_PLACEHOLDER
from videokr.video.frame_cache import Frames, frame_cache
from videokr.video.look import look
from videokr.video.vision_tokens import MARKED_VIDEO, put_videos


@dataclass
class _Rollout:
    """What has been said so far, as the engine and as the trainer have it."""

    engine_ids: list[int]
    videos: list[Any]
    response_ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def add(self, engine_ids: Sequence[int], ids: Sequence[int], log_probs: Sequence[float] | None) -> None:
        """Adds a turn.

        Args:
            log_probs: of the model's own; None: of a turn of the user's.
        """
        self.engine_ids += engine_ids
        self.response_ids += ids
        self.mask += [int(log_probs is not None)] * len(ids)
        self.log_probs += log_probs if log_probs is not None else [0.0] * len(ids)


@register("videokr_dialogue")
class VideoKRDialogueLoop(VideoKRAgentLoop):
    async def run(self, sampling_params: dict[str, Any], priority: int = 0, **kwargs: Any) -> AgentLoopOutput:
        try:
            return await self._run(sampling_params, int(priority), **kwargs)
        except UserError as fault:
            await report_fault(kwargs["uid"], fault)
            raise

    async def _run(self, sampling_params: dict[str, Any], priority: int, **kwargs: Any) -> AgentLoopOutput:
        messages = list(kwargs["raw_prompt"])
        given = await self.process_multi_modal_info(messages)
        text = self.processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False, **self.apply_chat_template_kwargs
        )
        opening = opening_of(text)
        prompt_ids = await self.ct_build_initial_tokens(messages, videos=given.get("videos"))
        rollout = _Rollout(self._ids(text), list(given.get("videos") or []))
        video = videos_of(messages)[0]
        metrics: dict[str, Any] = {}
        passes, output = 0, None
        while True:
            left = self.response_length - len(rollout.response_ids)
            with simple_timer("generate_sequences", metrics):
                output = await self._stock_server.generate(
                    request_id=str(kwargs["uid"]) if not self.rollout_config.full_determinism else uuid4().hex,
                    prompt_ids=list(rollout.engine_ids),
                    sampling_params={**sampling_params, "max_tokens": left},
                    video_data=list(rollout.videos) or None,
                    mm_processor_kwargs=SIZED,
                    priority=priority,
                )
            passes += output.extra_fields.get(ENGINE_PASSES, 0)
            said = output.token_ids[:left]
            rollout.add(said, said, (output.log_probs or [0.0] * len(said))[:left])
            rollout.turns.append(self.tokenizer.decode(said, skip_special_tokens=True))
            calls = calls_to_answer(read_turn(opening + rollout.turns[-1]), len(rollout.turns) - 1)
            if not calls or not await self._observe(rollout, calls, video):
                break
        return AgentLoopOutput(
            prompt_ids=prompt_ids,
            response_ids=rollout.response_ids,
            response_mask=rollout.mask,
            response_logprobs=rollout.log_probs if output.log_probs else None,
            multi_modal_data={"videos": rollout.videos} if rollout.videos else {},
            num_turns=2 * len(rollout.turns),
            metrics={"num_preempted": -1} | metrics,
            extra_fields=output.extra_fields
            | {
                "turn_scores": [],
                "tool_rewards": [],
                "uid": kwargs["uid"],
                TURNS: rollout.turns,
                CALLS: [list(one) if isinstance(one, tuple) else str(one) for one in rollout.calls],
                ENGINE_PASSES: passes,
                DECODES: frame_cache().take_decodes(),
                PROCESSOR_PASSES: self._patches.take_passes(),
            },
        )

    async def _observe(self, rollout: _Rollout, calls: Sequence[Call], video: dict[str, Any]) -> bool:
        """Shows what was called for; whether there is room for it, and for an answer."""
        given = local_path(video), budget_of(video), int(self.processor.video_processor.patch_size)
        shown = await asyncio.gather(*(asyncio.to_thread(look, *given, call, _cached) for call in calls))
        for seen in (shown, [(CallFault.NO_ROOM, None)]):
            frames = [found for _, found in seen if found is not None]
            told = build_observation([call for call, _ in seen])
            text = f"\n{USER_TURN.format(told)}{generation_prompt(self.processor)}"
            plans = [plan for _, plan in frames]
            mark = VIDEO if plans and plans[0].timestamped else MARKED_VIDEO
            ids = self._ids(put_videos(text, VIDEO_PLACEHOLDER, plans))
            if len(rollout.response_ids) + len(ids) < self.response_length:
                rollout.add(self._ids(text.replace(VIDEO_PLACEHOLDER, mark)), ids, None)
                rollout.videos += as_given(frames) or []
                rollout.calls += [call for call, _ in seen]
                return True
        rollout.calls.append(CallFault.NO_ROOM)  # nor for being told so
        return False

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _cached(path: Path, budget: VideoBudget, patch_size: int) -> Frames:
    return frame_cache().read(path, budget, patch_size).result()
