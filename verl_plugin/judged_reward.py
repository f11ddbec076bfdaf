"""The reward with a judge for open answers: `reward.custom_reward_function.path=pkg://verl_plugin.judged_reward`.

`accuracy=typed` goes first. The judge is asked only where it does not decide: see `videokr.reward.is_undecided`. It
is the one of evaluation, and the environment configures it in the same way (videokr/evaluation/judge_settings.py). A
rollout on which it gives no verdict has no score, which is not 0: see verl_plugin/sampler.py.
"""

import asyncio
import os
from asyncio import AbstractEventLoop
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from verl_plugin import reward
from verl_plugin.sampler import report_fault, report_judge_failure
from videokr.errors import UserError
from videokr.evaluation.judge import Judge, JudgeError, VerdictCache
from videokr.evaluation.judge_settings import Limits, require_settings
from videokr.response import parse_kind, read_answer
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, Reason, Reward, is_undecided

DEFAULT_CONCURRENCY, DEFAULT_SECONDS = 16, Limits().seconds  # a process; a verdict

# A client belongs to the event loop that it was first used in.
_judges: WeakKeyDictionary[AbstractEventLoop, Judge] = WeakKeyDictionary()


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    accuracy: str = Accuracy.TYPED,
    tolerance: float = DEFAULT_TOLERANCE,
    judge_cache: str | None = None,
    judge_concurrency: int = DEFAULT_CONCURRENCY,
    judge_seconds: float = DEFAULT_SECONDS,
) -> dict[str, float | bool | str]:
    """Scores one rollout; the same keys for every sample, those of `verl_plugin.reward.compute_score`.

    The settings are those of `reward.custom_reward_function.reward_kwargs`.

    Args:
        data_source: not used; verl passes it.
        solution_str: everything the policy said behind the prompt.
        ground_truth: the gold answer, with or without its tags.
        extra_info: what `verl_plugin.reward.compute_score` reads, and `question`; of a rollout of
            verl_plugin/agent_loop.py also `uid`, under which faults are reported to the trainer.
        accuracy: `typed`.
        tolerance: relative, of numbers.
        judge_cache: folder of the verdicts, which runs and processes may share; None keeps none.
        judge_concurrency: requests at once in this process, of which verl has `reward.num_workers`.
        judge_seconds: time limit of one verdict in all.

    Returns:
        `score`, `acc`, `format`, `answered` and `reason`, which is `judged_right` or `judged_wrong` by the judge.

    Raises:
        JudgeError: the judge gave no verdict.
        ValueError: no gold answer, or one that names no option.
        UserError: a setting is unknown, the judge is not configured, or the data lacks a field.
    """
    info = extra_info or {}
    try:
        require_typed(accuracy)
        judge = _judge(judge_cache, judge_concurrency, judge_seconds)  # first, so that its settings are seen to at once
        ruled = await asyncio.to_thread(
            reward.compute_score, data_source, solution_str, ground_truth, info, accuracy, tolerance
        )
        answer = read_answer(reward.whole_response(solution_str, info))
        gold = read_answer(ground_truth) or ground_truth
        if answer is None or not is_undecided(parse_kind(info.get("problem_type")), str(ruled["reason"])):
            return ruled
        correct = await judge.grade(_question(info), gold, answer)
    except JudgeError as failure:
        if "uid" in info:
            await report_judge_failure(info["uid"], failure)
        raise
    except UserError as fault:
        if "uid" in info:
            await report_fault(info["uid"], fault)
        raise
    reason = Reason.JUDGED_RIGHT if correct else Reason.JUDGED_WRONG
    return reward.as_dict(Reward(float(ruled["format"]), float(correct), True, reason))


def require_typed(accuracy: str) -> None:
    """Refuses an accuracy that would ask no judge.

    Raises:
        UserError: it is not `typed`, and would ask no judge.
    """
    if reward.parse_accuracy(accuracy) is not Accuracy.TYPED:
        raise UserError(
            f"reward_kwargs.accuracy={str(accuracy)!r} asks no judge: give typed, or "
            "reward.custom_reward_function.path=pkg://verl_plugin.reward"
        )


def check_judge(
    judge_cache: Any = None, judge_concurrency: Any = DEFAULT_CONCURRENCY, judge_seconds: Any = DEFAULT_SECONDS
) -> None:
    """Looks at the judge's settings: with 0 requests at once a run would wait for ever.

    Raises:
        UserError: one is of the wrong type or out of its range.
    """
    if judge_cache is not None and not isinstance(judge_cache, str):
        raise UserError(f"reward_kwargs.judge_cache={judge_cache!r}: give a folder")
    if isinstance(judge_concurrency, bool) or not isinstance(judge_concurrency, int) or judge_concurrency < 1:
        raise UserError(f"reward_kwargs.judge_concurrency={judge_concurrency!r}: give a whole number of at least 1")
    if isinstance(judge_seconds, bool) or not isinstance(judge_seconds, int | float) or not judge_seconds > 0:
        raise UserError(f"reward_kwargs.judge_seconds={judge_seconds!r}: give a number of seconds above 0")


def _question(info: Mapping[str, Any]) -> str:
    question = info.get("question")
    if not isinstance(question, str) or not question.strip():
        raise UserError(
            "a row's extra_info has no 'question', which the judge is to be told: prepare the data again with "
            "local_script/prepare_videokr_rl_data.py"
        )
    return question


def _judge(folder: str | None, concurrency: int, seconds: float) -> Judge:
    """The judge of the running event loop, made when it is first asked."""
    loop = asyncio.get_running_loop()
    if loop not in _judges:
        check_judge(folder, concurrency, seconds)
        configured = require_settings(os.environ, "verl_plugin.judged_reward")
        cache = VerdictCache(Path(folder).expanduser()) if folder is not None else None
        _judges[loop] = Judge(configured, cache, Limits(concurrency=concurrency, seconds=seconds))
    return _judges[loop]
