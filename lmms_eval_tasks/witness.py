"""What lmms-eval makes of records: its evaluator, the shipped task and the vLLM model class, for one token each.

python -m lmms_eval_tasks.witness REQUEST.json
"""

import sys
from dataclasses import replace
from itertools import islice

from lmms_eval_tasks.preflight import TASK, write_task
from videokr.errors import exit_status
from videokr.example import read_examples
from videokr.parity.request import Request, read_request
from videokr.parity.witness import Witness, collapsed, first_calls, recorded, recorded_videos, seen_videos, write_report
from videokr.videos import resolve_video

HOST = "evaluation"


def testify(request: Request) -> list[Witness]:
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM

    examples = [
        replace(example, videos=tuple(str(resolve_video(video, request.media_dir)) for video in example.videos))
        for example in islice(read_examples(request.records), request.count)
    ]
    tasks = request.output / "tasks"
    write_task(examples, tasks)
    budget = request.budget
    model = VideoKRVLLM(
        str(request.model),
        batch_size=1,
        fps=budget.fps,
        min_frame_num=budget.min_frames,
        max_frame_num=budget.max_frames,
        min_pixels=budget.min_pixels,
        max_pixels=budget.max_pixels,
        max_model_len=request.max_tokens,
        load_format="dummy",
        enforce_eager=True,
    )
    model_class = model.engine.apply_model(type)[0]
    with (
        recorded(model_class, "get_mrope_input_positions") as positions,
        recorded(type(model.engine), "generate") as answers,
        recorded_videos() as calls,
    ):
        simple_evaluate(
            model=model,
            tasks=[TASK],
            task_manager=TaskManager(include_path=str(tasks)),
            gen_kwargs="max_new_tokens=1,do_sample=False",
        )
    outputs = [output for _, batch in answers for output in batch]
    witnesses = []
    for number, (example, output, placed) in enumerate(zip(examples, outputs, positions, strict=True)):
        own = first_calls(calls, len(example.videos))
        del calls[: len(own)]
        ids = list(output.prompt_token_ids)
        witnesses.append(
            Witness(
                example=example.id,
                prompt=collapsed(model.processor.tokenizer.decode(ids)),
                prompt_ids=tuple(ids),
                response_ids=None,
                loss=None,
                position_ids=tuple(map(tuple, placed[1][0].tolist())),
                videos=seen_videos(own, model.processor, request.output / f"{HOST}-{number}"),
            )
        )
    return witnesses


def main() -> int:
    request = read_request(sys.argv[1:])
    write_report(request.output, HOST, testify(request))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
