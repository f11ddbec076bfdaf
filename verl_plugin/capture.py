"""What verl makes of records: its own agent loop worker, with a vLLM engine in this process in place of its server.

python -m verl_plugin.capture REQUEST.json

Two reports: `rl_rollout` is the prompt that vLLM ran, `rl_trainer` the batch that the trainer scores. The gold response
stands in for what the policy would have said.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from verl_plugin.rows import build_row
from videokr.capture.request import GPU_SHARE, Request, gold_turns, read_request
from videokr.capture.trace import (
    SeenVideo,
    Trace,
    collapsed,
    recorded,
    recorded_videos,
    write_report,
)
from videokr.errors import exit_status
from videokr.example import Example
from videokr.family import END_OF_TURN
from videokr.generation_prompt import continuation, generation_prompt, opening_of
from videokr.video.frame_cache import frame_cache

ROLLOUT, TRAINER = "rl_rollout", "rl_trainer"
CONFIG = Path(__file__).parent / "config"


def run_config(request: Request, parquet: Path, response_tokens: int) -> Any:
    """The shipped configuration, with the request's model, rows and budget."""
    from dataclasses import asdict

    from hydra import compose, initialize_config_dir

    length = request.max_tokens
    changed = {
        "actor_rollout_ref.model.path": request.model,
        "data.train_files": parquet,
        "data.train_batch_size": 1,  # however few records there are
        "data.max_prompt_length": length,
        "data.max_response_length": response_tokens,
        "actor_rollout_ref.rollout.prompt_length": length,
        "actor_rollout_ref.rollout.response_length": response_tokens,
        **{f"+data.video_budget.{name}": value for name, value in asdict(request.budget).items()},
    }
    overrides = [
        "hydra.searchpath=[pkg://verl.trainer.config]",
        *(f"{name}={value}" for name, value in changed.items()),
    ]
    with initialize_config_dir(str(CONFIG), version_base=None):
        return compose("videokr_grpo_cpu" if request.cpu else "videokr_grpo", overrides)


class _Engine:
    """Answers as verl's client of its rollout server does: vLLM runs the prompt, what is said are the gold turns."""

    def __init__(self, engine: Any, processor: Any):
        self._engine, self._processor = engine, processor
        self.turns: list[list[int]] = []  # to be said, in order
        self.prompts: list[list[int]] = []

    async def generate(
        self, *, prompt_ids: Sequence[int], video_data: Any = None, mm_processor_kwargs: Any = None, **_: Any
    ) -> Any:
        from verl.workers.rollout.replica import TokenOutput
        from vllm import SamplingParams

        from verl_plugin.videos import rollout_prompt

        prompt = {
            "prompt_token_ids": rollout_prompt(prompt_ids, len(video_data or ()), self._processor),
            "multi_modal_data": {"video": video_data},
            **({"mm_processor_kwargs": mm_processor_kwargs} if mm_processor_kwargs else {}),
        }
        (output,) = self._engine.generate([prompt], SamplingParams(max_tokens=1), use_tqdm=False)
        self.prompts.append(list(output.prompt_token_ids))
        return TokenOutput(token_ids=self.turns.pop(0), log_probs=None, extra_fields={})


