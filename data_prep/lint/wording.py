"""Texts as the checks compare them: words, sentences, normal forms, keys and excerpts."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

EXCERPT = 90  # characters
KEY_BYTES = 8
_WORD = re.compile(r"[^\W_]+(?:[.,'\u2019][^\W_]+)*")
# A label as long as this holds no symbols in which case has a meaning: `mV` and `MV`, `Aa` and `aa`.
_PROSE_LENGTH = 12
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()


def words(text: str) -> list[str]:
    """Its words and numbers in lower case."""
    return _WORD.findall(text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold())


def same_question(text: str) -> str:
    """The form in which two questions are the same: white space, case and the mark at the end do not count."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).rstrip(" ?.!:")


def same_option(text: str) -> str:
    """The form in which two options are the same: only the first letter's case is free, and only in prose."""
    text = " ".join(unicodedata.normalize("NFC", text).split()).rstrip(" .")
    return text[:1].lower() + text[1:] if len(text) >= _PROSE_LENGTH else text


def key(*parts: str) -> int:
    """64 bits that stand for these texts."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=KEY_BYTES).digest(), "little")


def stands_in(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """Whether words stand in others, all together and in order."""
    return f" {' '.join(inner)} " in f" {' '.join(outer)} "


def excerpt(text: str, length: int = EXCERPT) -> str:
    """In one line, cut to a length."""
    text = " ".join(text[: 4 * length].split())
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."


def ending(text: str, length: int = EXCERPT) -> str:
    """The last of a text, in one line."""
    text = " ".join(text[-4 * length :].split())
    return text if len(text) <= length else "..." + text[3 - length :].lstrip()
