"""How VideoTemp-o3's own scorer reads and counts a saved answer (github.com/Kwai-Keye/VideoTemp-o3, `eval/score.py`).

From its description, to show beside a strict score, and never in its place.
"""

import math
import re
from enum import StrEnum

from videokr.evaluation.answered import Answered
from videokr.evaluation.grounding import THRESHOLDS
from videokr.response import Kind
from videokr.spans import Span, read_spans, write_spans

# The letters that an answer may start with; of MLVU any character is taken.
FIRST_LETTERS = {"videotemp": "ABCDE", "lvbench": "ABCDE", "videommmu": "ABCDEFGHIJKLMN"}
DEFAULT_LETTER = "A"
_LEAD_INS = re.compile(
    r"The (?:best|correct) (?:answer|option) is|The correct (?:answer|option)|The answer(?: is)?"
    r"|(?:Best a|A)nswer:|(?:Best o|O)ption:"
)
_NUMBER = re.compile(r"-?\d+\.?\d*")
_BLOCK = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


class Difference(StrEnum):
    """Where the published count of an answer departs from the strict one."""

    SCORED_A = 'no letter at its start: scored as "A"'
    LEFT_OUT = "no letter at its start: not in the denominator"
    OTHER_LETTER = "another letter: the first character is taken, whatever it begins"
    OTHER_SPAN = 'another span: the first two numbers are taken, and "24.30-30.42" is 24.30 and -30.42'
    AT_THRESHOLD = "an IoU that is exactly a threshold does not reach it"
    NO_NUMBER = "the gold span and the answer's are one point: the IoU is no number, nor is any mean with it"


def kept_answer(turn: str) -> str:
    """What its runs save of the last turn: the first answer block, else everything."""
    block = _BLOCK.search(turn)
    return block[1].strip() if block else turn


def videomme_letter(response: str) -> str | None:
    """The first character without the words before an answer; None where it is not A to D, as a space behind them."""
    first = _LEAD_INS.sub("", response.strip())[:1]
    return first if first and first in "ABCD" else None


def published_letter(benchmark: str, response: str) -> str | None:
    """The letter that is held against the gold one; None where there is none."""
    if benchmark == "videomme":
        return videomme_letter(response)
    first, letters = response[:1], FIRST_LETTERS.get(benchmark)
    return (first or None) if letters is None else first if first and first in letters else DEFAULT_LETTER


def first_two_numbers(response: str) -> Span | None:
    """A dash before a number is its sign; None where there are not two."""
    numbers = [float(number) for number in _NUMBER.findall(response)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def hull_iou(said: Span, gold: Span) -> float:
    """The overlap over the time from the first start to the last end; not a number where that is none."""
    overlap = max(0.0, min(said[1], gold[1]) - max(said[0], gold[0]))
    hull = max(0.0, max(said[1], gold[1]) - min(said[0], gold[0]))
    return overlap / hull if hull else math.nan


def published_iou(one: Answered) -> float:
    """0 where no span is read."""
    said = first_two_numbers(one.response)
    return hull_iou(said, read_spans(one.example.answer)[0]) if said else 0.0


def difference(benchmark: str, one: Answered) -> Difference | None:
    """How the published count of one saved answer departs from its strict one."""
    if one.example.kind is Kind.GROUNDING:
        said = first_two_numbers(one.response)
        if math.isnan(published_iou(one)):
            return Difference.NO_NUMBER
        if (write_spans([said]) if said else None) != one.answer:
            return Difference.OTHER_SPAN
        return Difference.AT_THRESHOLD if one.iou in THRESHOLDS else None
    letter = published_letter(benchmark, one.response)
    if letter is None:
        return Difference.LEFT_OUT if benchmark == "videomme" else None
    if benchmark in FIRST_LETTERS and one.response[:1] != letter:
        return Difference.SCORED_A
    return None if letter == one.answer else Difference.OTHER_LETTER
