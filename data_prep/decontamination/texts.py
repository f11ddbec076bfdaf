"""What tells of a copy without a look at the video: the id in a file's name, and the words of a question.

The publication matches videos by their id at the source first (paper, section on decontamination), as far as a file
name holds one. A name that only counts, as `clip_0012`, or is a single word, as `original`, says nothing about where a
video is from, and is no id. Nor is a name that several videos of one side have, unless it looks like the id of a video
host. Questions are held against each other by word n-grams.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from data_prep.decontamination.match import QuestionMatch
from videokr.example import Example

MIN_LENGTH = 6  # characters; shorter names are too often the same by chance
HOSTED_LENGTH = 11  # characters of an id as YouTube gives it
_COUNTED = re.compile(r"[A-Za-z]*(?:[ _-]?\d+)+")  # clip_0012, video7, 000123, 2023-01-31
_ONE_WORD = re.compile(r"[^\W\d_]+")
_HOSTED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{11}")
_STRETCH = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_MIN_STRETCHES = 5  # that chance makes of eleven characters, and words and counters (`Lecture_01b`) do not
_BRACKETED = re.compile(r"\[([A-Za-z0-9_-]{11})\]")  # as yt-dlp names a file
_MIN_BRACKETED_STRETCHES = 3

NGRAM_WORDS = 8
MIN_NGRAM_SHARE = 0.6  # of a benchmark question's n-grams
MAX_BENCHMARK_HOLDERS = 10  # an n-gram that more benchmark questions hold is a way of asking
MAX_TRAIN_HOLDERS = 100  # or that more training questions hold
_WORD = re.compile(r"[^\W_]+")
Ngram = tuple[str, ...]


def video_ids(path: str) -> frozenset[str]:
    """Every id in a path's last part: the name itself, and what looks like the id of a video host in it."""
    name = PurePosixPath(path).stem
    ids = set(_hosted_in(name))
    if len(name) >= MIN_LENGTH and not _COUNTED.fullmatch(name) and not _ONE_WORD.fullmatch(name):
        ids.add(name)
    return frozenset(ids)


def holders_by_id(paths: Iterable[str]) -> dict[str, list[str]]:
    """The videos of one side by their ids."""
    holders: dict[str, list[str]] = {}
    for path in paths:
        for name in video_ids(path):
            holders.setdefault(name, []).append(path)
    return {name: own for name, own in holders.items() if len(own) == 1 or _is_hosted(name, _MIN_BRACKETED_STRETCHES)}


def _hosted_in(name: str) -> Iterator[str]:
    yield from (found for found in _BRACKETED.findall(name) if _is_hosted(found, _MIN_BRACKETED_STRETCHES))
    for part in re.split(r"[\[\]() .]+", name):
        # An id may itself hold the marks that stand between an id and the rest of a name.
        head, after = part[:HOSTED_LENGTH], part[HOSTED_LENGTH:]
        tail, before = part[-HOSTED_LENGTH:], part[:-HOSTED_LENGTH]
        apart = [head] * (not after or after[0] in "_-") + [tail] * (not before or before[-1] in "_-")
        yield from (found for found in apart if _is_hosted(found, _MIN_STRETCHES))


def _is_hosted(text: str, min_stretches: int) -> bool:
    """Whether this looks like the id of a video host."""
    return bool(_HOSTED.fullmatch(text)) and len(_STRETCH.findall(text)) >= min_stretches


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
            is_alike = len(ngrams) >= MIN_NGRAM_SHARE * self._sizes[number]
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
            if share >= MIN_NGRAM_SHARE:
                found.append(QuestionMatch(line, own_id, own_question, asked.id, asked.question, share))
        return found
