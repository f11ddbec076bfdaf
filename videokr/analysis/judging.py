"""A run's stored answers put before a judge: by our rule, or by the published one."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.judge import Judge, JudgeError, VerdictCache, check_judge
from videokr.evaluation.judge_settings import Limits, Settings, require_settings
from videokr.evaluation.rubric import OURS, PUBLISHED, Rubric
from videokr.evaluation.run import Run, is_decided_by_rule
from videokr.evaluation.verdict import NOT_ASKED, OPEN, Verdict, right_or_wrong
from videokr.prompt import build_question
from videokr.response import Kind

CACHE_FOLDER = "judge"  # of a run


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge is shown of one answer, and what it grades by."""

    question: str
    answer: str
    rubric: Rubric


# What is asked about an answer; None where it is not for the judge.
Rule = Callable[[Answered], Case | None]


def judge_run(given: Run, in_place: bool) -> Run:
    """Judges the open answers that have no verdict; where another judge gave verdicts, all that are read.

    UserError where the judge cannot be used, or another one judged the run and its folder is to be kept.
    """

    def rule(one: Answered) -> Case | None:
        if one.example.kind is not Kind.OPEN_ENDED or one.answer is None:
            return None
        is_open = one.verdict in OPEN or (is_other_judge and not is_decided_by_rule(one))
        return Case(one.example.question, one.answer, OURS) if is_open else None

    settings = check_judge(require_settings(os.environ, "--judge"), "leave --judge out")
    is_other_judge = given.card.judge is not None and given.card.judge != settings.public()
    if is_other_judge and in_place:
        raise UserError(
            f"'{given.folder}' was judged by another judge ({given.card.judge}): give --output, so that all of its "
            "open answers are judged anew by this one"
        )
    return _judged(given, settings, rule, OURS)


def judge_run_as_published(given: Run, read: Callable[[str], str]) -> Run:
    """Judges every question that was asked, multiple choice too, whatever rules say of it; spans it does not know.

    The judge is shown what `read` gives of a response.
    """

    def rule(one: Answered) -> Case | None:
        rubric = PUBLISHED.get(one.example.kind)
        if rubric is None or one.verdict in NOT_ASKED:
            return None
        return Case(build_question(one.example), read(one.response), rubric)

    settings = require_settings(os.environ, "--judge")
    settings = check_judge(settings, "leave --judge out", PUBLISHED[Kind.OPEN_ENDED])
    return _judged(given, settings, rule, *PUBLISHED.values())


def _judged(given: Run, settings: Settings, rule: Rule, *rubrics: Rubric) -> Run:
    limits = Limits.from_env(os.environ)
    cache = VerdictCache(Path(os.environ.get("JUDGE_CACHE", "").strip() or given.folder / CACHE_FOLDER))
    answers = asyncio.run(_judge_all(given.answers, Judge(settings, cache, limits), rule))
    return replace(given, answers=answers, card=replace(given.card, judge=settings.public(*rubrics)))


async def _judge_all(
    answers: Mapping[str, Sequence[Answered]], judge: Judge, rule: Rule
) -> dict[str, tuple[Answered, ...]]:
    """By task, the answers with those judged that are for the judge."""
    cases = {task: [(one, rule(one)) for one in given] for task, given in answers.items()}
    total = sum(case is not None for pairs in cases.values() for _, case in pairs)
    with tqdm(total=total, desc="Judging", unit="answer", disable=None) as progress:

        async def judged(one: Answered, case: Case | None) -> Answered:
            if case is None:
                return one
            try:
                correct = await judge.grade(case.question, one.example.answer, case.answer, case.rubric)
                verdict, reply = right_or_wrong(correct), str(int(correct))
            except JudgeError as error:
                verdict, reply = Verdict.JUDGE_FAILED, str(error)
            progress.update()
            return replace(one, answer=one.answer or case.answer, verdict=verdict, judge_reply=reply)

        return {
            task: tuple(await asyncio.gather(*(judged(one, case) for one, case in pairs)))
            for task, pairs in cases.items()
        }
