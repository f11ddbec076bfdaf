"""Scores of answers that are spans of time: the mean IoU, and how many reach a threshold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from videokr.evaluation.answered import Answered
from videokr.evaluation.summary import percent

THRESHOLDS = (0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True)
class Grounding:
    """Of one benchmark's questions for spans; an answer that is unparsed, or was not asked, counts as 0."""

    questions: int  # that ask for spans
    mean_iou: float  # in [0, 1]
    recall: dict[float, float]  # by threshold, the share of answers with at least this IoU

    @property
    def average(self) -> float:
        """Of the mean IoU and the recalls, as VideoTemp-Bench has it."""
        return (self.mean_iou + sum(self.recall.values())) / (1 + len(self.recall))

    def scores(self) -> dict[str, float]:
        recall = {f"recall_at_{threshold}": share for threshold, share in self.recall.items()}
        return {"mean_iou": self.mean_iou, **recall, "average": self.average}

    def to_dict(self) -> dict[str, object]:
        return {"questions": self.questions, **self.scores()}

    def lines(self) -> list[str]:
        """For below a table."""
        shares = ", ".join(f"R@{threshold} {percent(share)}" for threshold, share in self.recall.items())
        means = f"mIoU {percent(self.mean_iou)}, {shares}, average {percent(self.average)}"
        return [f"Spans: {means}, of {self.questions} questions"]


def grounding_from(ious: Sequence[float]) -> Grounding:
    """Of IoUs in [0, 1], at least one."""
    recall = {threshold: sum(iou >= threshold for iou in ious) / len(ious) for threshold in THRESHOLDS}
    return Grounding(len(ious), sum(ious) / len(ious), recall)


def grounding_of(answers: Iterable[Answered]) -> Grounding | None:
    """None where no question asks for spans."""
    ious = [one.iou for one in answers if one.iou is not None]
    return grounding_from(ious) if ious else None
