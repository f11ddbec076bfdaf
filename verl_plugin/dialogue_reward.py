"""The reward of dialogues: `reward.custom_reward_function.path=pkg://verl_plugin.dialogue_reward`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from verl_plugin.reward import OPENING, parse_accuracy, question_of
from videokr.dialogue import CallFault
from videokr.dialogue_reward import WEIGHTS, score_dialogue
from videokr.errors import UserError
from videokr.reward import DEFAULT_TOLERANCE, Accuracy

# In `extra_info`: what the model said, turn by turn; what each of its calls showed, or was told; and the gold spans.
TURNS, CALLS, CLUES = "videokr_turns", "videokr_calls", "clues"
BROKEN = {fault: f"broken_calls/{fault.key}" for fault in CallFault}  # how many calls each of them answered
PARTS = ("iou", "calls", "rounds", "broken_calls", *BROKEN.values())  # of what is logged, those of dialogues alone


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    accuracy: str = Accuracy.PAPER,
    tolerance: float = DEFAULT_TOLERANCE,
    weights: Mapping[str, float] = WEIGHTS,
) -> dict[str, float | bool | str]:
    """Scores one rollout of the agent loop `videokr_dialogue`; the same keys for every sample.

    Args:
        data_source, solution_str: not used; verl passes them.
        ground_truth: the gold answer, with or without its tags.
        extra_info: as for `verl_plugin.reward.compute_score`, with TURNS, CALLS, and CLUES where spans are known.
        accuracy: `paper` or `typed`.
        tolerance: relative, of numbers in `typed`.
        weights: of the parts, by `reward.custom_reward_function.reward_kwargs.weights`.

    Raises:
        UserError: another agent loop ran, or a weight has no such part.
    """
    info = extra_info or {}
    if unknown := set(weights) - set(WEIGHTS):
        raise UserError(f"reward_kwargs.weights.{min(unknown)} is unknown: known are {', '.join(WEIGHTS)}")
    if info.get(TURNS) is None:
        raise UserError(
            "this reward is for dialogues: set actor_rollout_ref.rollout.agent.default_agent_loop=videokr_dialogue"
        )
    opening = str(info.get(OPENING) or "")
    broken = Counter(call for call in info[CALLS] if isinstance(call, str))
    given = info.get(CLUES)
    made = score_dialogue(
        [opening + turn for turn in info[TURNS]],
        *question_of(ground_truth, info),
        [] if given is None else [(float(start), float(end)) for start, end in given],
        parse_accuracy(accuracy),
        tolerance,
    )
    return {
        "score": made.score(WEIGHTS | dict(weights)),
        "acc": made.accuracy,
        "format": made.format,
        "answered": made.answered,
        "reason": str(made.reason),
        "iou": made.iou,
        "calls": made.calls,
        "rounds": made.rounds,
        "broken_calls": broken.total(),
        **{name: broken[fault] for fault, name in BROKEN.items()},
    }
