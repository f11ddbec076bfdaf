"""Options of a multiple-choice question: labels, and the letter that an answer names."""

import re
import string
import unicodedata
from collections.abc import Sequence

LETTERS = string.ascii_uppercase

_LABEL = re.compile(r"\(?([A-Z])[).:]\s*(.*)", re.DOTALL)
_DECORATION = " \t\r\n*_`\"'$"
_LEAD_IN = re.compile(r"(?:the\s+)?(?:(?:correct|final|best)\s+)?(?:answer|option|choice)(?:\s+is\b|\s*:)?\s*:?\s*", re.I)
_LETTER = re.compile(r"(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z]))[).:]?")
_LETTER_AND_TEXT = re.compile(
    r"(?:\(([A-Za-z])\)[.:]?|([A-Za-z])(?:[).:]|(?=\s+[-–—]\s)))\s*[-–—]?\s*(\S.*)",  # noqa: RUF001
    re.DOTALL,
)
_MORE_LETTERS = re.compile(
    r"(?:\(?[A-Za-z][).:,](?:\s|$)|(?:(?:and|or|not|nor|but)\b|[,;/&+])|[A-Za-z]$)", re.IGNORECASE
)


def split_label(text: str) -> tuple[str | None, str]:
    """`"B. Hydrogen"` -> `("B", "Hydrogen")`; a text without a label keeps None in its place."""
    match = _LABEL.fullmatch(text.strip())
    return (match[1], match[2].strip()) if match else (None, text.strip())


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".")


def read_option_letter(text: str | None, options: Sequence[str] | int | None = None) -> str | None:
    """The one option that an answer clearly names, as an upper-case letter; None where it names none or several.

    Takes `B`, `b`, `(B)`, `B.`, `B. Hydrogen`, `Option B`, `The answer is B`. Refuses `a bar`, `B, C`, `not A`, a
    letter beyond the options, and a letter whose text is that of another option.

    Args:
        text: the content of the answer block.
        options: the option texts without labels, or their number; None where they are not known.
    """
    if text is None:
        return None
    text = unicodedata.normalize("NFKC", text).strip(_DECORATION)
    lead_in = _LEAD_IN.match(text)
    if lead_in and lead_in.end() < len(text):
        text = text[lead_in.end() :].strip(_DECORATION)
    count = len(LETTERS) if options is None else options if isinstance(options, int) else len(options)
    texts = [] if options is None or isinstance(options, int) else [_folded(option) for option in options]

    bare = _LETTER.fullmatch(text)
    if bare:
        letter = next(group for group in bare.groups() if group).upper()
        return letter if LETTERS.index(letter) < count else None

    labelled = _LETTER_AND_TEXT.fullmatch(text)
    if not labelled:
        return None
    letter = (labelled[1] or labelled[2]).upper()
    index = LETTERS.index(letter)
    if index >= count:
        return None
    rest = _folded(labelled[3])
    if texts:
        if rest == texts[index]:
            return letter
        if rest in texts or _folded(text) in texts:
            return None
        if texts[index] and rest.startswith(texts[index]):
            return letter
    return None if _MORE_LETTERS.match(labelled[3]) else letter
