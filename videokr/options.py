"""Options of a multiple-choice question: their letters, and the letter that an answer names."""

import re
import string
import unicodedata
from collections.abc import Sequence, Set

from videokr.errors import RecordError

LETTERS = string.ascii_uppercase

# "B. x", "(b) x", "B、x", "B - x"; of a small letter before a dash nobody knows: "a - b".
_LABEL = re.compile(r"(?:\(?([A-Za-z])[).:）．：、]|([A-Z])\s+[-–—]\s)\s*(.*)", re.DOTALL)  # noqa: RUF001
_INLINE_HEADING = "options:"  # before options in a question
_DECORATION = " \t\r\n*_`\"'$"
_LEAD_IN = re.compile(
    r"(?:the\s+)?(?:(?:correct|right|final|best)\s+)?(?:answer|option|choice)(?:\s+is\b|\s*:)?\s*:?\s*", re.I
)
_LETTER = re.compile(r"(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z]))[).:]?")
_LETTER_AND_TEXT = re.compile(
    r"(?:\(([A-Za-z])\)[.:]?|\[([A-Za-z])\][.:]?|([A-Za-z])(?:[).:]|(?=\s+[-–—]\s)|(?=\s*\([^()]*\)$)))"  # noqa: RUF001
    r"\s*[-–—]?\s*(\S.*)",  # noqa: RUF001
    re.DOTALL,
)
# Where the text after a letter names another one or takes it back: "A. or B", "A: B", "A. not", "A. x. B. y",
# "A. x and B"; but not the last letter of "vitamin C", and not the article in "B. A dog".
_MORE_LETTERS = re.compile(
    r"^[,;/&+]|^(?i:and|or|not|nor|but)\b|^[(\[]?[A-Za-z](?:[)\].:,](?:\s|$)|\W{0,4}$)"
    r"|(?:[,;/&+\n]\s{0,4}|\.\s{1,4}|\b(?i:and|or|not|nor|but)\s{1,4})[(\[]?[A-Z](?:[)\].:,]\s|\W{0,4}$)"
)
# What follows a letter, or the text of its option, and takes it back: "A. is wrong", "A - no way".
_TAKEN_BACK = re.compile(
    r"(?:it\s+)?(?:is|are|was)(?:\s+not|n['\u2019]t|\s+(?:wrong|incorrect))\b|(?:no|wrong|incorrect)\b", re.I
)
_BOXED = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_VERDICT = re.compile(
    r"\s{1,4}is\s{1,4}(?:(?:the\s{1,4})?(?:correct|right|best)(?:\s{1,4}(?:answer|option|choice))?|the\s{1,4}answer)$",
    re.I,
)
_WORD = re.compile(r"[^\W_]+")
# No option is this long: an answer beyond it names none, and costs nothing to read.
_MAX_ANSWER_CHARACTERS = 10_000


def split_label(text: str) -> tuple[str | None, str]:
    """`"B. Hydrogen"` -> `("B", "Hydrogen")`; a text without a label keeps None in its place."""
    match = _LABEL.fullmatch(text.strip())
    return ((match[1] or match[2]).upper(), match[3].strip()) if match else (None, text.strip())


def says_something(option: object) -> bool:
    """Whether it is neither None nor blank."""
    return option is not None and option != "" and not (isinstance(option, str) and option.isspace())


def without_labels(field: str, texts: list[str], keys: list[str] | None = None) -> tuple[str, ...]:
    """The texts of a question's options without letters, in the order A, B, C, ...

    Args:
        field: of the record, which a fault names.
        texts: none of them empty; with a letter each, or without.
        keys: the letters that they stand under, where the record has an object of options.

    Raises:
        RecordError: the letters are not A, B, C, ..., or a letter stands alone.
    """
    split = [split_label(text) for text in texts]
    labels = [label for label, _ in split if label]
    if keys is None and not (len(labels) == len(texts) and "A" in labels):
        return tuple(texts)
    if keys is None or labels == keys:
        texts = [text for _, text in split]
    letters = keys or labels
    if sorted(letters) != list(LETTERS[: len(letters)]):
        raise RecordError(field, "option letters are not A, B, C, ... without a gap", ", ".join(letters))
    if not all(texts):
        raise RecordError(field, "an option is empty", letters[texts.index("")])
    return tuple(text for _, text in sorted(zip(letters, texts, strict=True)))


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
    if lines[-1].strip().lower() == _INLINE_HEADING:
        lines.pop()
    return "\n".join(lines).rstrip(), inline


def _spaced(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _folded(text: str) -> str:
    return _spaced(text).casefold().rstrip(".")


def _names_one_of(text: str, options: Set[str]) -> bool:
    """Whether the text of an option stands in it as whole words."""
    said = " ".join(_WORD.findall(_folded(text)))
    named = (" ".join(_WORD.findall(option)) for option in options)
    return any(f" {option} " in f" {said} " for option in named if len(option) > 1)


def read_option_letter(text: str | None, options: Sequence[str] | int | None = None) -> str | None:
    """The one option that an answer clearly names, as an upper-case letter; None where it names none or several.

    Takes `B`, `b`, `(B)`, `B.`, `B. Hydrogen`, `B (Hydrogen)`, `Option B`, `The answer is B`, `B is correct`,
    `\\boxed{B}`. Refuses `a bar`, `B, C`, `not A`, a
    letter beyond the options, and a letter whose text names another option or takes it back.

    Args:
        text: the content of the answer block.
        options: the option texts without labels, or their number; None where they are not known.
    """
    if text is None or len(text) > _MAX_ANSWER_CHARACTERS:
        return None
    count = len(LETTERS) if options is None else options if isinstance(options, int) else len(options)
    if len(text) == 1 and text in LETTERS:
        return text if LETTERS.index(text) < count else None
    text = _BOXED.sub(r"\1", _BOXED.sub(r"\1", unicodedata.normalize("NFKC", text))).strip(_DECORATION)
    text = _VERDICT.sub("", text.rstrip("."))
    lead_in = _LEAD_IN.match(text)
    if lead_in and lead_in.end() < len(text):
        text = text[lead_in.end() :].strip(_DECORATION)

    named = _LETTER.fullmatch(text) or _LETTER_AND_TEXT.fullmatch(text)
    if not named:
        return None
    letter = next(group for group in named.groups() if group).upper()
    index = LETTERS.index(letter)
    if index >= count:
        return None
    if named.re is _LETTER:
        return letter

    rest = named[4]
    if options is not None and not isinstance(options, int):
        others = {_folded(option) for option in options}
        own = _spaced(options[index])
        if _folded(rest) == _folded(own):
            return letter
        if _folded(rest) in others or _folded(text) in others:
            return None
        if own and _folded(_spaced(rest)[: len(own)]) == _folded(own):
            rest = _spaced(rest)[len(own) :].strip(" .,;:")
        elif _names_one_of(rest, others - {_folded(own)}):
            return None
        if _TAKEN_BACK.match(rest):
            return None
    return None if _MORE_LETTERS.search(rest) else letter
