"""The settings of this project's rewards (`reward.custom_reward_function`), looked at before a run begins."""

import inspect
from collections.abc import Mapping
from typing import Any

from videokr.errors import UserError
from videokr.evaluation.judge import check_judge
from videokr.evaluation.judge_settings import require_settings
from videokr.reward import DEFAULT_TOLERANCE, check_accuracy, check_tolerance

PLAIN, JUDGED, DIALOGUE = (f"pkg://verl_plugin.{name}" for name in ("reward", "judged_reward", "dialogue_reward"))
_GIVEN_BY_VERL = ("data_source", "solution_str", "ground_truth", "extra_info")


def check_reward(function: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Checks the settings of one of our rewards before a run begins: verl calls it when the first rollouts are done.

    Another's reward is its owner's. The judge is asked one trivial question, where it is to be asked.

    Args:
        function: `reward.custom_reward_function`.
        environment: configures the judge; see `videokr.evaluation.judge_settings`.

    Raises:
        UserError: a setting is unknown or out of its range, or the judge cannot be used.
    """
    path = function.get("path")
    if path not in (PLAIN, JUDGED, DIALOGUE):
        return
    from verl_plugin import dialogue_reward, judged_reward, reward

    settings = dict(function.get("reward_kwargs") or {})
    module = {PLAIN: reward, JUDGED: judged_reward, DIALOGUE: dialogue_reward}[path]
    parameters = inspect.signature(module.compute_score).parameters
    known = [name for name in parameters if name not in _GIVEN_BY_VERL]
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        raise UserError(f"reward_kwargs.{unknown[0]} is unknown to {path}; known: {', '.join(known)}")
    check_tolerance(settings.get("tolerance", DEFAULT_TOLERANCE), "reward_kwargs.tolerance")
    accuracy = settings.get("accuracy", parameters["accuracy"].default)
    check_accuracy(reward.parse_accuracy(accuracy))
    if path == JUDGED:
        judged_reward.require_typed(accuracy)
        own = ("judge_cache", "judge_concurrency", "judge_seconds")
        judged_reward.check_judge(**{name: settings[name] for name in own if name in settings})
        check_judge(require_settings(environment, path), f"give reward.custom_reward_function.path={PLAIN}")
