"""Answering by our window of questions in flight, held against vLLM's own `generate` over all of them at once.

    python -m benchmarks.evaluation --folder DIR [--questions 48] [--tokens 256] [--rounds 3]

In the environment of eval, on a CPU. The demo's tiny Qwen3-VL answers questions without a video, greedily, with very
different lengths: a tenth up to all of --tokens. Both sides run in one process, in turns, and have to say the same.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.clips import tiny_model
from benchmarks.sides import Comparison, parser_of, take_turns

AT_ONCE, WINDOW = SIDES = ("generate", "window")
FAMILY, CONTEXT_TOKENS = "qwen3vl", 2048


def main() -> int:
    parser = parser_of(__doc__, "the model", rounds=3)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=256, help="of the longest response")
    args = parser.parse_args()
    sides = ways_to_answer(tiny_model(args.folder / "model", FAMILY, CONTEXT_TOKENS), args.questions, args.tokens)
    said: dict[str, list[str]] = {}

    def run(side: str) -> float:
        start = perf_counter()
        said[side] = sides[side]()
        return perf_counter() - start

    sides[AT_ONCE]()  # warm
    runs = take_turns(SIDES, args.rounds, run)
    Comparison("Answering").add(f"{args.questions} questions, up to {args.tokens} tokens", "s", runs)
    is_same = said[WINDOW] == said[AT_ONCE]
    print(f"the same answers: {'yes' if is_same else 'no'}")
    return 0 if is_same else 1


def question(number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": f"What comes after {number}?"}]}]


def ways_to_answer(model: Path, questions: int, tokens: int) -> dict[str, Callable[[], list[str]]]:
    """What each side does: answers every question, in order."""
    from lmms_eval_tasks.models.read_ahead import ReadAhead
    from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM, build_prompt

    engine: Any = VideoKRVLLM(str(model), max_model_len=CONTEXT_TOKENS, dtype="float32", enforce_eager=True)
    sampling = engine.sampling

    def to_the_end(settings: dict[str, Any]) -> Any:
        params = sampling(settings)
        params.ignore_eos = True  # the lengths are those drawn below, whatever the model says
        return params

    engine.sampling = to_the_end
    drawn = random.Random(0)
    asked = [question(number) for number in range(questions)]
    settings = [{"max_new_tokens": drawn.randint(tokens // 10, tokens), "do_sample": False} for _ in asked]

    def at_once() -> list[str]:
        prompts = [build_prompt(engine.read(messages)) for messages in asked]
        outputs = engine.engine.generate(prompts, list(map(engine.sampling, settings)), use_tqdm=False)
        return [output.outputs[0].text for output in outputs]

    def window() -> list[str]:
        ahead = ReadAhead(engine.read, asked, engine.decode_workers, engine.max_ahead)
        return [generation.text for _, generation in sorted(engine.answers(ahead, settings), key=lambda pair: pair[0])]

    return {AT_ONCE: at_once, WINDOW: window}


if __name__ == "__main__":
    sys.exit(main())
