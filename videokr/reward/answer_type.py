"""What a gold answer asks for."""

from enum import StrEnum
from typing import ClassVar, Protocol

from videokr.reward.reason import Reason

Verdict = tuple[float, Reason]
RIGHT: Verdict = (1.0, Reason.RIGHT)
WRONG: Verdict = (0.0, Reason.WRONG)


class AnswerType(StrEnum):
    """What a gold answer asks for."""

    YES_NO = "yes/no"
    SPANS = "time"
    TWO_NUMBERS = "two numbers"  # a range, a ratio, a blood pressure
    NUMBER = "number"  # alone, or of something: "5 apples"
    SHORT_TEXT = "short text"
    LONG_TEXT = "long text"


class Gold(Protocol):
    """A gold answer, read."""

    type: ClassVar[AnswerType]

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        """Accuracy of a cleaned answer in [0, 1], and why."""
        ...
