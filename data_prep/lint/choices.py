"""Options of one question among themselves, and how an answer names one of them."""

import re
from collections.abc import Iterator

from data_prep.lint.findings import Flag
from data_prep.lint.row import Row
from data_prep.lint.wording import excerpt, same_option, words
from videokr.example import Kind
from videokr.fields import OPTION_FIELDS
from videokr.options import LETTERS

# Published answers are "the final answer alone", and the reward is the overlap of words with it.
LONG_ANSWER_WORDS = 50
_ABOVE = re.compile(
    r"(?:all|none|both|neither) of (?:the )?(?:above|these|the (?:other )?options|the others)\b|none of them\b", re.I
)


def find(row: Row) -> Iterator[Flag]:
    example = row.example
    if example is None:
        return
    if example.kind is Kind.OPEN_ENDED:
        count = len(words(example.answer)) if len(example.answer) > LONG_ANSWER_WORDS else 0
        if count > LONG_ANSWER_WORDS:
            yield Flag("long-answer", f"{count} words: {excerpt(example.answer)!r}", count)
        return
    seen: dict[str, int] = {}
    for number, option in enumerate(example.options):
        first = seen.setdefault(same_option(option), number)
        if first != number:
            pair = f"{LETTERS[first]} and {LETTERS[number]}"
            is_right = example.answer in pair
            detail = f"{pair}{', one of them the answer' if is_right else ''}: {excerpt(option)!r}"
            yield Flag("repeated-option", detail, float(is_right), OPTION_FIELDS[0])
            return


def points_at_others(option: str) -> bool:
    """Whether it is "all of the above" or "none of these"."""
    return _ABOVE.match(option.strip()) is not None
