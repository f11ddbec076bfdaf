"""What lmms-eval makes of records: its evaluator, the shipped task and each model class, for one token an answer.

python -m lmms_eval_tasks.capture REQUEST.json

Two reports: `eval_vllm` and `eval_hf`.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from lmms_eval_tasks.catalogue import EVAL_TASK, write_task
from lmms_eval_tasks.models.conversation import Conversation, Rounds
from lmms_eval_tasks.models.replicas import MAX_TOGETHER, together
from videokr.capture.request import GPU_SHARE, Request, gold_turns, read_request
from videokr.capture.trace import (
    SeenVideo,
    Trace,
    collapsed,
    first_videos,
    recorded,
    recorded_videos,
    write_report,
)
from videokr.dialogue import CROP
from videokr.errors import exit_status
from videokr.example import Example
from videokr.generation_prompt import continuation

VLLM, HF = "eval_vllm", "eval_hf"


def main() -> int:
    request = read_request(sys.argv[1:])
    examples = request.examples()
    write_task(examples, request.output / "tasks")
    if request.agentic:
        os.environ["TOOL"] = CROP  # the system turn tells of it, as in the launcher
    write_report(request.output, VLLM, capture_vllm(request, examples))
    if not request.agentic:  # of which this class has none
        write_report(request.output, HF, capture_hf(request, examples))
    return 0


def capture_vllm(request: Request, examples: Sequence[Example]) -> list[Trace]:
    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM

    model = watched(VideoKRVLLM)(
        str(request.model),
        max_num_batched_tokens=request.max_tokens,  # room for any video, however small the checkpoint's own images are
        gpu_memory_utilization=GPU_SHARE,
        load_format="dummy",
        enforce_eager=True,
        tool=CROP if request.agentic else "",
        **settings(request),
    )
    model.expect(examples)
    model_class = model.engine.apply_model(type)[0]
    with (
        recorded(model_class, "get_mrope_input_positions", lambda _, __, made: made[0].tolist()) as positions,
        recorded(type(model.engine.llm_engine), "step", lambda _, __, made: finished(made)) as prompts,
        recorded_videos(request.output, VLLM) as calls,
    ):
        evaluate(request, model)
    ids = [ids for _, ids in sorted(chain.from_iterable(prompts))]  # answers may come in another order
    return traces(model.asked, examples, ids, positions, calls, model.processor.tokenizer)


def asked_order(examples: Sequence[Example]) -> list[int]:
    """The places of the examples as the model classes begin them: those of one video one after the other."""
    return list(chain.from_iterable(together([example.videos for example in examples], MAX_TOGETHER)))


def watched(model_class: Any) -> Any:
    """The model class with gold turns in place of what a model without weights says in dialogues."""

    class Watched(model_class):
        def expect(self, examples: Sequence[Example]) -> None:
            self._turns = [gold_turns(example, self.processor.chat_template) for example in examples]
            self._coming = iter(asked_order(examples))
            self._places: dict[int, tuple[int, Conversation]] = {}  # kept with the conversation: so is its id
            self._rounds = Rounds(self.processor, self.budget, self.max_model_len, self.opening)
            self.rounds = self
            self.asked: list[tuple[int, int]] = []  # the example's place and how many videos were shown, each time

        def following(self, before: Conversation, said: str) -> Conversation | None:
            """The next of the rounds."""
            place, _ = self._places[id(before)]
            turn = continuation(self._turns[place][len(before.said) // 2], self.opening)
            coming = self._rounds.following(before, turn)
            if coming is not None:
                self._places[id(coming)] = place, coming
            return coming

        def _ask(self, conversation: Conversation, generation: Any) -> str:
            if id(conversation) not in self._places:
                self._places[id(conversation)] = next(self._coming), conversation
            self.asked.append((self._places[id(conversation)][0], len(conversation.videos)))
            return str(super()._ask(conversation, generation))

    return Watched


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
    asked = [(place, len(examples[place].videos)) for place in asked_order(examples)]
    return traces(asked, examples, ids, positions, calls, model.processor.tokenizer)


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
    asked: Sequence[tuple[int, int]],
    examples: Sequence[Example],
    prompts: Sequence[Sequence[int]],
    positions: Sequence[Sequence[Sequence[int]]],
    calls: Sequence[Sequence[SeenVideo]],
    tokenizer: Any,
) -> list[Trace]:
    """What the host showed the model of each example, in the order of the examples; of a dialogue its last round.

    Args:
        asked, prompts, positions: each time that the model was asked: the example's place and how many videos it was
            shown; the token ids; the positions.
        calls: of the video processor, for one or several of an example's videos each.
    """
    coming = iter(calls)
    questions: dict[int, int] = {}  # tokens up to the first round
    made: dict[int, Trace] = {}
    for (place, videos), ids, placed in zip(asked, prompts, positions, strict=True):
        question = questions.setdefault(place, len(ids))
        made[place] = Trace(
            example=examples[place].id,
            prompt=collapsed(tokenizer.decode(ids[:question])),
            prompt_ids=tuple(ids[:question]),
            response_ids=tuple(ids[question:]),
            loss=None,
            position_ids=tuple(map(tuple, placed)),
            videos=first_videos(coming, videos),
        )
    return [trace for _, trace in sorted(made.items())]


if __name__ == "__main__":
    sys.exit(exit_status(main))
