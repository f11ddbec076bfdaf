"""Gold answers that are words: yes or no, a short text, a long one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from videokr.reward.answer_type import RIGHT, WRONG, AnswerType, Verdict
from videokr.reward.number_answer import share_in_order
from videokr.reward.polarity import Polarity, contradicts, is_negated, read_clauses, read_polarity
from videokr.reward.quantity import Quantity, read_quantities
from videokr.reward.reason import Reason
from videokr.reward.rouge import GoldText, mean_f1, read_gold, stems
from videokr.reward.text import bare, comparable, run_together, tokens, without_lead_in

REMEMBERED_WORDS = 65_536

YES, NO = frozenset(("yes", "true")), frozenset(("no", "false"))
_AT_A_CLAUSES_END = re.compile(r"(?<!not )\b(yes|no|true|false)(?=\s?(?:$|[,;./)?!:-]))", re.I)
# What may stand right behind yes or no, so that it is the whole answer: punctuation, or a sentence that repeats it.
_REPEATED = re.compile(
    r"\w+(?:$|\s?[-,.;:]|\s(?:it|they|he|she|the|this|that|these|those|there|we|you|because|since|as)\b)", re.I
)
_TAKING_BACK = re.compile(
    r"^\w+\W{1,4}(?:but|however|although|though|not$|no\s(?:it|they|he|she|wait)|which\s(?:is|are)\s(?:not|false|wrong))\b",
    re.I,
)
_FIRST_CLAUSE = re.compile(r"[^,.;:]*")
_LIGHT_WORD = re.compile(r"(?:it|they|he|she|in|at|on|to)\s", re.I)
_SUBJECT = re.compile(r"(?:the|this|that|these|those|its|his|her|their)\s[^,.;:]{1,60}?\s(?:is|are|was|were)\s", re.I)


@dataclass(frozen=True, slots=True)
class YesNo:
    """The words that say it, and those that deny it."""

    saying: frozenset[str]
    denying: frozenset[str]
    type: ClassVar[AnswerType] = AnswerType.YES_NO

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        answer = bare(answer)
        if not self.saying.intersection(tokens(answer)[:1]) or not _REPEATED.match(answer):
            return WRONG
        beside = {word.lower() for word in _AT_A_CLAUSES_END.findall(answer)}
        first = _FIRST_CLAUSE.match(answer)
        denied = self.saying is YES and first is not None and is_negated(tokens(first[0]))
        taken_back = denied or beside & self.denying or _TAKING_BACK.match(answer)
        return (0.0, Reason.OPPOSITE) if taken_back else RIGHT


@dataclass(frozen=True, slots=True)
class ShortText:
    """What a short answer may be, as `comparable` gives it: `X (Y)` has three names."""

    names: frozenset[str]
    type: ClassVar[AnswerType] = AnswerType.SHORT_TEXT

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        said = bare(answer)
        leads = (_SUBJECT.match(said), _LIGHT_WORD.match(said))
        forms = {answer, said, *(said[lead.end() :] for lead in leads if lead)}
        return WRONG if self.names.isdisjoint(map(comparable, forms)) else RIGHT


@dataclass(frozen=True, slots=True)
class LongText:
    """A text that is compared by ROUGE.

    Attributes:
        text: all tokens run together.
    """

    text: str
    words: GoldText
    polarity: Polarity
    quantities: tuple[Quantity, ...]
    type: ClassVar[AnswerType] = AnswerType.LONG_TEXT

    @classmethod
    def read(cls, text: str) -> "LongText":
        """A cleaned gold text."""
        denied, clauses = read_clauses(without_lead_in(text))
        said = [word for clause in clauses for word in clause]
        words = read_gold(_rouge_words(said))
        return cls(run_together(said), words, read_polarity(denied, clauses), read_quantities(text))

    def accuracy(self, answer: str, tolerance: float) -> Verdict:
        denied, clauses = read_clauses(without_lead_in(answer))
        said = [word for clause in clauses for word in clause]
        if denied == self.polarity.denied and run_together(said) == self.text:
            return RIGHT
        if contradicts(self.polarity, denied, clauses):
            return 0.0, Reason.OPPOSITE
        value = mean_f1(self.words, _rouge_words(said))
        value *= share_in_order(self.quantities, read_quantities(answer), tolerance) if value else 1.0
        return value, Reason.PARTIAL if value else Reason.WRONG


def _rouge_words(words: Iterable[str]) -> list[str]:
    """Tokens as ROUGE compares them: stemmed in English, characters in scripts without spaces."""
    return [stem for word in words for stem in _stems(word)]


@lru_cache(REMEMBERED_WORDS)
def _stems(word: str) -> tuple[str, ...]:
    return tuple(stems(word)) or (word,)
