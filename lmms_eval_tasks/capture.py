"""What lmms-eval makes of records: its evaluator, the shipped task and each model class, for one token an answer.

python -m lmms_eval_tasks.capture REQUEST.json

Two reports: `eval_vllm` and `eval_hf`.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import chain, islice
from typing import Any

from lmms_eval_tasks.catalogue import EVAL_TASK, write_task
from lmms_eval_tasks.models.replicas import MAX_TOGETHER, together
from videokr.capture.request import GPU_SHARE, Request, read_request
from videokr.capture.trace import (
    SeenVideo,
    Trace,
    collapsed,
    first_videos,
    recorded,
    recorded_videos,
    write_report,
)
from videokr.errors import exit_status
from videokr.example import Example
from videokr.jsonl import read_examples
from videokr.video.paths import resolve_video

VLLM, HF = "eval_vllm", "eval_hf"


def main() -> int:
    request = read_request(sys.argv[1:])
    examples = [
        replace(example, videos=tuple(str(resolve_video(video, request.media_dir)) for video in example.videos))
        for example in islice(read_examples(request.records), request.count)
    ]
    write_task(examples, request.output / "tasks")
    write_report(request.output, VLLM, capture_vllm(request, examples))
    write_report(request.output, HF, capture_hf(request, examples))
    return 0


def capture_vllm(request: Request, examples: Sequence[Example]) -> list[Trace]:
    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM

    model = VideoKRVLLM(
        str(request.model),
        max_num_batched_tokens=request.max_tokens,  # room for any video, however small the checkpoint's own images are
        gpu_memory_utilization=GPU_SHARE,
        load_format="dummy",
        enforce_eager=True,
        **settings(request),
    )
    model_class = model.engine.apply_model(type)[0]
    with (
        recorded(model_class, "get_mrope_input_positions", lambda _, __, made: made[0].tolist()) as positions,
        recorded(type(model.engine.llm_engine), "step", lambda _, __, made: finished(made)) as prompts,
        recorded_videos(request.output, VLLM) as calls,
    ):
        evaluate(request, model)
    ids = [ids for _, ids in sorted(chain.from_iterable(prompts))]  # answers may come in another order
    return traces(examples, ids, positions, calls, model.processor.tokenizer)


def finished(outputs: Sequence[Any]) -> list[tuple[int, list[int]]]:
    """The number and the prompt of each answer that a step of the engine completed."""
    return [(int(output.request_id), output.prompt_token_ids) for output in outputs if output.finished]


def capture_hf(request: Request, examples: Sequence[Example]) -> list[Trace]:
    from transformers import AutoConfig, AutoModelForImageTextToText

    from lmms_eval_tasks.models.videokr_hf import VideoKRHF

    class Unloaded(VideoKRHF):
        def weights(self, model: str, **_: Any) -> Any:
            return AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(model))

    model = Unloaded(str(request.model), **settings(request))
    text_model = type(model.model.model.language_model)
    with (
        recorded(text_model, "forward", lambda _, given, __: given["position_ids"][-3:, 0].tolist()) as positions,
        recorded(type(model.model), "generate", lambda _, given, __: given["input_ids"][0].tolist()) as ids,
        recorded_videos(request.output, HF) as calls,
    ):
        evaluate(request, model)
    return traces(examples, ids, positions, calls, model.processor.tokenizer)


def settings(request: Request) -> dict[str, Any]:
    """Of both model classes; transformers answers one at a time, and vLLM begins them in order."""
    names = {"min_frames": "min_frame_num", "max_frames": "max_frame_num"}
    budget = {names.get(name, name): value for name, value in asdict(request.budget).items()}
    return {"batch_size": 1, "max_model_len": request.max_tokens, **budget}


def evaluate(request: Request, model: Any) -> None:
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    simple_evaluate(
        model=model,
        tasks=[EVAL_TASK],
        task_manager=TaskManager(include_path=str(request.output / "tasks")),
        gen_kwargs="max_new_tokens=1,do_sample=False",
    )


def traces(
    examples: Sequence[Example],
    prompts: Sequence[Sequence[int]],
    positions: Sequence[Sequence[Sequence[int]]],
    calls: Sequence[Sequence[SeenVideo]],
    tokenizer: Any,
) -> list[Trace]:
    """What the host showed the model of each example, in the order of the examples.

    Args:
        prompts, positions: in the order in which the model was asked: examples of one video one after the other.
        calls: of the video processor, for one or several of an example's videos each.
    """
    coming = iter(calls)
    order = list(chain.from_iterable(together([example.videos for example in examples], MAX_TOGETHER)))
    made = [
        Trace(
            example=example.id,
            prompt=collapsed(tokenizer.decode(ids)),
            prompt_ids=tuple(ids),
            response_ids=None,
            loss=None,
            position_ids=tuple(map(tuple, placed)),
            videos=first_videos(coming, len(example.videos)),
        )
        for example, ids, placed in zip((examples[place] for place in order), prompts, positions, strict=True)
    ]
    return [trace for _, trace in sorted(zip(order, made, strict=True), key=lambda pair: pair[0])]


if __name__ == "__main__":
    sys.exit(exit_status(main))
