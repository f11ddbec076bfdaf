"""The reward that verl calls: `reward.custom_reward_function.path=pkg://verl_plugin.reward`."""

from collections.abc import Mapping
from typing import Any

from videokr.example import parse_kind
from videokr.response import read_answer
from videokr.reward import score_response


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **_unused: Any,
) -> dict[str, float]:
    """Scores one rollout; the same keys for every sample, which verl logs apart.

    Args:
        data_source: not used; verl passes it.
        solution_str: everything the policy said.
        ground_truth: the gold answer, with or without its tags.
        extra_info: holds `problem_type`, and `options` where the question has them.

    Returns:
        `score` = 0.1 * `format` + 0.9 * `acc`, each in [0, 1].

    Raises:
        ValueError: no gold answer, or one that names no option.
        RecordError: `problem_type` is missing or unknown.
    """
    info = extra_info or {}
    kind = parse_kind(info.get("problem_type"))
    options = info.get("options")
    gold = read_answer(ground_truth) or ground_truth
    reward = score_response(solution_str, gold, kind, None if options is None or len(options) == 0 else list(options))
    return {"score": reward.score, "acc": reward.accuracy, "format": reward.format}
