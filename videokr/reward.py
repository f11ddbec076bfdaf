"""The reward R = 0.1 * format + 0.9 * accuracy (paper, GRPO recipe)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from videokr.example import Kind
from videokr.options import read_option_letter
from videokr.response import is_well_formed, read_answer

FORMAT_WEIGHT = 0.1
ACCURACY_WEIGHT = 0.9
ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
# Longer than a rollout's 2,048 tokens of text; beyond it ROUGE, whose time is quadratic, is not computed.
LONGEST_ANSWER = 8_192


@dataclass(frozen=True, slots=True)
class Reward:
    """Both parts lie in [0, 1]. `answered` says whether there was an answer to score at all."""

    format: float
    accuracy: float
    answered: bool

    @property
    def score(self) -> float:
        return FORMAT_WEIGHT * self.format + ACCURACY_WEIGHT * self.accuracy


def score_response(response: str, gold: str, kind: Kind, options: Sequence[str] | int | None = None) -> Reward:
    """Scores one response.

    Args:
        response: everything the model said.
        gold: the option letter or the final answer, without tags.
        options: the option texts, or their number, where known; sharpens the reading of the letter.

    Raises:
        ValueError: the gold answer is empty, or names no option. Found when data is prepared, not in a run.
    """
    answer = read_answer(response)
    well_formed = float(is_well_formed(response))
    if kind is Kind.MULTIPLE_CHOICE:
        gold_letter = read_option_letter(gold, options)
        if gold_letter is None:
            raise ValueError(f"gold answer {gold!r} names no option")
        letter = read_option_letter(answer, options)
        return Reward(well_formed, float(letter == gold_letter), letter is not None)
    if not gold.strip():
        raise ValueError("gold answer is empty")
    return Reward(well_formed, 0.0 if answer is None else mean_rouge_f1(gold, answer), answer is not None)


def mean_rouge_f1(gold: str, answer: str) -> float:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L with stemming, in [0, 1] (paper, open-ended accuracy).

    An answer of more than `LONGEST_ANSWER` characters earns 0.
    """
    if len(answer) > LONGEST_ANSWER:
        return 0.0
    scores = _scorer().score(gold, answer)
    rouge1, rouge2, rouge_l = (float(scores[name].fmeasure) for name in ROUGE_TYPES)
    return (rouge1 + rouge2 + rouge_l) / 3.0


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # slow to import: only runs that score open answers pay for it

    return RougeScorer(list(ROUGE_TYPES), use_stemmer=True)
