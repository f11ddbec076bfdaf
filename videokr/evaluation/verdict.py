"""What becomes of a response: multiple choice is decided by rule, an open answer by the judge.

An open answer that equals the gold one but for its spelling is right, and no judge is asked.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from videokr.evaluation.judge import JudgeError, ThreadJudge
from videokr.example import Example
from videokr.options import read_option_letter
from videokr.response import Kind, read_answer


class Verdict(StrEnum):
    """Five things that are never added up under another's name."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"  # no answer block, or one that names no single option: asked, and not answered
    UNSCORED = "unscored"  # answered, and no judge is configured
    JUDGE_FAILED = "judge_failed"  # answered, and the judge gave no verdict


OPEN = (Verdict.UNSCORED, Verdict.JUDGE_FAILED)  # nobody knows whether these are right


@dataclass(frozen=True, slots=True)
class Scored:
    """One response with its verdict.

    Attributes:
        answer: the option letter, or the content of the answer block; None where it is unparsed.
        judge_reply: `1` or `0`, or why the judge gave no verdict; None where it was not asked.
    """

    verdict: Verdict
    answer: str | None
    judge_reply: str | None = None


def score(example: Example, response: str, judge: ThreadJudge | None) -> Scored:
    """Scores one response; a judge is asked only about an open answer that is not the gold one."""
    answer = read_answer(response)
    if example.kind is Kind.MULTIPLE_CHOICE:
        answer = read_option_letter(answer, example.options)
    if answer is None:
        return Scored(Verdict.UNPARSED, None)
    if example.kind is Kind.MULTIPLE_CHOICE:
        return Scored(right_or_wrong(answer == example.answer), answer)
    if is_same_text(answer, example.answer):
        return Scored(Verdict.RIGHT, answer)
    if judge is None:
        return Scored(Verdict.UNSCORED, answer)
    try:
        correct = judge.grade(example.question, example.answer, answer)
    except JudgeError as error:
        return Scored(Verdict.JUDGE_FAILED, answer, str(error))
    return Scored(right_or_wrong(correct), answer, str(int(correct)))


def is_same_text(one: str, other: str) -> bool:
    """Whether two texts are equal but for white space, a full stop, and the case of what holds no digit."""
    return _spelled(one) == _spelled(other)


def _spelled(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split()).rstrip(".")  # not NFKC, to which 10\u00b2 is 102
    return text if any(map(str.isdigit, text)) else text.casefold()  # 5 nM is not 5 nm


def right_or_wrong(correct: bool) -> Verdict:
    return Verdict.RIGHT if correct else Verdict.WRONG
