"""A step of GRPO on a CPU whose rollouts look again at their video, and one of a single turn with as many tokens.

    python -m benchmarks.dialogue_step --folder DIR [--rounds 3]

In the environment of rl. The demo's model; eight rollouts of a prompt, each step's clip another. All sides generate as
many tokens and see as many frames: a single turn at the first look, a dialogue LOOK_FRAMES at the first look and as
many in each round, of a part that all rollouts ask for. vLLM generates; turns that call are put in the place of what it
said.

One run, in which the sides take turns step by step, behind a first step that is not counted. Seconds by verl's own
`timing_s/step`; by its other curves a rollout's tokens, and how often a clip or a part was decoded for all rollouts of
a prompt.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import randrange
from statistics import median
from typing import Any

from benchmarks.clips import SAID, SIZES, clips, tiny_model
from benchmarks.grpo_step import FAMILY, ROLLOUTS, ROOT, launch
from benchmarks.sides import parser_of
from verl_plugin.agent_loop import VideoKRAgentLoop
from verl_plugin.dialogue_loop import VideoKRDialogueLoop
from videokr.dialogue import SYSTEM, build_call_turn, build_observation
from videokr.family import END_OF_TURN

CLIP_SECONDS, LOOK_FRAMES = 60, 40
SPANS = ((0.0, 20.0), (20.0, 40.0))  # of each round: LOOK_FRAMES at two frames a second
MOST = 1.3  # times a single turn's seconds, for each round
PROMPT_TOKENS, RESPONSE_TOKENS, GENERATED_TOKENS = 2_048, 2_048, 192
# Frames that are seen in all, and rounds; each pair sees and says as much.
SIDES = {
    "80 frames, one turn": (80, 0),
    "80 frames, one round": (80, 1),
    "120 frames, one turn": (120, 0),
    "120 frames, two rounds": (120, 2),
}
CALLS = [build_call_turn("It is there.", [span]) for span in SPANS]


class _Forced:
    """vLLM's server, which generates as many tokens as a turn has; the turn is told in their place."""

    def __init__(self, server: Any, tokenizer: Any, rounds: int):
        self._server = server
        self._turns = [tokenizer(f"{call}{END_OF_TURN}")["input_ids"] for call in CALLS[:rounds]]
        answer = tokenizer(f"{SAID}{END_OF_TURN}")["input_ids"]
        # Not all rollouts of a step as long as each other, which verl 0.9.1's nested positions do not take.
        left = GENERATED_TOKENS - sum(map(len, self._turns)) - randrange(ROLLOUTS)
        self._turns.append((answer[:1] * left + answer)[-left:])

    async def generate(self, *, sampling_params: dict[str, Any], video_data: Sequence[Any], **request: Any) -> Any:
        turn = self._turns[len(video_data) - 1]
        asked = sampling_params | {"max_tokens": len(turn), "ignore_eos": True}
        output = await self._server.generate(sampling_params=asked, video_data=video_data, **request)
        output.token_ids = turn
        return output


class OneTurn(VideoKRAgentLoop):
    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        self._stock_server = _Forced(self._stock_server, self.tokenizer, 0)


class Rounds(VideoKRDialogueLoop):
    def __init__(self, *args: Any, rounds: int, **settings: Any):
        super().__init__(*args, **settings)
        self._stock_server = _Forced(self._stock_server, self.tokenizer, rounds)


def make(folder: Path, size: str, rounds: int, max_pixels: int) -> list[str]:
    """Model, clips, agent loops, and a row for each step; the side of each, the first one's counted nowhere."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example

    texts = [SYSTEM, *CALLS, *(build_observation([span]) for span in SPANS)]
    tiny_model(folder / "model", FAMILY, PROMPT_TOKENS + RESPONSE_TOKENS, texts)
    sides = [next(iter(SIDES)), *list(SIDES) * rounds]
    rows = []
    for number, (side, clip) in enumerate(
        zip(sides, clips(folder / "clips", size, CLIP_SECONDS, len(sides)), strict=True)
    ):
        frames, looks = SIDES[side]
        budget = asdict(RL_BUDGET.bounded(max_frames=LOOK_FRAMES if looks else frames, max_pixels=max_pixels))
        asked = parse_example({"question": f"Which way does box {number} go?", "answer": "right", "video": clip.name})
        rows.append(
            build_row(asked, [str(clip)], "train", number, budget, agentic=True) | {"agent_name": f"{looks}_rounds"}
        )
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    pq.write_table(pa.Table.from_pylist(rows[:1]), folder / "test.parquet")
    loops: list[dict[str, Any]] = [{"name": "0_rounds", "_target_": "benchmarks.dialogue_step.OneTurn"}]
    for looks in (1, 2):
        loops.append({"name": f"{looks}_rounds", "_target_": "benchmarks.dialogue_step.Rounds", "rounds": looks})
    (folder / "loops.yaml").write_text(json.dumps(loops))
    return sides


def main() -> None:
    parser = parser_of(__doc__, "clips and the run", rounds=3)
    parser.add_argument("--size", choices=SIZES, default="720p", help="(default: %(default)s)")
    parser.add_argument("--max-pixels", type=int, default=4_096, help="of a frame (default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sides = make(folder, args.size, args.rounds, args.max_pixels)
    overrides = [
        f"data.max_prompt_length={PROMPT_TOKENS}",
        f"data.max_response_length={RESPONSE_TOKENS}",
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={folder / 'loops.yaml'}",
        "trainer.v1.max_rollout_probs_diff=1",  # the trainer gets turns that vLLM did not say
    ]
    logged = launch("dialogues", folder, len(sides), overrides, {"PYTHONPATH": str(ROOT)})
    told = {side: [step for its, step in zip(sides[1:], logged, strict=True) if its == side] for side in SIDES}
    print(f"A step of GRPO: {ROLLOUTS} rollouts of {CLIP_SECONDS} s of {args.size}; medians of {args.rounds} steps")
    names = list(told)
    for one_turn, dialogue in zip(names[::2], names[1::2], strict=True):
        seconds = {side: _median(told[side], "timing_s/step") for side in (one_turn, dialogue)}
        for side, taken in seconds.items():
            tokens = sum(_median(told[side], f"{part}_length/mean") for part in ("prompt", "response"))
            decodes = _median(told[side], "video/decodes_per_prompt")
            print(f"{side}: {taken:.2f} s, {tokens:.0f} tokens a rollout, {decodes:g} decodes a prompt")
        most = MOST ** SIDES[dialogue][1]
        print(f"  {seconds[dialogue] / seconds[one_turn]:.2f} times the seconds; at most {most:.2f} are wanted")


def _median(steps: Sequence[dict[str, float]], name: str) -> float:
    return median(step[name] for step in steps)


if __name__ == "__main__":
    main()
