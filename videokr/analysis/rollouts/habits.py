"""What a rollout does that no reward should pay for: stuffed answers, repeated blocks, repeated text."""

import re
from collections import Counter
from collections.abc import Iterator

from videokr.analysis.rollouts.explanation import Explanation
from videokr.example import Kind
from videokr.options import LETTERS
from videokr.response import ANSWER_TAGS, THINK_TAGS

RUN_WORDS = 8  # a run of so many words, said again and again, is repeated text
LONG_TIMES = 4  # an open answer is long from so many times the words of the gold one on
SHORT_GOLD_WORDS = 3  # a shorter gold answer counts as one of so many: "The bar moves up" answers "up"
MOST_GOLD_WORDS = 5  # of a gold answer that is a number

_OPENING = tuple(tags.partition("{")[0] for tags in (ANSWER_TAGS, THINK_TAGS))
_WORD = re.compile(r"\w+")
_LONE_LETTER = re.compile(r"(?<![^\W_])([A-Z])(?![^\W_]|['\u2019])")
_LISTED = re.compile(r"[,;/|\n]|\b(?:or|and)\b", re.I)
_NUMBER = re.compile(r"(?<![\w.,^])\d+(?:,\d{3})*(?:\.\d+)?(?!\w*[\u00b2\u00b3^])")


def answers_given(explanation: Explanation) -> int:
    """How many answers stand in the answer block: options, numbers or texts; 0 or 1 where nothing is stuffed."""
    answer = explanation.answer
    if answer is None or explanation.accuracy is None:
        return 0
    if explanation.kind is Kind.MULTIPLE_CHOICE:
        return 1 if explanation.letter else _options_named(answer, explanation.options)
    return max(_numbers_given(answer, explanation.gold), _texts_given(answer, explanation.gold))


def times_as_long(explanation: Explanation) -> float:
    """How many times the words of the gold answer an open answer has, if it earns some accuracy; else 0."""
    if explanation.kind is not Kind.OPEN_ENDED or explanation.answer is None or not explanation.accuracy:
        return 0.0
    if explanation.accuracy == 1.0:
        return 0.0
    return len(explanation.answer.split()) / max(len(explanation.gold.split()), SHORT_GOLD_WORDS)


def blocks(output: str) -> int:
    """How many answer blocks are opened, or think blocks if they are more."""
    text = output.lower()
    return max(text.count(opening) for opening in _OPENING)


def most_repeated_run(output: str) -> int:
    """How often the most frequent run of `RUN_WORDS` words stands in a text, without overlap."""
    words = _WORD.findall(output.lower())
    if len(words) < 2 * RUN_WORDS:
        return min(len(words) // RUN_WORDS, 1)
    most = 1
    # Where each run was met last, and how often: only of words that are there often enough.
    met: dict[tuple[str, ...], tuple[int, int]] = {}
    for start, end in _frequent_stretches(words):
        for place in range(start, end - RUN_WORDS + 1):
            run = tuple(words[place : place + RUN_WORDS])
            last, times = met.get(run, (-RUN_WORDS, 0))
            if place >= last + RUN_WORDS:
                met[run] = place, times + 1
                most = max(most, times + 1)
    return most


def _frequent_stretches(words: list[str]) -> Iterator[tuple[int, int]]:
    """Stretches of at least `RUN_WORDS` words that are all there twice or more: no other run can be repeated."""
    counts = Counter(words)
    rare = [place for place, word in enumerate(words) if counts[word] == 1]
    start = 0
    for place in (*rare, len(words)):
        if place - start >= RUN_WORDS:
            yield start, place
        start = place + 1


def _options_named(answer: str, options: tuple[str, ...]) -> int:
    """Options by letters that stand alone or together (`A, B`, `ABC`), or by their texts."""
    letters = set(LETTERS[: len(options)])
    together = set(answer) if len(answer) > 1 and set(answer) <= letters else set()
    alone = set(_LONE_LETTER.findall(answer)) & letters
    said = f" {_words(answer)} "
    texts = [f" {words} " for option in options if (words := _words(option)) and f" {words} " in said]
    whole = [text for text in texts if not any(text in other for other in texts if text != other)]
    return max(len(together), len(alone), len(whole))


def _numbers_given(answer: str, gold: str) -> int:
    """Different numbers in an answer that has the gold one among them; of a derivation, in what it comes to."""
    wanted = _numbers(gold)
    if len(wanted) != 1 or len(gold.split()) > MOST_GOLD_WORDS:
        return 0
    said = _numbers(answer.rpartition("=")[2])
    return len(said) if wanted <= said else 0


def _texts_given(answer: str, gold: str) -> int:
    """Different short texts in a list, or with "or" between them, that has the short gold one among them."""
    wanted = _words(gold)
    if _LISTED.search(gold) or not 0 < len(wanted.split()) <= SHORT_GOLD_WORDS:
        return 0
    said = {_words(part) for part in _LISTED.split(answer)} - {""}
    among = any(wanted in (text, text.removeprefix("the ").removeprefix("a ")) for text in said)
    return len(said) if among and all(len(text.split()) <= MOST_GOLD_WORDS for text in said) else 0


def _numbers(text: str) -> set[float]:
    return {float(number.replace(",", "")) for number in _NUMBER.findall(text)}


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
