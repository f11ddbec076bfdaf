"""Why one rollout earned its accuracy: scored again from its text, by the reward of the run."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from videokr.analysis.rollouts.dump import Rollout
from videokr.options import read_option_letter
from videokr.prompt import read_prompt
from videokr.response import Kind, holds_tag, read_response
from videokr.reward import ACCURACY_WEIGHT, DEFAULT_TOLERANCE, FORMAT_WEIGHT, Accuracy, Reason, score_response

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
    """A rollout with why it earned what it did.

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
    kind, options = _read_prompt(rollout.prompt) or (None, ())
    gold = _read_gold(rollout.gold)
    response = read_response(rollout.response)
    value: float | None = None
    differs = False
    reason = _why_no_verdict(kind, gold, options)
    if reason is None and kind is not None:
        reward = score_response(rollout.response, gold, kind, options or None, accuracy, tolerance)
        value, reason = reward.accuracy, str(reward.reason)
        differs = rollout.reason not in _JUDGED and abs(reward.score - rollout.score) > SCORE_TOLERANCE
        if judged and kind is Kind.OPEN_ENDED and (differs or reward.reason is Reason.WRONG):
            # The accuracy out of the whole reward; a judge gives 0 or 1 and nothing between.
            given = (rollout.score - FORMAT_WEIGHT * reward.format) / ACCURACY_WEIGHT
            for verdict, judged_reason in ((0.0, Reason.JUDGED_WRONG), (1.0, Reason.JUDGED_RIGHT)):
                if abs(given - verdict) < SCORE_TOLERANCE:
                    value, reason, differs = verdict, str(judged_reason), False
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
        reason=rollout.reason or reason or "",
        score_differs=differs,
    )


@lru_cache(REMEMBERED_PROMPTS)
def _read_prompt(text: str) -> tuple[Kind, tuple[str, ...]] | None:
    return read_prompt(text)


def _read_gold(text: str) -> str:
    written = read_response(text)
    return written.answer or ("" if written.has_empty_block else text.strip())


def _why_no_verdict(kind: Kind | None, gold: str, options: tuple[str, ...]) -> str | None:
    if kind is None:
        return NoVerdict.UNKNOWN_PROMPT
    if not gold:
        return NoVerdict.EMPTY_GOLD
    is_bad = holds_tag(gold) if kind is Kind.OPEN_ENDED else read_option_letter(gold, options) is None
    return NoVerdict.BAD_GOLD if is_bad else None
