"""From a response to a verdict: multiple choice by rule, open answers by the judge."""

from dataclasses import dataclass

from videokr.evaluation.judge import ThreadJudge
from videokr.evaluation.verdict import Verdict
from videokr.example import Example, Kind
from videokr.options import read_option_letter
from videokr.response import read_answer


@dataclass(frozen=True, slots=True)
class Scored:
    """
    Attributes:
        answer: the option letter, or the content of the answer block; None where it is unparsed.
        judge_reply: what the judge said; None where it was not asked.
    """

    verdict: Verdict
    answer: str | None
    judge_reply: str | None = None


def score(example: Example, response: str, judge: ThreadJudge | None) -> Scored:
    """Scores one response; a judge is asked only about an open-ended question that has an answer block."""
    answer = read_answer(response)
    if example.kind is Kind.MULTIPLE_CHOICE:
        answer = read_option_letter(answer, example.options)
    if answer is None:
        return Scored(Verdict.UNPARSED, None)
    if example.kind is Kind.MULTIPLE_CHOICE:
        return Scored(Verdict.RIGHT if answer == example.answer else Verdict.WRONG, answer)
    if judge is None:
        return Scored(Verdict.UNSCORED, answer)
    judgement = judge.grade(example.question, example.answer, answer)
    verdicts = {True: Verdict.RIGHT, False: Verdict.WRONG, None: Verdict.JUDGE_FAILED}
    return Scored(verdicts[judgement.correct], answer, judgement.reply)
