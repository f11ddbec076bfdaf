"""A step of GRPO on a CPU whose rollouts look again at their video, and one of a single turn with as many tokens.

    python -m benchmarks.dialogue_step --folder DIR [--rounds 2]

In the environment of rl. The demo's model; eight rollouts of a prompt, whose clip is another in each step. All sides
generate as many tokens and see as many frames of a clip: a single turn at the first look, a dialogue LOOK_FRAMES at the
first look and as many in each round, of a part that all rollouts ask for. vLLM generates, and what it said is replaced
by turns that call. Seconds by verl's own `timing_s/step`, without each run's first step. By what is logged besides, a
rollout's tokens, and how often a clip or a part was decoded for all rollouts of a prompt.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clips import SAID, SIZES, clips, tiny_model
from benchmarks.grpo_step import FAMILY, ROLLOUTS, ROOT, launch
from benchmarks.sides import parser_of, take_turns
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
        left = GENERATED_TOKENS - sum(map(len, self._turns))
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


def make(folder: Path, size: str, steps: int, max_pixels: int) -> None:
    """Model, clips, agent loops, and rows of each side's number of frames at the first look."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example

    texts = [SYSTEM, *CALLS, *(build_observation([span]) for span in SPANS)]
    tiny_model(folder / "model", FAMILY, PROMPT_TOKENS + RESPONSE_TOKENS, texts)
    made = clips(folder / "clips", size, CLIP_SECONDS, steps)
    for frames in {LOOK_FRAMES, *(frames for frames, _ in SIDES.values())}:
        budget = asdict(RL_BUDGET.bounded(max_frames=frames, max_pixels=max_pixels))
        rows = [
            build_row(
                parse_example({"question": f"Which way does box {number} go?", "answer": "right", "video": clip.name}),
                [str(clip)], "train", number, budget, agentic=True,
            )
            for number, clip in enumerate(made)
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{frames}.parquet")
    own = {"one_turn": {"_target_": "benchmarks.dialogue_step.OneTurn"}}
    own |= {f"{rounds}_rounds": {"_target_": "benchmarks.dialogue_step.Rounds", "rounds": rounds} for rounds in (1, 2)}
    (folder / "loops.yaml").write_text(json.dumps([{"name": name, **loop} for name, loop in own.items()]))


def run(side: str, folder: Path, steps: int) -> list[dict[str, float]]:
    frames, rounds = SIDES[side]
    table = folder / f"{LOOK_FRAMES if rounds else frames}.parquet"
    overrides = [
        f"data.train_files={table}",
        f"data.val_files={table}",
        f"data.max_prompt_length={PROMPT_TOKENS}",
        f"data.max_response_length={RESPONSE_TOKENS}",
        f"actor_rollout_ref.rollout.agent.agent_loop_config_path={folder / 'loops.yaml'}",
        f"actor_rollout_ref.rollout.agent.default_agent_loop={f'{rounds}_rounds' if rounds else 'one_turn'}",
        "trainer.v1.max_rollout_probs_diff=1",  # the trainer gets turns that vLLM did not say
        *(["reward.custom_reward_function.path=pkg://verl_plugin.dialogue_reward"] if rounds else []),
    ]
    logged = launch("side", folder, steps, overrides, {"PYTHONPATH": str(ROOT)})
    return [
        {
            "seconds": step["timing_s/step"],
            "tokens": step["prompt_length/mean"] + step["response_length/mean"],
            "decodes": step["video/decodes_per_prompt"],
        }
        for step in logged
    ]


def main() -> None:
    parser = parser_of(__doc__, "clips and runs", rounds=2)
    parser.add_argument("--size", choices=SIZES, default="720p", help="(default: %(default)s)")
    parser.add_argument("--max-pixels", type=int, default=4_096, help="of a frame (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="of a run (default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, args.size, args.steps, args.max_pixels)
    runs = take_turns(SIDES, args.rounds, lambda side: run(side, folder, args.steps))
    told = {
        side: {
            name: median(step[name] for steps in made for step in steps) for name in ("seconds", "tokens", "decodes")
        }
        for side, made in runs.items()
    }
    print(f"A step of GRPO: {ROLLOUTS} rollouts of {CLIP_SECONDS} s of {args.size}; medians")
    names = list(told)
    for one_turn, dialogue in zip(names[::2], names[1::2], strict=True):
        ratio, rounds = told[dialogue]["seconds"] / told[one_turn]["seconds"], SIDES[dialogue][1]
        for side in (one_turn, dialogue):
            print(
                "{}: {seconds:.2f} s, {tokens:.0f} tokens a rollout, {decodes:g} decodes a prompt".format(
                    side, **told[side]
                )
            )
        print(f"  {ratio:.2f} times the seconds, at most {MOST**rounds:.2f} are wanted")


if __name__ == "__main__":
    main()
