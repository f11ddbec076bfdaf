"""Stored answers under another reader or judge."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from videokr.analysis.rescoring.extractors import Extractor
from videokr.evaluation.answered import Answered
from videokr.evaluation.judge import Judge, JudgeError, VerdictCache
from videokr.evaluation.judge_settings import Limits, Settings
from videokr.evaluation.verdict import OPEN, Verdict
from videokr.example import Kind


def extract_again(answers: Iterable[Answered], extractor: Extractor) -> tuple[Answered, ...]:
    """Multiple choice read by another extractor; open answers stay as they are."""
    return tuple(_extract(one, extractor) for one in answers)


def judge_again(
    answers: Mapping[str, Sequence[Answered]],
    settings: Settings,
    cache: Path,
    limits: Limits,
    everything: bool = False,
) -> dict[str, tuple[Answered, ...]]:
    """Open answers without a verdict, or all of them, judged; multiple choice never is.

    Args:
        answers: by task.
        cache: folder of verdicts; what is in it is not asked again.

    Raises:
        UserError: the cache cannot be read or written.
    """
    return asyncio.run(_judge_all(answers, settings, cache, limits, everything))


async def _judge_all(
    answers: Mapping[str, Sequence[Answered]], settings: Settings, cache: Path, limits: Limits, everything: bool
) -> dict[str, tuple[Answered, ...]]:
    judge = Judge(settings, VerdictCache(cache), limits)
    wanted = [one for task in answers.values() for one in task if _is_for_judge(one, everything)]
    with tqdm(total=len(wanted), desc="Judging", unit="answer", disable=None) as progress:

        async def judged(one: Answered) -> Answered:
            if not _is_for_judge(one, everything):
                return one
            graded = await _judge(one, judge)
            progress.update()
            return graded

        return {task: tuple(await asyncio.gather(*(judged(one) for one in given))) for task, given in answers.items()}


async def _judge(one: Answered, judge: Judge) -> Answered:
    try:
        judgement = await judge.grade(one.example.question, one.example.answer, one.answer or "")
    except JudgeError as error:
        return replace(one, verdict=Verdict.JUDGE_FAILED, judge_reply=str(error))
    verdict = Verdict.RIGHT if judgement.correct else Verdict.WRONG
    return replace(one, verdict=verdict, judge_reply=judgement.reply)


def _is_for_judge(one: Answered, everything: bool) -> bool:
    if one.example.kind is not Kind.OPEN_ENDED or one.answer is None:
        return False
    return everything or one.verdict in OPEN


def _extract(one: Answered, extractor: Extractor) -> Answered:
    if one.example.kind is not Kind.MULTIPLE_CHOICE:
        return one
    letter = extractor.read(one.response, one.example.options)
    if letter is None:
        return replace(one, verdict=Verdict.UNPARSED, answer=None)
    return replace(one, verdict=Verdict.RIGHT if letter == one.example.answer else Verdict.WRONG, answer=letter)
