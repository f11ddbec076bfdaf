"""What answers with the crop tool looked at: how often, and how near to where the answer is found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from videokr.dialogue import CallFault, read_turn, split_turns
from videokr.evaluation.answered import Answered
from videokr.evaluation.summary import percent
from videokr.spans import iou


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks of one benchmark's answers."""

    questions: int
    looked: int  # questions in which the tool was called
    calls: int
    broken: int  # calls that show nothing
    mean_iou: float | None  # of the last look with the clues, in [0, 1], of no look 0; None where there are no clues

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For below a table."""
        found = "" if self.mean_iou is None else f"; mean IoU of the last look {percent(self.mean_iou)}"
        parsed = percent(1 - self.broken / self.calls) if self.calls else "none"
        return [f"Looked again: {percent(self.looked / self.questions)}; calls {self.calls}, read {parsed}{found}"]


def looks_of(answers: Iterable[Answered]) -> Looks:
    """The looks of answers that were asked with the tool."""
    questions = looked = calls = broken = 0
    ious: list[float] = []
    for one in answers:
        questions += 1
        called = [turn.calls for turn in map(read_turn, split_turns(one.response)) if turn.calls]
        looked += bool(called)
        calls += sum(map(len, called))
        broken += sum(isinstance(call, CallFault) for of_turn in called for call in of_turn)
        if one.example.clues:
            last = [call for call in called[-1] if isinstance(call, tuple)] if called else []
            ious.append(iou(last, one.example.clues))
    return Looks(questions, looked, calls, broken, sum(ious) / len(ious) if ious else None)
