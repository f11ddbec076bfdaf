"""The paper's open-ended accuracy: the values of rouge-score to the last bit, many times as fast.

A run scores hundreds of rollouts against few gold answers in a narrow vocabulary. So stems are remembered, a gold text
is read once, and the longest common subsequence is counted with one whole number a row (Hyyrö, "Bit-parallel LCS-length
computation revisited", 2004) in the place of a table.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TypeVar

MAX_TEXT_CHARACTERS = 8_192  # more than a rollout's 2,048 tokens; beyond it ROUGE is not computed
MAX_STEMS, MAX_GOLDS = 65_536, 4_096  # that are remembered

_WORD = re.compile(r"[a-z0-9]+")
_Item = TypeVar("_Item")
_MIN_STEMMED_LETTERS = 4


@dataclass(frozen=True, slots=True)
class _GoldText:
    """A gold text, read: its stems' counts, their pairs' counts, and where each stem stands (bit i: place i)."""

    length: int
    words: dict[str, int]
    pairs: dict[tuple[str, str], int]
    places: dict[str, int]


def mean_rouge_f1(gold: str, answer: str) -> float:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L with stemming, in [0, 1] (paper, open-ended accuracy).

    Equal in every bit to the mean over `rouge_score.rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"],
    use_stemmer=True)`. A text of more than `MAX_TEXT_CHARACTERS` characters earns 0.
    """
    if max(len(gold), len(answer)) > MAX_TEXT_CHARACTERS:
        return 0.0
    read, words = _read_gold(gold), stems(answer)
    if not read.length or not words:
        return 0.0
    common = _common(read.words, words)
    if not common:
        return 0.0
    common_pairs = _common(read.pairs, pairwise(words)) if read.pairs else 0
    rouge1 = _f1(common, len(words), read.length)
    rouge2 = _f1(common_pairs, len(words) - 1, read.length - 1)
    rouge_l = _f1(_common_subsequence(read, words), len(words), read.length)
    return (rouge1 + rouge2 + rouge_l) / 3.0


def stems(text: str) -> list[str]:
    """The words of a text as rouge-score sees them: a-z and 0-9, in lower case, stemmed from four letters on."""
    stem = _stem()
    return [stem(word) if len(word) >= _MIN_STEMMED_LETTERS else word for word in _WORD.findall(text.lower())]


@lru_cache(MAX_GOLDS)
def _read_gold(gold: str) -> _GoldText:
    words = stems(gold)
    places: dict[str, int] = {}
    for place, word in enumerate(words):
        places[word] = places.get(word, 0) | 1 << place
    return _GoldText(len(words), Counter(words), Counter(pairwise(words)), places)


def _common(counts: dict[_Item, int], items: Iterable[_Item]) -> int:
    """How many items two texts have in common; loops, since a Counter costs more than these few items."""
    found: dict[_Item, int] = {}
    for item in items:
        if item in counts:
            found[item] = found.get(item, 0) + 1
    common = 0
    for item, number in found.items():
        limit = counts[item]
        common += number if number < limit else limit
    return common


def _common_subsequence(gold: _GoldText, words: list[str]) -> int:
    """Length of the longest common subsequence; bit i of `rows` is 0 where place i of the gold text adds one."""
    places = gold.places
    everything = (1 << gold.length) - 1
    rows = everything
    for word in words:
        if word in places:
            met = rows & places[word]
            rows = (rows + met | rows - met) & everything
    return gold.length - rows.bit_count()


def _f1(common: int, answer_length: int, gold_length: int) -> float:
    precision, recall = common / max(answer_length, 1), common / max(gold_length, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


@cache
def _stem() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer  # slow to import: only runs that score open answers pay for it

    return lru_cache(MAX_STEMS)(PorterStemmer().stem)
