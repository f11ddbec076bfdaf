"""Answering by our window of questions in flight, held against vLLM's own `generate` over all of them at once.

    python -m benchmarks.evaluation --folder DIR [--questions 48] [--tokens 256] [--rounds 3]
    python -m torch.distributed.run --standalone --nproc_per_node 2 -m benchmarks.evaluation --folder DIR ...

In the environment of eval, on a CPU. The demo's tiny Qwen3-VL answers questions without a video, greedily, with very
different lengths: a tenth up to all of --tokens. `batches of 4` is what waiting for the longest of a batch costs. All
sides run in one process, in turns, and have to say the same.

Under torchrun the replicas' fixed shares are held against questions that are handed out as replicas become free, 8 in
flight each. The responses of replica 0's share are 16 times as long. A stand-in for the model takes 2 ms a token of all
in flight: replicas of a real one on one CPU slow each other down, which they do not with a GPU each.
"""

import io
import os
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from types import SimpleNamespace
from typing import Any

from benchmarks.clips import tiny_model
from benchmarks.sides import Comparison, parser_of, take_turns

AT_ONCE, WINDOW, BATCHES = SIDES = ("generate", "window", "batches of 4")
FIXED, HANDED_OUT = SHARINGS = ("fixed shares", "handed out")
FAMILY, CONTEXT_TOKENS, BATCH = "qwen3vl", 2048, 4
TIMES_LONGER, IN_FLIGHT, STEP_SECONDS = 16, 8, 0.002


def main() -> int:
    parser = parser_of(__doc__, "the model", rounds=3)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=256, help="of the longest response")
    args = parser.parse_args()
    replicas = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    names = SIDES if replicas == 1 else SHARINGS
    if replicas == 1:
        sides = ways_to_answer(tiny_model(args.folder / "model", FAMILY, CONTEXT_TOKENS), args.questions, args.tokens)
    else:
        sides = ways_to_share(args.questions, args.tokens)
    if rank:
        sys.stdout = io.StringIO()  # replica 0 tells
    said: dict[str, list[str]] = {}

    def run(side: str) -> float:
        start = perf_counter()
        said[side] = sides[side]()
        return perf_counter() - start

    sides[names[0]]()  # warm
    runs = take_turns(names, args.rounds, run)
    Comparison("Answering").add(f"{args.questions} questions, up to {args.tokens} tokens", "s", runs)
    differing = [side for side in names if said[side] != said[names[0]]]
    print(f"the same answers: {'no, of ' + ', '.join(differing) if differing else 'yes'}")
    return int(bool(differing))


def question(number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": f"What comes after {number}?"}]}]


def ways_to_share(questions: int, tokens: int) -> dict[str, Callable[[], list[str]]]:
    """What each side does: answers this replica's share of the questions, until all replicas have."""
    import torch.distributed as dist

    from lmms_eval_tasks.models import video_model
    from videokr.evaluation.responses import Generation

    class Paced(video_model.VideoModel):
        def __init__(self) -> None:
            self.opening, self.log, self.decode_workers, self.max_ahead = "", None, 1, 2
            self.task_dict = {"task": {"test": range(questions)}}

        def read(self, messages: Any) -> Any:
            return messages[0]["content"][0]["text"]

        def answers(self, ahead: Any, settings: Any) -> Iterator[tuple[int, Generation]]:
            left: dict[int, int] = {}
            texts: dict[int, str] = {}
            while True:
                while len(left) < self.max_in_flight and (text := ahead.take(wait=not left)) is not None:
                    left[ahead.taken - 1], texts[ahead.taken - 1] = settings[ahead.taken - 1]["max_new_tokens"], text
                if not left:
                    return
                sleep(STEP_SECONDS)
                left = {place: tokens - 1 for place, tokens in left.items()}
                for place in [place for place, tokens in left.items() if not tokens]:
                    yield place, Generation(texts[place], 1, left.pop(place))

    video_model.MAX_IN_FLIGHT = IN_FLIGHT
    dist.init_process_group("gloo")
    rank, replicas = dist.get_rank(), dist.get_world_size()
    model: Any = Paced()
    lengths = [tokens if number % replicas == 0 else tokens // TIMES_LONGER for number in range(questions)]
    requests = [
        SimpleNamespace(arguments=("", question, {"max_new_tokens": lengths[number]}, number, "task", "test"))
        for number in range(rank, questions, replicas)
    ]

    def answered(sharing: str) -> list[str]:
        model._rank, model._world_size = (0, 1) if sharing == FIXED else (rank, replicas)
        dist.barrier()
        said = [result.text for result in model.generate_until(requests)]
        dist.barrier()
        return said

    return {name: partial(answered, name) for name in SHARINGS}


def ways_to_answer(model: Path, questions: int, tokens: int) -> dict[str, Callable[[], list[str]]]:
    """What each side does: answers every question, in order."""
    from lmms_eval_tasks.models.read_ahead import ReadAhead
    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM, build_prompt

    engine: Any = VideoKRVLLM(
        str(model), batch_size=BATCH, max_model_len=CONTEXT_TOKENS, dtype="float32", enforce_eager=True
    )
    sampling = engine.sampling

    def to_the_end(settings: dict[str, Any]) -> Any:
        params = sampling(settings)
        params.ignore_eos = True  # the lengths are those drawn below, whatever the model says
        return params

    engine.sampling = to_the_end
    drawn = random.Random(0)
    asked = [question(number) for number in range(questions)]
    settings = [{"max_new_tokens": drawn.randint(tokens // 10, tokens), "do_sample": False} for _ in asked]

    def generated(places: range) -> list[str]:
        prompts = [build_prompt(engine.read(asked[place])) for place in places]
        outputs = engine.engine.generate(prompts, [engine.sampling(settings[p]) for p in places], use_tqdm=False)
        return [output.outputs[0].text for output in outputs]

    def window() -> list[str]:
        ahead = ReadAhead(engine.read, asked, engine.decode_workers, engine.max_ahead)
        return [generation.text for _, generation in sorted(engine.answers(ahead, settings), key=lambda pair: pair[0])]

    def batches() -> list[str]:
        starts = range(0, questions, BATCH)
        return [text for start in starts for text in generated(range(start, min(start + BATCH, questions)))]

    return {AT_ONCE: lambda: generated(range(questions)), WINDOW: window, BATCHES: batches}


if __name__ == "__main__":
    sys.exit(main())
