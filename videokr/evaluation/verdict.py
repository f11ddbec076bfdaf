"""What became of a question, and the counts that a score is made of."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Five things that are never added up under another's name."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"  # no answer block, or one that names no single option: asked, and not answered
    UNSCORED = "unscored"  # answered, and no judge is configured
    JUDGE_FAILED = "judge_failed"  # answered, and the judge gave no verdict


OPEN = (Verdict.UNSCORED, Verdict.JUDGE_FAILED)  # nobody knows whether these are right


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by verdict of everything asked."""

    counts: Counter[Verdict]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> "Tally":
        return cls(Counter(verdicts))

    @property
    def asked(self) -> int:
        return self.counts.total()

    @property
    def is_known(self) -> bool:
        """Whether every question has a verdict."""
        return not any(self.counts[verdict] for verdict in OPEN)

    @property
    def accuracy_lower(self) -> float | None:
        """Right over asked, in [0, 1]: the accuracy, if every open question were wrong. None where nothing is asked."""
        return self.counts[Verdict.RIGHT] / self.asked if self.asked else None

    @property
    def accuracy_upper(self) -> float | None:
        """The accuracy in [0, 1], if every open question were right."""
        known_wrong = self.counts[Verdict.WRONG] + self.counts[Verdict.UNPARSED]
        return (self.asked - known_wrong) / self.asked if self.asked else None

    def to_dict(self) -> dict[str, int | float | None]:
        """As it stands in files: `accuracy` is over everything asked, None where the bounds differ."""
        return {
            "asked": self.asked,
            **{verdict.value: self.counts[verdict] for verdict in Verdict},
            "accuracy": self.accuracy_lower if self.is_known else None,
            "accuracy_lower": self.accuracy_lower,
            "accuracy_upper": self.accuracy_upper,
        }
