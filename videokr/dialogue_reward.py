"""What a dialogue with the crop tool earns (VideoTemp-o3): its answer, its last look, its form, less for many calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videokr.dialogue import read_turn
from videokr.response import Kind
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, Reason, score_response
from videokr.spans import Span, iou

LEAST_IOU = 0.1  # a last look that overlaps less than that costs as much
CALL_COST, MOST_COST = 0.1, 0.5  # of each call beyond the first, and of all of them
WEIGHTS = {"accuracy": 1.0, "iou": 1.0, "format": 1.0, "calls": 1.0}  # published: the plain sum


@dataclass(frozen=True, slots=True)
class DialogueReward:
    """Parts of a reward."""

    accuracy: float  # in [0, 1]
    iou: float  # of the last look with the gold spans, in [-0.1, 1]; 0 unless the answer is right and spans are known
    format: float  # 1 where every turn has its form, else 0
    calls: float  # at most 0
    answered: bool  # whether there was an answer to score at all
    reason: Reason
    rounds: int  # turns with calls

    def score(self, weights: Mapping[str, float]) -> float:
        return sum(weight * float(getattr(self, name)) for name, weight in weights.items())


def score_dialogue(
    turns: Sequence[str],
    gold: str,
    kind: Kind,
    options: Sequence[str] | None = None,
    clues: Sequence[Span] = (),
    accuracy: Accuracy = Accuracy.PAPER,
    tolerance: float = DEFAULT_TOLERANCE,
) -> DialogueReward:
    """Scores the turns of a model.

    Args:
        turns: in order, the answer last; each from the opening of its thinking on.
        gold: see `score_response`.
        clues: the spans in which the answer is found; empty where nobody knows.
    """
    read = [read_turn(turn) for turn in turns]
    called = [turn.calls for turn in read if turn.calls]
    said = score_response(turns[-1], gold, kind, options, accuracy, tolerance)
    looked = [call for call in called[-1] if isinstance(call, tuple)] if called else []
    overlap = iou(looked, clues)
    is_paid = bool(clues) and bool(called) and said.accuracy == 1
    beyond = max(0, sum(map(len, called)) - 1)
    return DialogueReward(
        accuracy=said.accuracy,
        iou=(overlap if overlap >= LEAST_IOU else overlap - LEAST_IOU) if is_paid else 0.0,
        format=float(all(turn.is_well_formed for turn in read)),
        calls=-min(MOST_COST, CALL_COST * beyond),
        answered=said.answered,
        reason=said.reason,
        rounds=len(called),
    )
