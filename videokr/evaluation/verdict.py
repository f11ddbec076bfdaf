"""What becomes of a response: multiple choice and grounding are decided by rule, an open answer by the judge.

An open answer that equals the gold one but for its spelling is right, and no judge is asked.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from videokr.evaluation.answer import ANY_FORM, read_choice, read_open_answer
from videokr.evaluation.judge import JudgeError, ThreadJudge
from videokr.example import Example
from videokr.response import Kind
from videokr.spans import iou, read_spans, write_spans

MIN_IOU = 0.5  # from which on spans are called right, as R@0.5 has it; the IoU itself stands beside the verdict


class Verdict(StrEnum):
    """Five things that are never added up under another's name."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"  # no answer that can be read, or none that names a single option: asked, and not answered
    UNSCORED = "unscored"  # answered, and no judge is configured
    JUDGE_FAILED = "judge_failed"  # answered, and the judge gave no verdict


OPEN = (Verdict.UNSCORED, Verdict.JUDGE_FAILED)  # nobody knows whether these are right


@dataclass(frozen=True, slots=True)
class Scored:
    """One response with its verdict.

    Attributes:
        answer: the option letter, the spans of time, or the text of an open answer; None where it is unparsed.
        judge_reply: `1` or `0`, or why the judge gave no verdict; None where it was not asked.
    """

    verdict: Verdict
    answer: str | None
    judge_reply: str | None = None


def read(example: Example, response: str, form: str) -> str | None:
    """The option letter, the spans of time or an open answer, as text; None where a response has none in this form."""
    if example.kind is Kind.MULTIPLE_CHOICE:
        return read_choice(response, example.options, form)
    said = read_open_answer(response, form)
    if example.kind is Kind.GROUNDING:
        return write_spans(read_spans(said or "")) or None
    return said


def score(example: Example, response: str, judge: ThreadJudge | None, form: str = ANY_FORM) -> Scored:
    """Scores one response; a judge is asked only about an open answer that is not the gold one.

    Args:
        form: that an answer must have, `videokr.evaluation.answer.TAGGED` or ANY_FORM.
    """
    answer = read(example, response, form)
    if answer is None:
        return Scored(Verdict.UNPARSED, None)
    if example.kind is Kind.MULTIPLE_CHOICE:
        return Scored(right_or_wrong(answer == example.answer), answer)
    if example.kind is Kind.GROUNDING:
        return Scored(right_or_wrong(iou(read_spans(answer), read_spans(example.answer)) >= MIN_IOU), answer)
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
