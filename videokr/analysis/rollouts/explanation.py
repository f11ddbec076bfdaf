"""Why one rollout earned its accuracy: scored again from its text, by the reward of the run."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from videokr.analysis.rollouts.dump import Rollout
from videokr.example import Kind
from videokr.options import read_option_letter
from videokr.prompt import read_prompt
from videokr.reason import Reason
from videokr.response import holds_tag, read_response
from videokr.reward import ACCURACY_WEIGHT, DEFAULT_TOLERANCE, FORMAT_WEIGHT, Accuracy, score_response

SCORE_TOLERANCE = 1e-5  # verl sums the reward in float32
REMEMBERED_PROMPTS = 64  # the rollouts of one prompt stand together


class NoVerdict(StrEnum):
    """Why a rollout has no accuracy: beside the reward's own reasons."""

    EMPTY_GOLD = "empty_gold"
    BAD_GOLD = "bad_gold"
    UNKNOWN_PROMPT = "unknown_prompt"
    JUDGE_FAILED = "judge_failed"


MEANINGS: dict[str, str] = {
    Reason.NO_ANSWER: "no answer block outside the thinking",
    Reason.CUT_OFF: "ends inside a block: most likely at the length limit",
    Reason.EMPTY_ANSWER: "the answer block is empty",
    Reason.SPECIAL_TOKEN: "a mark of the hosts', such as <video>, stands in the answer",
    Reason.WRONG: "another answer than the gold one",
    Reason.NO_LETTER: "the answer names no option, or several",
    Reason.NOT_AN_OPTION: "a letter beyond the options",
    Reason.WRONG_NUMBER: "another number than the gold one",
    Reason.WRONG_UNIT: "the gold number with another unit",
    Reason.TOO_LONG: "the answer is too long to be compared",
    Reason.JUDGED_WRONG: "the judge says that it is wrong",
    NoVerdict.EMPTY_GOLD: "the gold answer is empty: mend the data",
    NoVerdict.BAD_GOLD: "the gold answer names no option, or holds a tag: mend the data",
    NoVerdict.UNKNOWN_PROMPT: "the prompt is not of this project, so the kind of question is not known",
    NoVerdict.JUDGE_FAILED: "the judge gave no verdict",
}
_JUDGED = frozenset((Reason.JUDGED_RIGHT, Reason.JUDGED_WRONG, NoVerdict.JUDGE_FAILED))


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    Attributes:
        kind: None where the prompt is unknown.
        gold: without tags; "" where it is empty.
        answer: of the output; None where it has none.
        letter, gold_letter: the option that each names; None where it names none, or where none is asked for.
        format: 0 or 1.
        accuracy: in [0, 1]; None where there is no verdict.
        reason: a `Reason` or `NoVerdict`, or what else the dump says.
        score_differs: whether the text, scored again, earns another score than the dumped one; False where it cannot
            be scored.
    """

    rollout: Rollout
    kind: Kind | None
    options: tuple[str, ...]
    gold: str
    answer: str | None
    letter: str | None
    gold_letter: str | None
    format: float
    accuracy: float | None
    reason: str
    score_differs: bool

    @property
    def is_zero(self) -> bool:
        """Whether it earned no accuracy, or there is none to earn."""
        return not self.accuracy

    @property
    def chance(self) -> float | None:
        """The accuracy of an answer drawn blindly; 0 for open questions, None where the prompt is unknown."""
        if self.kind is None:
            return None
        return 1 / len(self.options) if self.options else 0.0


def explain(
    rollout: Rollout, accuracy: Accuracy, tolerance: float = DEFAULT_TOLERANCE, judged: bool = False
) -> Explanation:
    """Scores a rollout again; where the dump has accuracy, format or a reason of its own, those count.

    Args:
        judged: the run asked a judge: where `typed` does not decide on an open answer, or the dump has another score,
            that is its verdict.
    """
    prompt = _read_prompt(rollout.prompt)
    kind, options = prompt or (None, ())
    gold = _read_gold(rollout.gold)
    response = read_response(rollout.response)
    value: float | None = None
    differs = False
    if kind is None:
        reason = str(NoVerdict.UNKNOWN_PROMPT)
    elif fault := _gold_fault(gold, kind, options):
        reason = str(fault)
    else:
        reward = score_response(rollout.response, gold, kind, options or None, accuracy, tolerance)
        value, reason = reward.accuracy, str(reward.reason)
        differs = rollout.reason not in _JUDGED and abs(reward.score - rollout.score) > SCORE_TOLERANCE
        is_asked = judged and kind is Kind.OPEN_ENDED and (differs or reward.reason is Reason.WRONG)
        verdict = _verdict(rollout.score, reward.format) if is_asked else None
        if verdict is not None:
            value, differs = verdict, False
            reason = str(Reason.JUDGED_RIGHT if verdict else Reason.JUDGED_WRONG)
    if rollout.reason == NoVerdict.JUDGE_FAILED:
        value = None
    elif rollout.accuracy is not None:
        value = rollout.accuracy
    is_choice = kind is Kind.MULTIPLE_CHOICE
    return Explanation(
        rollout=rollout,
        kind=kind,
        options=options,
        gold=gold,
        answer=response.answer,
        letter=read_option_letter(response.answer, options) if is_choice else None,
        gold_letter=read_option_letter(gold, options) if is_choice else None,
        format=float(response.is_well_formed) if rollout.format is None else rollout.format,
        accuracy=value,
        reason=rollout.reason or reason,
        score_differs=differs,
    )


def _verdict(score: float, well_formed: float) -> float | None:
    """The accuracy that a judge gave, out of the whole reward: 0 or 1; None where it is neither."""
    accuracy = (score - FORMAT_WEIGHT * well_formed) / ACCURACY_WEIGHT
    return next((verdict for verdict in (0.0, 1.0) if abs(accuracy - verdict) < SCORE_TOLERANCE), None)


@lru_cache(REMEMBERED_PROMPTS)
def _read_prompt(text: str) -> tuple[Kind, tuple[str, ...]] | None:
    return read_prompt(text)


def _read_gold(text: str) -> str:
    written = read_response(text)
    return written.answer or ("" if written.has_empty_block else text.strip())


def _gold_fault(gold: str, kind: Kind, options: tuple[str, ...]) -> NoVerdict | None:
    if not gold:
        return NoVerdict.EMPTY_GOLD
    if kind is Kind.OPEN_ENDED:
        return NoVerdict.BAD_GOLD if holds_tag(gold) else None
    return NoVerdict.BAD_GOLD if read_option_letter(gold, options) is None else None
