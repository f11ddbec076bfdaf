"""Why a rollout earned no accuracy, in words."""

from enum import StrEnum

from videokr.reward import Reason


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
    Reason.NO_SPAN: "the answer names no span of time",
    Reason.WRONG_NUMBER: "another number than the gold one",
    Reason.WRONG_UNIT: "the gold number with another unit",
    Reason.TOO_LONG: "the answer is too long to be compared",
    Reason.JUDGED_WRONG: "the judge says that it is wrong",
    NoVerdict.EMPTY_GOLD: "the gold answer is empty: mend the data",
    NoVerdict.BAD_GOLD: "the gold answer names no option or span, or holds a tag: mend the data",
    NoVerdict.UNKNOWN_PROMPT: "the prompt is not of this project, so the kind of question is not known",
    NoVerdict.JUDGE_FAILED: "the judge gave no verdict",
}
