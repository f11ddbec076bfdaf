"""Options as a record has them: in a field, in fields of one each, or in the last lines of its question.

Fields of one each are `A`, `B`, ...; `option_a`, ...; `choice 1`, ...; `a0`, `a1`, ...
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from videokr.errors import RecordError
from videokr.fields import OPTION_FIELDS, present, text_of
from videokr.options import LETTERS, split_label

OPTIONS = "options"  # the field that a fault names
KNOWN = ("option", "opt", "choice", "candidate", "answer", "answerchoice", "ans", "a")  # before the number
LETTERED = ("", "option", "opt", "choice", "answer", "answerchoice")  # before a letter: `at` is no option T of `a`
_HEADING = "options:"  # before options in a question
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
    found = [name for name in option_columns(list(record)) if _says_something(record[name])]
    if len(found) > 1:
        detail = f"{found[0]!r} to {found[-1]!r}: run videokr import on this file, and take what it writes"
        raise RecordError(found[0], "fields of one option each", detail)


def read_options(record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The field of a record's options, and their texts without letters in the order A, B, C, ...; none without it.

    Raises:
        RecordError: the field cannot be read.
    """
    name = present(record, OPTION_FIELDS)
    if name is None:
        return OPTION_FIELDS[0], ()
    value = record[name]
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    if not isinstance(value, Mapping | list | tuple):
        raise RecordError(name, "not a list or an object of options", type(value).__name__)
    if plain := _plainly_labelled(value):
        return name, plain
    given = value.values() if isinstance(value, Mapping) else value
    if not any(map(_says_something, given)):
        return name, ()  # {"A": ""}, as open-ended questions have beside others
    texts = [_option(name, text) for text in given if text is not None or not isinstance(value, Mapping)]
    split = [split_label(text) for text in texts]
    labels = [label for label, _ in split if label]
    if isinstance(value, Mapping):
        keys = [str(key).strip().upper() for key, text in value.items() if text is not None]
        return name, _by_letter(name, keys, [text for _, text in split] if labels == keys else texts)
    if len(labels) == len(texts) and "A" in labels:
        return name, _by_letter(name, labels, [text for _, text in split])
    return name, tuple(texts)


def split_inline_options(question: str, options: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Takes options off the end of a question, if they are the record's own or the record has none."""
    lines = question.rstrip().splitlines()
    split: list[tuple[str, str]] = []
    while lines and (not split or split[-1][0] != "A"):
        label, text = split_label(lines.pop())
        if not label or not text:
            return question, options
        split.append((label, text))
    split.reverse()
    inline = tuple(text for _, text in split)
    in_order = [label for label, _ in split] == list(LETTERS[: len(split)])
    if not in_order or len(inline) < 2 or not lines or (options and options != inline):
        return question, options
    if lines[-1].strip().lower() == _HEADING:
        lines.pop()
    return "\n".join(lines).rstrip(), inline


def _says_something(option: object) -> bool:
    return option is not None and option != "" and not (isinstance(option, str) and option.isspace())


def _plainly_labelled(options: Mapping[Any, Any] | Sequence[Any]) -> tuple[str, ...] | None:
    """The texts of ASCII options `A. text`, `B. text`, ..., as nearly all come; None of any others."""
    if isinstance(options, Mapping) or len(options) > len(LETTERS):
        return None
    texts = []
    for letter, option in zip(LETTERS, options, strict=False):
        if not isinstance(option, str) or not option.startswith(letter) or not option.startswith(". ", 1):
            return None
        text = option[3:].strip()
        if not text or not text.isascii():
            return None
        texts.append(text)
    return tuple(texts)


def _option(name: str, value: object) -> str:
    text = text_of(name, value)
    if not text:
        raise RecordError(name, "an option is empty", repr(value))
    return text


def _by_letter(name: str, labels: list[str], texts: list[str]) -> tuple[str, ...]:
    if sorted(labels) != list(LETTERS[: len(labels)]):
        raise RecordError(name, "option letters are not A, B, C, ... without a gap", ", ".join(labels))
    if not all(texts):
        raise RecordError(name, "an option is empty", labels[texts.index("")])
    return tuple(text for _, text in sorted(zip(labels, texts, strict=True)))
