"""The reward that verl calls: `reward.custom_reward_function.path=pkg://verl_plugin.reward`."""

from collections.abc import Mapping
from typing import Any

from videokr.errors import UserError
from videokr.response import Kind, parse_kind, read_answer
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, Reward, check_tolerance, score_response

OPENING = "opening"  # in `extra_info`: what the prompt holds of the response, see `generation_prompt.opening_of`


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    accuracy: str = Accuracy.PAPER,
    tolerance: float = DEFAULT_TOLERANCE,
) -> dict[str, float | bool | str]:
    """Scores one rollout; the same keys for every sample.

    Args:
        data_source: not used; verl passes it.
        solution_str: everything the policy said behind the prompt.
        ground_truth: the gold answer, with or without its tags.
        extra_info: holds `problem_type`, `options` where the question has them, and OPENING where the prompt opened the
            thinking, which then counts as said.
        accuracy: `paper` or `typed`, by `reward.custom_reward_function.reward_kwargs.accuracy`.
        tolerance: relative, of numbers in `typed`.

    Returns:
        `score` = 0.1 * `format` + 0.9 * `acc`, each in [0, 1]; `answered`, and the `reason` for `acc`.

    Raises:
        ValueError: no gold answer, or one that names no option.
        RecordError: `problem_type` is missing or unknown.
        UserError: `accuracy` is unknown, or `tolerance` out of its range.
    """
    check_tolerance(tolerance, "reward_kwargs.tolerance")
    info = extra_info or {}
    asked = question_of(ground_truth, info)
    return as_dict(score_response(whole_response(solution_str, info), *asked, parse_accuracy(accuracy), tolerance))


def question_of(ground_truth: str, extra_info: Mapping[str, Any]) -> tuple[str, Kind, list[str] | None]:
    """The gold answer without its tags, the kind of question, and the options where it has some."""
    options = extra_info.get("options")
    known = None if options is None or len(options) == 0 else list(options)
    return read_answer(ground_truth) or ground_truth, parse_kind(extra_info.get("problem_type")), known


def whole_response(said: str, extra_info: Mapping[str, Any]) -> str:
    """What the policy said, from the opening of its thinking on."""
    return str(extra_info.get(OPENING) or "") + said


def parse_accuracy(name: str) -> Accuracy:
    """Reads the name of an accuracy.

    Raises:
        UserError: there is no such accuracy.
    """
    try:
        return Accuracy(name)
    except ValueError:
        raise UserError(f"reward_kwargs.accuracy={name!r} is unknown: give {' or '.join(Accuracy)}") from None


def as_dict(reward: Reward) -> dict[str, float | bool | str]:
    """What verl gets of a reward."""
    return {
        "score": reward.score,
        "acc": reward.accuracy,
        "format": reward.format,
        "answered": reward.answered,
        "reason": str(reward.reason),
    }
