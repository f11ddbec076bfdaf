"""What becomes of a question: multiple choice and grounding by rule, an open answer by rule as far as rules can.

The rules for open answers are those of the reward (`accuracy=typed`); a judge is asked about the rest.
"""

from dataclasses import dataclass
from enum import StrEnum

from videokr.dialogue import split_turns
from videokr.evaluation.answer import ANY_FORM, read_choice, read_open_answer
from videokr.evaluation.judge import JudgeError, ThreadJudge
from videokr.example import Example
from videokr.response import Kind
from videokr.reward import DEFAULT_TOLERANCE, is_undecided
from videokr.spans import iou, read_spans, write_spans
from videokr.typed.accuracy import typed_accuracy

MIN_IOU = 0.5  # from which on spans are called right, as R@0.5 has it; the IoU itself stands beside the verdict


class Verdict(StrEnum):
    """Things that are never added up under another's name."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"  # no answer that can be read, or none that names a single option: asked, and not answered
    UNSCORED = "unscored"  # answered, and no judge is configured
    JUDGE_FAILED = "judge_failed"  # answered, and the judge gave no verdict
    TOO_LONG = "too_long"  # not asked: the prompt leaves no room for an answer in the context
    MISSING_VIDEO = "missing_video"  # not asked: the video is not there


OPEN = (Verdict.UNSCORED, Verdict.JUDGE_FAILED)  # nobody knows whether these are right
NOT_ASKED = (Verdict.TOO_LONG, Verdict.MISSING_VIDEO)  # in the denominator, and never right


@dataclass(frozen=True, slots=True)
class Scored:
    """One response with its verdict."""

    verdict: Verdict
    answer: str | None  # the option letter, the spans of time, or the text of an open answer; None: unparsed
    judge_reply: str | None = None  # `1` or `0`, or why the judge gave no verdict; None where it was not asked


def read(example: Example, response: str, form: str) -> str | None:
    """The option letter, the spans of time or an open answer, as text; None where a response has none in this form.

    Of a dialogue the last turn counts: what the model was told stands between its turns.
    """
    response = split_turns(response)[-1]
    if example.kind is Kind.MULTIPLE_CHOICE:
        return read_choice(response, example.options, form)
    said = read_open_answer(response, form)
    if example.kind is Kind.GROUNDING:
        return write_spans(read_spans(said or "")) or None
    return said


def score(example: Example, response: str, judge: ThreadJudge | None, form: str = ANY_FORM) -> Scored:
    """Scores one response; a judge is asked only about an open answer that rules do not decide.

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
    value, reason = typed_accuracy(example.answer, answer, DEFAULT_TOLERANCE)
    if value in (0.0, 1.0) and not is_undecided(example.kind, reason):  # between are spans of time that overlap
        return Scored(right_or_wrong(value == 1.0), answer)
    if judge is None:
        return Scored(Verdict.UNSCORED, answer)
    try:
        correct = judge.grade(example.question, example.answer, answer)
    except JudgeError as error:
        return Scored(Verdict.JUDGE_FAILED, answer, str(error))
    return Scored(right_or_wrong(correct), answer, str(int(correct)))


def right_or_wrong(correct: bool) -> Verdict:
    return Verdict.RIGHT if correct else Verdict.WRONG
