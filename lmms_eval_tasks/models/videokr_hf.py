"""Qwen2.5-VL and Qwen3-VL by transformers alone: slow, and without vLLM between the weights and the answer."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, GenerationConfig, set_seed

from lmms_eval_tasks.models.conversation import Conversation
from lmms_eval_tasks.models.video_model import PROCESSOR_ARGS, Questions, VideoModel
from videokr import base_weights
from videokr.errors import UserError
from videokr.evaluation.responses import Generation
from videokr.video.positions import patch_rope_index

SAMPLING_NAMES = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
OF_VLLM_ALONE = ("presence_penalty", "frequency_penalty")


class VideoKRHF(VideoModel):
    """Answers with `generate` of transformers; one model a process, on one device."""

    def load(
        self,
        model: str,
        trust_remote_code: bool,
        dtype: str = "auto",
        attn_implementation: str = "sdpa",
        seed: int = 0,
    ) -> None:
        if self.tool:
            raise UserError("BACKEND=hf answers in one round: a tool needs BACKEND=vllm")
        set_seed(seed)
        local = int(os.environ.get("LOCAL_RANK", "0"))
        self.model_device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
        self.model = self.weights(
            model, dtype=dtype, attn_implementation=attn_implementation, trust_remote_code=trust_remote_code
        )
        self.model.to(self.model_device).eval()
        self.model.model.get_rope_index = patch_rope_index(self.model.model.get_rope_index)
        ends = self.model.generation_config.eos_token_id or self.processor.tokenizer.eos_token_id
        self.ends = ends if isinstance(ends, list) else [ends]
        # `generate` takes from here what a task leaves open: a checkpoint's own penalties would bend greedy answers.
        self.model.generation_config = GenerationConfig()

    def weights(self, model: str, **settings: Any) -> Any:
        load: Any = AutoModelForImageTextToText.from_pretrained
        with base_weights.required():
            return load(model, **settings)

    def answers(self, ahead: Questions, settings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Generation]]:
        """Answers batches, one after the other."""
        first = 0
        for batch in ahead.batches(self.batch_size):
            yield from enumerate(self.answer(batch, settings[first : first + len(batch)]), first)
            first += len(batch)

    def answer(self, batch: Sequence[Conversation], settings: Sequence[Mapping[str, Any]]) -> list[Generation]:
        """Answers a batch of questions.

        Raises:
            UserError: a prompt longer than the context, or a setting that transformers does not have.
        """
        runs = groupby(zip(batch, settings, strict=True), key=lambda pair: dict(pair[1]))
        return list(chain.from_iterable(self._alike([one for one, _ in run], shared) for shared, run in runs))

    def inputs(self, batch: Sequence[Conversation]) -> Any:
        """What the model takes: the processor's tensors, prompts padded on the left."""
        videos = [video for conversation in batch for video in conversation.videos]
        shown = {
            "videos": [frames for frames, _ in videos],
            "video_metadata": [plan.metadata for _, plan in videos],
            **PROCESSOR_ARGS,
        }
        return self.processor(
            text=[conversation.text for conversation in batch],
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **(shown if videos else {}),
        )

    def _alike(self, batch: Sequence[Conversation], generation: Mapping[str, Any]) -> list[Generation]:
        """Answers conversations of the same settings."""
        inputs = self.inputs(batch).to(self.model_device)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        if max(lengths) >= self.max_model_len:
            raise UserError(
                f"a prompt of {max(lengths)} tokens leaves no room for an answer in max_model_len={self.max_model_len}"
            )
        room = [min(int(generation["max_new_tokens"]), self.max_model_len - length) for length in lengths]
        with torch.inference_mode():
            made = self.model.generate(**inputs, generation_config=self.sampling(generation, max(room)))
        start = inputs["input_ids"].shape[1]
        answers = []
        for tokens, length, most in zip(made[:, start:].tolist(), lengths, room, strict=True):
            end = next((place + 1 for place, token in enumerate(tokens) if token in self.ends), most)
            own = tokens[: min(end, most)]
            answers.append(Generation(self.processor.tokenizer.decode(own, skip_special_tokens=True), length, len(own)))
        return answers

    def sampling(self, generation: Mapping[str, Any], max_new_tokens: int) -> GenerationConfig:
        """The task's settings and nothing else, as vLLM has them.

        Raises:
            UserError: a setting that transformers does not have.
        """
        refused = next((name for name in OF_VLLM_ALONE if generation.get(name)), None)
        if refused:
            raise UserError(f"{refused}={generation[refused]}: transformers has no such setting; leave it out")
        given = {name: generation[name] for name in SAMPLING_NAMES if generation.get(name) is not None}
        sampled = generation.get("do_sample", True) and given.get("temperature", 0) > 0
        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=sampled,
            eos_token_id=self.ends,
            pad_token_id=self.processor.tokenizer.pad_token_id,
            **(given if sampled else {}),
        )
