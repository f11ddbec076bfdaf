"""vLLM for Qwen2.5-VL and Qwen3-VL, with frames sampled at the evaluation budget."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import torch
from vllm import LLM, SamplingParams

from lmms_eval_tasks.benchmark import SAMPLING_NAMES
from lmms_eval_tasks.models.conversation import Conversation
from lmms_eval_tasks.models.video_model import PROCESSOR_ARGS, Questions, VideoModel
from videokr.evaluation.responses import Generation


class VideoKRVLLM(VideoModel):
    """Answers with vLLM's offline engine; one engine a process, on its own `tensor_parallel_size` devices."""

    def load(
        self,
        model: str,
        trust_remote_code: bool,
        tensor_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.85,
        seed: int = 0,
        **engine_args: Any,
    ) -> None:
        """Loads the engine.

        Args:
            engine_args: anything else that vLLM's LLM takes.
        """
        if "LOCAL_RANK" in os.environ:
            _take_own_devices(int(os.environ["LOCAL_RANK"]), tensor_parallel_size)
        self.engine = LLM(
            model=model,
            tensor_parallel_size=tensor_parallel_size,
            gpu_memory_utilization=gpu_memory_utilization,
            max_model_len=self.max_model_len,
            seed=seed,
            trust_remote_code=trust_remote_code,
            # The prefix cache knows a video that is asked about again; its patches would take GiB besides.
            **({"mm_processor_cache_gb": 0} | engine_args),
        )
        # vLLM keeps what has no room in its KV cache waiting: another replica may have room.
        kv_tokens = self.engine.llm_engine.vllm_config.cache_config.kv_cache_size_tokens
        video = self.processor.video_processor
        pixels_a_token = video.temporal_patch_size * (video.patch_size * video.merge_size) ** 2
        self.max_pixels_in_flight = min(self.max_pixels_in_flight, kv_tokens * pixels_a_token)

    def answers(self, ahead: Questions, settings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Generation]]:
        """Keeps a window of questions in flight: as one is answered the next is asked; none waits for the longest."""
        in_flight: dict[str, tuple[int, Conversation]] = {}  # place of each
        following: dict[Future[Conversation | None], tuple[int, Generation]] = {}  # rounds that are being decoded
        prompt_tokens = known_tokens = 0
        while True:
            for read in [read for read in following if read.done() or not in_flight]:
                place, generation = following.pop(read)
                conversation = read.result()
                if conversation is None:
                    yield place, generation
                else:
                    in_flight[self._ask(conversation, settings[place])] = place, conversation
            while len(in_flight) < self.max_in_flight and self._pixels(in_flight) < self.max_pixels_in_flight:
                conversation = ahead.take(wait=not in_flight)
                if conversation is None:
                    break
                place = ahead.taken - 1
                in_flight[self._ask(conversation, settings[place])] = place, conversation
            if not in_flight and not following:
                break
            for output in self.engine.llm_engine.step():
                if output.finished:
                    place, conversation = in_flight.pop(output.request_id)
                    said = output.outputs[0]
                    text = "\n".join([*conversation.said, said.text])
                    generation = Generation(text, len(output.prompt_token_ids or ()), len(said.token_ids))
                    prompt_tokens += generation.prompt_tokens
                    known_tokens += output.num_cached_tokens or 0
                    if self.tool:
                        read = ahead.submit(partial(self.rounds.following, conversation, said.text))
                        following[read] = place, generation
                    else:
                        yield place, generation
        if prompt_tokens and self.rank == 0:
            print(f"vLLM's prefix cache held {known_tokens / prompt_tokens:.1%} of the prompts' tokens", flush=True)

    def _ask(self, conversation: Conversation, generation: Mapping[str, Any]) -> str:
        """The request's id, as an output is called; the engine's own name has more."""
        (name,) = self.engine.enqueue([build_prompt(conversation)], [self.sampling(generation)], use_tqdm=False)
        return str(name.partition("-")[0])

    @staticmethod
    def _pixels(in_flight: Mapping[str, tuple[int, Conversation]]) -> int:
        return sum(conversation.pixels for _, conversation in in_flight.values())

    def sampling(self, generation: Mapping[str, Any]) -> SamplingParams:
        greedy = not generation.get("do_sample", True)
        given = {name: generation[name] for name in SAMPLING_NAMES if generation.get(name) is not None}
        return SamplingParams(
            max_tokens=min(int(generation["max_new_tokens"]), self.max_model_len),
            temperature=0.0 if greedy else float(generation.get("temperature", 0.0)),
            **({} if greedy else given),
        )


def build_prompt(conversation: Conversation) -> dict[str, Any]:
    """vLLM's input: the text, and (frames, metadata) of every video."""
    prompt: dict[str, Any] = {"prompt": conversation.text}
    if conversation.videos:
        shown = [(frames.numpy(), plan.metadata | {"do_sample_frames": False}) for frames, plan in conversation.videos]
        prompt["multi_modal_data"] = {"video": shown}
        prompt["mm_processor_kwargs"] = PROCESSOR_ARGS
    return prompt


def _take_own_devices(local_rank: int, count: int) -> None:
    """Leaves this process's engine the devices of its replica, out of those that were visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else [str(i) for i in range(torch.cuda.device_count())]
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices[local_rank * count : (local_rank + 1) * count])