def capture(request: Request) -> dict[str, list[Trace]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from verl import DataProto
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker
    from verl.utils.tokenizer import hf_processor, hf_tokenizer
    from vllm import LLM

    from verl_plugin import agent_loop, dialogue_loop  # noqa: F401  (they register themselves)
    from verl_plugin.dataset import VideoKRDataset

    examples = request.examples()
    tokenizer, processor = hf_tokenizer(str(request.model)), hf_processor(str(request.model))
    opening = opening_of(generation_prompt(processor))
    golds = [
        [tokenizer(_gold(turn, opening), add_special_tokens=False)["input_ids"] for turn in turns]
        for turns in (gold_turns(example, processor.chat_template) for example in examples)
    ]
    parquet = request.output / "rows.parquet"
    rows = [
        build_row(example, example.videos, "train", number, agentic=request.agentic)
        for number, example in enumerate(examples)
    ]
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    longest = max(len(turn) for turns in golds for turn in turns)
    config = run_config(request, parquet, request.max_tokens if request.agentic else longest)
    dataset = VideoKRDataset(str(parquet), tokenizer, config.data, processor)
    if len(dataset) != len(examples):
        raise ValueError(f"{len(dataset)} of {len(examples)} rows fit into {request.max_tokens} tokens")
    reports: dict[str, list[Trace]] = {ROLLOUT: [], TRAINER: []}
    engine = LLM(
        str(request.model),
        max_model_len=request.max_tokens,
        max_num_batched_tokens=request.max_tokens,  # as a run has it without chunked prefill
        gpu_memory_utilization=GPU_SHARE,
        load_format="dummy",
        enforce_eager=True,
        mm_processor_cache_gb=0,  # every video is to be seen, also one that two examples share
    )
    model_class = engine.apply_model(type)[0]
    client = _Engine(engine, processor)
    worker = AgentLoopWorker(config, client)
    with (
        recorded(model_class, "get_mrope_input_positions", lambda _, __, made: made[0].tolist()) as positions,
        recorded_videos(request.output, "rl") as calls,
    ):
        for number, (example, gold) in enumerate(zip(examples, golds, strict=True)):
            client.turns, first = list(gold), len(client.prompts)
            frame_cache.cache_clear()  # as the engine's own: see above
            row = {name: value for name, value in dataset[number].items() if not hasattr(value, "ndim")}
            row |= {"agent_name": "videokr_dialogue" if request.agentic else "videokr_agent", "uid": example.id}
            fields = {name: np.array([value, None], dtype=object)[:1] for name, value in row.items()}
            batch = DataProto.from_dict(non_tensors=fields, meta_info={"global_steps": 0, "validate": False})
            made = asyncio.run(worker.generate_sequences(batch)).batch
            kept = made["attention_mask"][0].bool()
            ids = made["input_ids"][0, kept].tolist()
            asked = int(made["attention_mask"][0, : -made["responses"].shape[1]].sum())
            placed = made["position_ids"][0, -3:][:, kept].tolist()
            carries = tuple(made["response_mask"][0, : len(ids) - asked].bool().tolist())
            # The agent loop's, for the trainer: of the question, and again of a whole dialogue. All others are vLLM's,
            # for one video or several.
            trainer_call = calls.pop(0 if len(gold) == 1 else -1)
            shown = list(chain.from_iterable(calls))[-len(trainer_call) :]
            calls.clear()
            reports[TRAINER].append(_trace(example, tokenizer, ids, asked, placed, trainer_call, carries))
            whole, asked = client.prompts[-1], len(client.prompts[first])
            reports[ROLLOUT].append(_trace(example, tokenizer, whole, asked, positions[-1], shown))
    return reports


def _trace(
    example: Example,
    tokenizer: Any,
    ids: Sequence[int],
    asked: int,
    position_ids: Sequence[Sequence[int]],
    videos: Sequence[SeenVideo],
    loss: tuple[bool, ...] | None = None,
) -> Trace:
    """One example.

    Args:
        ids: of prompt and response.
        asked: how many of them are the prompt.
    """
    return Trace(
        example=example.id,
        prompt=collapsed(tokenizer.decode(ids[:asked])),
        prompt_ids=tuple(ids[:asked]),
        response_ids=tuple(ids[asked:]),
        loss=loss,
        position_ids=tuple(map(tuple, position_ids)),
        videos=tuple(videos),
    )


def _gold(turn: str, opening: str) -> str:
    return continuation(turn, opening) + END_OF_TURN


def main() -> int:
    request = read_request(sys.argv[1:])
    if request.cpu:
        os.environ["VERL_USE_EXTERNAL_MODULES"] = "verl_plugin.cpu"
    for host, traces in capture(request).items():
        write_report(request.output, host, traces)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
