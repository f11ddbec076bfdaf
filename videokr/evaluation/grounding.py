"""Scores of answers that are spans of time: the mean IoU, and how many reach a threshold."""

from collections.abc import Iterable
from dataclasses import dataclass

from videokr.evaluation.answered import Answered
from videokr.evaluation.summary import percent

THRESHOLDS = (0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True)
class Grounding:
    """Of one benchmark's questions for spans; an answer that is unparsed, or was not asked, counts as 0.

    Attributes:
        questions: that ask for spans.
        mean_iou: in [0, 1].
        recall: by threshold, the share of answers with at least this IoU.
    """

    questions: int
    mean_iou: float
    recall: dict[float, float]

    def to_dict(self) -> dict[str, object]:
        recall = {f"recall_at_{threshold}": share for threshold, share in self.recall.items()}
        return {"questions": self.questions, "mean_iou": self.mean_iou, **recall}

    def lines(self) -> list[str]:
        """For below a table."""
        shares = ", ".join(f"R@{threshold} {percent(share)}" for threshold, share in self.recall.items())
        return [f"Spans: mIoU {percent(self.mean_iou)}, {shares}, of {self.questions} questions"]


def grounding_of(answers: Iterable[Answered]) -> Grounding | None:
    """None where no question asks for spans."""
    ious = [one.iou for one in answers if one.iou is not None]
    if not ious:
        return None
    recall = {threshold: sum(iou >= threshold for iou in ious) / len(ious) for threshold in THRESHOLDS}
    return Grounding(len(ious), sum(ious) / len(ious), recall)
