"""Columns of one option each: `A`, `B`, ...; `option_a`, ...; `choice 1`, ...; `a0`, `a1`, ..."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from videokr.errors import RecordError
from videokr.options import says_something

OPTIONS = "options"  # the field that a fault names
KNOWN = ("option", "opt", "choice", "candidate", "answer", "answerchoice", "ans", "a")  # before the number
LETTERED = ("", "option", "opt", "choice", "answer", "answerchoice")  # before a letter: `at` is no option T of `a`
_PARTS = re.compile(r"[\s_\-]+")
_NUMBERED = re.compile(r"(.*?)(\d{1,2})")
_WITH_LETTER = re.compile(rf"(?!(?:option|opt|choice|answer)s$)({'|'.join(LETTERED)})([a-z])")


def folded(name: str) -> str:
    """A column's name without what spellings differ in: `Video Path`, `video-path`, `videoPath`."""
    return _PARTS.sub("", name).casefold()


def lettered_field(name: str) -> str | None:
    """The letter of `option_a`, `B`, ...; None of any other name."""
    found = _WITH_LETTER.fullmatch(folded(name))
    return found[2].upper() if found else None


def option_columns(names: Sequence[str], unlike: Collection[str] | None = None) -> tuple[str, ...]:
    """The columns of one option each, in order; none where there are none.

    Args:
        unlike: where no known name stands before the numbers, any other but these does, if there is one such set alone;
            None: it does not.

    Raises:
        RecordError: two such sets, or one with a gap.
    """
    styles: dict[tuple[str, bool], dict[int, str]] = {}
    for name in names:
        plain = folded(name)
        if found := _NUMBERED.fullmatch(plain):
            styles.setdefault((found[1], True), {})[int(found[2])] = name
        elif found := _WITH_LETTER.fullmatch(plain):
            styles.setdefault((found[1], False), {})[ord(found[2]) - ord("a")] = name
    known: list[tuple[str, ...]] = []
    others: list[tuple[str, ...]] = []
    for (before, is_numbered), columns in styles.items():
        numbers = sorted(columns)
        if len(numbers) < 2:
            continue
        is_known = before in (KNOWN if is_numbered else LETTERED)
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] <= bool(before):
            own = tuple(columns[number] for number in numbers)
            if is_known:
                known.append(own)
            elif unlike is not None and before not in unlike:
                others.append(own)
        elif is_known and before:
            detail = f"{', '.join(columns.values())}: name them by --column option_a=NAME ..."
            raise RecordError(OPTIONS, "option columns with a gap", detail)
    if len(known) > 1:
        detail = f"{' and '.join(', '.join(columns) for columns in known)}: name one by --column option_a=NAME ..."
        raise RecordError(OPTIONS, "two sets of option columns", detail)
    if not known and len(others) > 1:
        detail = f"{' and '.join(', '.join(columns) for columns in others)}: name one by --column option_a=NAME ..., "
        raise RecordError(OPTIONS, "two sets of columns that may be options", f"{detail}or none by --column options=")
    return (known or others or [()])[0]


def refuse_option_columns(record: Mapping[str, Any]) -> None:
    """Raises RecordError where options stand in fields of one each, which `videokr import` reads."""
    found = [name for name in option_columns(list(record)) if says_something(record[name])]
    if len(found) > 1:
        detail = f"{found[0]!r} to {found[-1]!r}: run videokr import on this file, and take what it writes"
        raise RecordError(found[0], "fields of one option each", detail)
