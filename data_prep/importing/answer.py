"""Which option an answer of other people's making means: never by a guess."""

import re
from collections.abc import Sequence

from videokr.errors import RecordError
from videokr.fields import ANSWER_FIELDS
from videokr.options import LETTERS, read_option_letter
from videokr.response import bare_answer

LETTER, TEXT, FROM_0, FROM_1 = FORMS = ("letter", "text", "from-0", "from-1")
_NUMBER = re.compile(r"(\d{1,3})(?:\.0+)?")  # 2.0 is what a column of numbers with gaps makes of 2


def letter_of(answer: str, options: Sequence[str], form: str | None, is_number: bool = False) -> str:
    """The letter of the option that is meant.

    Args:
        form: one of FORMS; None: a letter or an option's text, whichever names one, if both do not name two.
        is_number: the file has a number, or does not tell numbers from texts: it may count the options.

    Raises:
        RecordError: it names no option, or may mean two.
    """
    answer = bare_answer(answer) or ""
    if form in (FROM_0, FROM_1):
        return _counted(answer, options, 0 if form == FROM_0 else 1)
    by_letter = None if form == TEXT else read_option_letter(answer, options)
    by_text = None if form == LETTER else _by_text(answer, options)
    if by_letter and by_text and by_letter != by_text:
        detail = f"{answer[:80]!r} is a letter, and the text of option {by_text}: say --answers letter, or text"
        raise RecordError(ANSWER_FIELDS[0], "may mean two options", detail)
    if by_text and is_number and form is None and (others := _count(answer, len(options)) - {by_text}):
        detail = (
            f"{answer!r} is the text of option {by_text}, and option {' or '.join(sorted(others))} if it counts them"
        )
        raise RecordError(ANSWER_FIELDS[0], "may mean two options", f"{detail}: say --answers text, from-0, or from-1")
    letter = by_letter or by_text
    if letter is None:
        detail = f"{answer[:80]!r} of {len(options)} options"
        if form is None and _NUMBER.fullmatch(answer):
            detail += "; if it counts them, say --answers from-0, or from-1"
        raise RecordError(ANSWER_FIELDS[0], "names no single option", detail)
    return letter


def _count(answer: str, options: int) -> set[str]:
    """The options that a number may mean, counted from 0 or from 1."""
    found = _NUMBER.fullmatch(answer)
    places = (int(found[1]), int(found[1]) - 1) if found else ()
    return {LETTERS[place] for place in places if 0 <= place < options}


def _counted(answer: str, options: Sequence[str], first: int) -> str:
    found = _NUMBER.fullmatch(answer)
    place = int(found[1]) - first if found else -1
    if not 0 <= place < len(options):
        detail = f"{answer[:80]!r} of {len(options)} options, counted from {first}"
        raise RecordError(ANSWER_FIELDS[0], "names no single option", detail)
    return LETTERS[place]


def _by_text(answer: str, options: Sequence[str]) -> str | None:
    exact = [letter for letter, option in zip(LETTERS, options, strict=False) if option == answer]
    folded = _folded(answer)
    found = exact or [letter for letter, option in zip(LETTERS, options, strict=False) if _folded(option) == folded]
    return found[0] if len(found) == 1 else None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
