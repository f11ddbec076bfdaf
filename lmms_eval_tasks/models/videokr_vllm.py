"""vLLM for Qwen2.5-VL and Qwen3-VL, with frames sampled at the evaluation budget."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages
from tqdm import tqdm
from transformers import AutoProcessor
from vllm import LLM, SamplingParams

from videokr.budget import EVAL_BUDGET, VideoBudget
from videokr.errors import USER_ERROR_STATUS, UserError
from videokr.marks import drop_outer_marks
from videokr.video_file import read_frames

# The frames arrive sampled and sized: neither the processor nor vLLM may do it a second time.
PROCESSOR_ARGS = {"do_sample_frames": False, "do_resize": False}
SAMPLING_NAMES = ("top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed")


class VideoKRVLLM(lmms):
    """Answers with vLLM's offline engine; one engine a process.

    Under torchrun every process is one replica on its own `tensor_parallel_size` devices and answers its share.

    Args:
        model: checkpoint folder or hub id.
        batch_size: prompts handed to the engine at once; the next batch's videos are decoded meanwhile.
        fps, min_frame_num, max_frame_num, min_pixels, max_pixels: the video budget; pixels are a frame's.
        max_model_len: context in tokens; a generation is cut where it ends.
        data_parallel_size: number of processes; must be torchrun's.
        decode_workers: threads that decode videos.
        engine_args: anything else that vLLM's LLM takes.
    """

    is_simple = False

    def __init__(
        self,
        model: str,
        batch_size: int | str = 1,
        fps: float = EVAL_BUDGET.fps,
        min_frame_num: int = EVAL_BUDGET.min_frames,
        max_frame_num: int = EVAL_BUDGET.max_frames,
        min_pixels: int = EVAL_BUDGET.min_pixels,
        max_pixels: int = EVAL_BUDGET.max_pixels,
        tensor_parallel_size: int = 1,
        data_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.85,
        max_model_len: int = 32_768,
        seed: int = 0,
        trust_remote_code: bool = False,
        decode_workers: int = 4,
        device: str | None = None,
        **engine_args: Any,
    ) -> None:
        super().__init__()
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        if data_parallel_size != processes:
            raise ValueError(
                f"data_parallel_size={data_parallel_size}, but {processes} process(es) were started; "
                "start one process a replica with torchrun, as local_script/eval_videokr.sh does"
            )
        if processes > 1:
            _take_own_devices(int(os.environ["LOCAL_RANK"]), tensor_parallel_size)
        self.device = torch.device("cpu")  # of the host's collectives, which carry counts and texts
        self.batch_size = int(batch_size)
        self.budget = VideoBudget(float(fps), min_frame_num, max_frame_num, min_pixels, max_pixels)
        self.max_model_len = int(max_model_len)
        self.decode_workers = decode_workers
        load_processor: Any = AutoProcessor.from_pretrained
        self.processor = load_processor(model, trust_remote_code=trust_remote_code)
        drop_outer_marks(self.processor)
        self.engine = LLM(
            model=model,
            tensor_parallel_size=tensor_parallel_size,
            gpu_memory_utilization=gpu_memory_utilization,
            max_model_len=self.max_model_len,
            seed=seed,
            trust_remote_code=trust_remote_code,
            **({"mm_processor_cache_gb": 0} | engine_args),  # no video is asked about twice in a row
        )

    def generate_until(self, requests: list[Instance]) -> list[GenerationResult]:
        """Answers every request, in order."""
        batches = [requests[i : i + self.batch_size] for i in range(0, len(requests), self.batch_size)]
        results: list[GenerationResult] = []
        try:
            with tqdm(total=len(requests), desc="Answering", unit="question", disable=self.rank != 0) as progress:
                for prompts, params in self._prepared(batches):
                    outputs = self.engine.generate(prompts, params, use_tqdm=False)
                    for output in outputs:
                        completion = output.outputs[0]
                        counts = TokenCounts(len(output.prompt_token_ids or ()), len(completion.token_ids))
                        results.append(GenerationResult(completion.text, counts))
                    progress.update(len(outputs))
        except UserError as error:
            # lmms-eval would print a traceback, go on without results and exit 0.
            print(f"error: {error}", file=sys.stderr, flush=True)
            raise SystemExit(USER_ERROR_STATUS) from error
        return results

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError("videokr_vllm answers in one round")

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError("videokr_vllm generates; choose a task that does")

    def build_prompt(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """vLLM's input for one conversation: the chat template's text, and (frames, metadata) of every video.

        Raises:
            UserError: a video cannot be decoded.
            ValueError: the messages hold images or audio.
        """
        chat = ChatMessages(messages=list(messages))
        images, videos, audios = chat.extract_media()
        if images or audios:
            raise ValueError("videokr_vllm takes text and videos; use lmms-eval's own vllm model for images and audio")
        text = self.processor.apply_chat_template(chat.to_hf_messages(), tokenize=False, add_generation_prompt=True)
        prompt: dict[str, Any] = {"prompt": text}
        if videos:
            patch_size = self.processor.video_processor.patch_size
            shown = [read_frames(Path(video), self.budget, patch_size) for video in videos]
            prompt["multi_modal_data"] = {
                "video": [(frames.numpy(), plan.metadata | {"do_sample_frames": False}) for frames, plan in shown]
            }
            prompt["mm_processor_kwargs"] = PROCESSOR_ARGS
        return prompt

    def build_sampling_params(self, generation: Mapping[str, Any]) -> SamplingParams:
        """The task's generation settings. `until` is not used: the end of the turn ends a response."""
        greedy = not generation.get("do_sample", True)
        given = {name: generation[name] for name in SAMPLING_NAMES if generation.get(name) is not None}
        return SamplingParams(
            max_tokens=min(int(generation["max_new_tokens"]), self.max_model_len),
            temperature=0.0 if greedy else float(generation.get("temperature", 0.0)),
            **({} if greedy else given),
        )

    def _prepared(self, batches: Sequence[Sequence[Instance]]) -> Iterator[tuple[list[Any], list[SamplingParams]]]:
        """Batches ready for the engine; while one is answered the next is decoded."""
        with ThreadPoolExecutor(self.decode_workers, thread_name_prefix="decode") as pool:
            coming = [pool.submit(self._prompt_of, request) for request in batches[0]] if batches else []
            for position, batch in enumerate(batches):
                ready, following = coming, batches[position + 1] if position + 1 < len(batches) else ()
                coming = [pool.submit(self._prompt_of, request) for request in following]
                try:
                    prompts = [future.result() for future in ready]
                except UserError:
                    pool.shutdown(cancel_futures=True)
                    raise
                yield prompts, [self.build_sampling_params(request.arguments[2]) for request in batch]

    def _prompt_of(self, request: Instance) -> dict[str, Any]:
        _, doc_to_messages, _, doc_id, task, split = request.arguments
        return self.build_prompt(doc_to_messages(self.task_dict[task][split][doc_id]))


def _take_own_devices(local_rank: int, count: int) -> None:
    """Leaves this process's engine the devices of its replica, out of those that were visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else [str(i) for i in range(torch.cuda.device_count())]
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices[local_rank * count : (local_rank + 1) * count])
