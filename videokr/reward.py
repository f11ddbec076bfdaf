"""From a response to its reward (paper, GRPO recipe)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

from videokr.errors import UserError
from videokr.mentions import read_answer_letter
from videokr.options import LETTERS, read_option_letter
from videokr.response import Kind, find_special_token, read_response
from videokr.rouge import MAX_TEXT_CHARACTERS, mean_rouge_f1
from videokr.spans import grounding_accuracy, read_spans

FORMAT_WEIGHT = 0.1
ACCURACY_WEIGHT = 0.9
DEFAULT_TOLERANCE = 0.01  # relative
TYPED_PACKAGES = ("math_verify", "pint")


class Accuracy(StrEnum):
    """How an open answer is held against the gold one; of the other kinds letters and spans count, as everywhere."""

    PAPER = "paper"  # the mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L
    TYPED = "typed"  # by what it means: videokr/typed/accuracy.py, which other rewards do not import


class Reason(StrEnum):
    """Why a response earned its accuracy. The first three are about the response, the others about its answer."""

    NO_ANSWER = "no_answer"  # no answer block outside the thinking
    CUT_OFF = "cut_off"  # the text ends inside a block, before any answer: most likely at the length limit
    EMPTY_ANSWER = "empty_answer"  # an answer block without content
    SPECIAL_TOKEN = "special_token"  # the answer holds a special token, such as <|video_pad|>

    RIGHT = "right"
    WRONG = "wrong"
    PARTIAL = "partial"  # between 0 and 1: ROUGE, or the overlap of spans of time
    NO_LETTER = "no_letter"  # the answer names no option, or several
    NOT_AN_OPTION = "not_an_option"  # a letter beyond the options
    NO_SPAN = "no_span"  # the answer names no span of time
    WRONG_NUMBER = "wrong_number"
    WRONG_UNIT = "wrong_unit"  # the gold number with another unit
    TOO_LONG = "too_long"  # no gold answer is near
    JUDGED_RIGHT = "judged_right"
    JUDGED_WRONG = "judged_wrong"


def check_accuracy(accuracy: Accuracy) -> None:
    """Raises UserError where it needs a package that is not installed."""
    if accuracy is Accuracy.TYPED:
        check_typed("accuracy=typed", "run bash local_script/setup_env.sh data, or give --accuracy paper")


def check_typed(name: str, way_out: str) -> None:
    """Raises UserError, which names what needs them, where a package that `typed` needs is not installed."""
    missing = [package for package in TYPED_PACKAGES if find_spec(package) is None]
    if missing:
        raise UserError(f"{name} needs {' and '.join(missing)}: {way_out}")


def is_undecided(kind: Kind, reason: str) -> bool:
    """Whether a judge has to say if an answer is right, in the reward and in evaluation.

    It has where an open answer is not the gold text, and not a number, a formula or a span of time that can be held
    against it; nor too long, nor with a host's mark in it.

    Args:
        reason: what `typed` says of the answer.
    """
    return kind is Kind.OPEN_ENDED and reason == Reason.WRONG


def check_tolerance(tolerance: object, name: str) -> None:
    """Raises UserError, which names it as `name`, where it is no share of a number, from 0 to below 1."""
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise UserError(f"{name}={tolerance}: give a share of the gold number, from 0 to below 1")


@dataclass(frozen=True, slots=True)
class Reward:
    """What a response earns."""

    format: float  # 0 or 1
    accuracy: float  # in [0, 1]
    answered: bool  # whether there was an answer to score at all
    reason: Reason

    @property
    def score(self) -> float:
        """In [0, 1]."""
        return FORMAT_WEIGHT * self.format + ACCURACY_WEIGHT * self.accuracy


def score_response(
    response: str,
    gold: str,
    kind: Kind,
    options: Sequence[str] | int | None = None,
    accuracy: Accuracy = Accuracy.PAPER,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Reward:
    """Scores one response.

    Args:
        response: everything the model said.
        gold: the option letter, the spans of time or the final answer, without tags.
        options: the option texts, or their number, where known; sharpens the reading of the letter.
        tolerance: relative, of numbers; `typed` alone knows it.

    Raises:
        ValueError: the gold answer is empty, or names no option or span. Found when data is prepared, not in a run.
    """
    if not gold.strip():
        raise ValueError("gold answer is empty")
    said = read_response(response)
    answer = said.answer
    if kind is Kind.MULTIPLE_CHOICE:
        value, answered, reason = _choice(answer, gold, options)
    elif kind is Kind.GROUNDING:
        value, answered, reason = _grounding(answer, gold)
    else:
        value, answered, reason = _open(answer, gold, accuracy, tolerance)
    if answer is None and said.ends_inside_block:
        reason = Reason.CUT_OFF
    elif answer is None:
        reason = Reason.EMPTY_ANSWER if said.has_empty_block else Reason.NO_ANSWER
    elif value < 1.0 and find_special_token(answer[:MAX_TEXT_CHARACTERS]):
        reason = Reason.SPECIAL_TOKEN
    return Reward(float(said.is_well_formed), value, answered, reason)


def _choice(answer: str | None, gold: str, options: Sequence[str] | int | None) -> tuple[float, bool, Reason]:
    gold_letter = read_option_letter(gold, options)
    if gold_letter is None:
        raise ValueError(f"gold answer {gold!r} names no option")
    letter = read_answer_letter(answer, options)
    if letter is not None:
        right = letter == gold_letter
        return float(right), True, Reason.RIGHT if right else Reason.WRONG
    any_letter = read_option_letter(answer)
    count = len(LETTERS) if options is None else options if isinstance(options, int) else len(options)
    beyond = any_letter is not None and LETTERS.index(any_letter) >= count
    return 0.0, False, Reason.NOT_AN_OPTION if beyond else Reason.NO_LETTER


def _grounding(answer: str | None, gold: str) -> tuple[float, bool, Reason]:
    gold_spans = read_spans(gold)
    if not gold_spans:
        raise ValueError(f"gold answer {gold!r} names no span of time")
    spans = read_spans(answer or "")
    value = grounding_accuracy(spans, gold_spans)
    return value, bool(spans), _reason(value) if spans else Reason.NO_SPAN


def _open(answer: str | None, gold: str, accuracy: Accuracy, tolerance: float) -> tuple[float, bool, Reason]:
    if answer is None:
        return 0.0, False, Reason.NO_ANSWER
    if accuracy is Accuracy.TYPED:
        from videokr.typed.accuracy import typed_accuracy

        value, reason = typed_accuracy(gold, answer, tolerance)
        return value, True, reason
    if max(len(gold), len(answer)) > MAX_TEXT_CHARACTERS:
        return 0.0, True, Reason.TOO_LONG
    value = mean_rouge_f1(gold, answer)
    return value, True, _reason(value)


def _reason(value: float) -> Reason:
    return Reason.RIGHT if value == 1.0 else Reason.PARTIAL if value else Reason.WRONG
