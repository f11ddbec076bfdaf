"""Options that a text mentions in its own words, for answers that give no letter alone."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from videokr.options import LETTERS, read_option_letter

_CJK = "\u3040-\u30ff\u3400-\u9fff"  # written without spaces: a character a word
# A number with its points and colons, a word, a character of a script without spaces, or a sign of mathematics.
_WORD = re.compile(rf"\d+(?:[.:]\d+)*|[{_CJK}]|[^\W\d_{_CJK}]+(?:['\u2019][^\W\d_]+)?|[-+/=<>^%\u00b0]")
_SPELLINGS = tuple(
    (re.compile(spelling), plain)
    for spelling, plain in (
        (r"\b(?:[Aa]n?|[Tt]he)\s+(?!(?:is|was|and|or)\b)(?=[a-z\d])", ""),  # articles, and no letters
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2"),
        (r"(?<=\d),(?=\d{3}\b)|\\(?:text\w*|math\w+|left|right|[,;! ])", ""),
        (r"(?<=\d)\s*(?:[-\u2010-\u2015\u2192\u2212,]|->|to\b)\s*(?=\d)", " "),  # "1-2", "1, 2", "1 to 2"
        (r"\^\s*\{?\\circ\}?", "\u00b0"),
        ("\u221a", " sqrt "),
        ("\u03c0", " pi "),
        (r"\u2264|\\leq?\b", " <= "),
        (r"\u2265|\\geq?\b", " >= "),
        (r"\\(?:to|rightarrow)\b|[\u2010-\u2015\u2192\u2212]|->", "-"),
        (
            r"[(\[*\u3010]{1,3}([A-Z])[)\]*.:\u3011]{1,4}|(?m:^\W{0,6}([A-Z])(?:[.):]|\s[-\u2013\u2014])\s)",
            r" option \1\2 ",
        ),
    )
)
_LETTER = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer(?: is)?|\u9009 \u9879) ([A-Z])\b")
_CAPITAL = re.compile(r"(?<= )(?!I [a-z])([A-Z])(?= )")  # that stands alone, but for the pronoun
# What takes a mention back, or leaves it open.
_NEGATION = re.compile(
    r"n['\u2019]t\b|\b(?:not?|never|cannot|neither|nor|without|unlikely|wrong|incorrect|rather|instead|except|if|would"
    r"|could|may|might|maybe|perhaps|either|or|unable|impossible|guess|unclear|hardly|anything but|far from|rul\w+ out"
    r"|exclud\w+|eliminat\w+|reject\w*|dismiss\w*)\b|[\u4e0d\u6ca1\u672a\u65e0\u975e]",
    re.I,
)
# Behind it other options may be mentioned.
_ASIDE = re.compile(r"(?<= )(?:because|since|not|rather than|although|though|unlike|\u56e0 \u4e3a)(?= )", re.I)
_CONCLUSION = re.compile(
    r"\b(?:therefore|thus|hence|so|conclu\w+|overall)\b|\u56e0 \u6b64|\u6240 \u4ee5|\u7efc \u4e0a", re.I
)
# Not behind a label: a sentence is longer than "B. " or "1. ".
_SENTENCE_END = re.compile(
    r"(?<=[^\W_]{2}[.!?])[*\s]+|(?<=[^\W_]{2}[.!?][*)\"'$])\s+|(?<=[\u3002\uff01\uff1f])\s*|\n\s*"
)
_ENDED = re.compile(r"[.!?\u3002\uff01\uff1f\"'*)\]}$`]\s*$")
MAX_CHARACTERS = 10_000


def read_answer_letter(answer: str | None, options: Sequence[str] | int | None) -> str | None:
    """The one option that a model's answer names: by its letter (`read_option_letter`), or in words.

    The words may stand in a sentence, or be the part of one option that no other has: `25` of `15 cm` and `25 cm`. An
    answer that mentions two options, or takes one back, names none.
    """
    letter = read_option_letter(answer, options)
    if letter or not answer or options is None or isinstance(options, int) or len(answer) > MAX_CHARACTERS:
        return letter
    known, said = tuple(options), _words(answer)
    aside, comma = _ASIDE.search(said), answer.find(",")
    heads = [said, *([said[: aside.start()]] if aside else [])]
    if comma >= 0 and len(_mentions(said, known)[0]) == 1:  # "No, he does not"
        heads.append(_words(answer[:comma]))
    found = (read_option_letter(head, options) or _sole(head, known) for head in heads)
    return next(filter(None, found), None) or _part_of_one(said, known)


def read_conclusion(text: str, options: Sequence[str]) -> str | None:
    """The option that a text without a marked answer comes to; None where that is open.

    It is the one that the last sentence mentions and concludes with, or the only one that is mentioned at all, at the
    beginning or the end. A text that breaks off, asks, denies or doubts comes to none.
    """
    text, known = text[-MAX_CHARACTERS:].strip(), tuple(options)
    sentences = [(_words(written), "?" in written) for written in sentences_of(text)]
    if not sentences or (len(sentences) > 1 and not _ENDED.search(text)):
        return None
    found = [(words, places) for words, _ in sentences if (places := _mentions(words, known)[0])]
    if not found or any(asks for words, asks in sentences if words == found[-1][0]):
        return None
    said, places = found[-1]
    if said == sentences[-1][0] and (len(sentences) == 1 or _CONCLUSION.search(said)):
        return _sole(said, known)
    is_alone = len({place for _, places in found for place in places}) == 1
    is_open = any(_NEGATION.search(_mentions(words, known)[1]) for words, _ in sentences)
    is_number = all(_is_number(options[place]) for place in places)  # which may count anything
    is_outer = said in (sentences[0][0], sentences[-1][0])
    return _sole(said, known) if is_alone and is_outer and not is_open and not is_number else None


def sentences_of(text: str) -> list[str]:
    """Its sentences and lines, without those that hold no word."""
    return [sentence for sentence in _SENTENCE_END.split(text) if _WORD.search(sentence)]


def _words(text: str) -> str:
    """The words of a text, a space around each: no articles, mathematics spelt one way, `(B)` as `option B`."""
    text = unicodedata.normalize("NFKC", text)
    for spelling, plain in _SPELLINGS:
        text = spelling.sub(plain, text)
    return f" {' '.join(_WORD.findall(text))} "


@lru_cache(maxsize=256)
def _wording(options: tuple[str, ...]) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The words of each option, and a pattern that finds those of any, the longest first."""
    words = tuple(_words(option).strip() for option in options)
    usable = {one for one in words if len(one) > 1 or not one.isalpha() or ord(one) > 127} - {""}
    longest = sorted(usable, key=len, reverse=True)
    return words, re.compile(f"(?<= )(?:{'|'.join(map(re.escape, longest)) or '(?!)'})(?= )", re.I)


def _mentions(words: str, options: tuple[str, ...]) -> tuple[set[int], str]:
    """Places of the options that are mentioned, and the words that are left without these."""
    by_option, pattern = _wording(options)
    folded = [one.casefold() for one in by_option]
    named = {folded.index(found.casefold()) for found in pattern.findall(words)}
    left = pattern.sub("", words)
    lettered = {LETTERS.index(letter) for letter in _LETTER.findall(left)}
    return named | {place for place in lettered if place < len(options)}, left


def _sole(words: str, options: tuple[str, ...]) -> str | None:
    named, left = _mentions(words, options)
    if len(named) != 1 or _NEGATION.search(left):
        return None
    (place,) = named
    return LETTERS[place] if {*_CAPITAL.findall(left)} <= {LETTERS[place]} else None


def _part_of_one(words: str, options: tuple[str, ...]) -> str | None:
    """The option that alone has these words in it."""
    if not words.strip() or _CAPITAL.search(words):
        return None
    found = [place for place, option in enumerate(_wording(options)[0]) if words.casefold() in f" {option} ".casefold()]
    return LETTERS[found[0]] if len(found) == 1 else None


def _is_number(option: str) -> bool:
    return not any(character.isalpha() for character in option)
