"""Questions that stand in both files: how many of a benchmark question's word n-grams one training question holds."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from data_prep.decontamination.match import QuestionMatch
from videokr.example import Example

NGRAM_WORDS = 8
MIN_SHARE = 0.6  # of a benchmark question's n-grams
MAX_BENCHMARK_HOLDERS = 10  # an n-gram that more benchmark questions hold is a way of asking
MAX_TRAIN_HOLDERS = 100  # or that more training questions hold
_WORD = re.compile(r"[^\W_]+")
Ngram = tuple[str, ...]


def question_ngrams(example: Example) -> Iterator[Ngram]:
    """Runs of NGRAM_WORDS words of the question and its options, in whatever order they are; all of a shorter text."""
    parts = [_words(example.question), *sorted(map(_words, example.options))]
    words = [word for part in parts for word in part]
    for start in range(max(1, len(words) - NGRAM_WORDS + 1) if words else 0):
        yield tuple(words[start : start + NGRAM_WORDS])


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


class QuestionIndex:
    """The n-grams of a benchmark's questions, and what was met of them in the training file so far."""

    def __init__(self, questions: Sequence[Example]) -> None:
        self.questions = questions
        self._holders: dict[Ngram, list[int]] = defaultdict(list)
        self._sizes: list[int] = []
        self._met: Counter[Ngram] = Counter()
        self._found: list[tuple[int, str, str, int, frozenset[Ngram]]] = []
        own = [set(question_ngrams(question)) for question in self.questions]
        held = Counter(ngram for ngrams in own for ngram in ngrams)
        for number, ngrams in enumerate(own):
            telling = {ngram for ngram in ngrams if held[ngram] <= MAX_BENCHMARK_HOLDERS}
            self._sizes.append(len(telling))
            for ngram in telling:
                self._holders[ngram].append(number)

    def meet(self, line: int, example: Example) -> None:
        """Takes in one training record."""
        shared: dict[int, set[Ngram]] = {}
        for ngram in {ngram for ngram in question_ngrams(example) if ngram in self._holders}:
            self._met[ngram] += 1
            for number in self._holders[ngram]:
                shared.setdefault(number, set()).add(ngram)
        for number, ngrams in shared.items():
            is_alike = len(ngrams) >= MIN_SHARE * self._sizes[number]
            if is_alike and any(self._met[ngram] <= MAX_TRAIN_HOLDERS for ngram in ngrams):
                self._found.append((line, example.id, example.question, number, frozenset(ngrams)))

    def matches(self) -> list[QuestionMatch]:
        """What the records taken in share with the benchmark, in their order, without what too many of them hold."""
        common = {ngram for ngram, records in self._met.items() if records > MAX_TRAIN_HOLDERS}
        common_of = Counter(number for ngram in common for number in self._holders[ngram])
        found = []
        for line, own_id, own_question, number, ngrams in self._found:
            telling, asked = self._sizes[number] - common_of[number], self.questions[number]
            share = len(ngrams - common) / telling if telling else 0.0
            if share >= MIN_SHARE:
                found.append(QuestionMatch(line, own_id, own_question, asked.id, asked.question, share))
        return found
