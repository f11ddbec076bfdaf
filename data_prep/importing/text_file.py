"""Text of other people's making: UTF-8 unless the file or the user says otherwise; no byte is guessed at."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from videokr.errors import RecordError, UserError

WHOLE = "(file)"  # in place of a field's name, where a whole file is at fault
NOT_TEXT = "not text of its encoding"
MAX_TEXT_BYTES = 64_000_000  # of a file that is read whole
# Longest first: UTF-32's mark begins as UTF-16's does. The codecs take the mark off.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")  # what the error handler surrogateescape makes of a byte


def encoding_of(path: Path, encoding: str | None) -> str:
    """What a file's byte order mark says; without one, what the user says; else UTF-8.

    Raises:
        UserError: the encoding is unknown.
    """
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    name = encoding or "utf-8"
    try:
        "".encode(name)
    except LookupError:
        raise UserError(f"--encoding '{name}' is unknown: utf-8, utf-16, cp1252, latin-1, gb18030, ...") from None
    return name


@contextmanager
def opened_text(path: Path, encoding: str, newline: str) -> Iterator[tuple[TextIO, BinaryIO]]:
    """Gives the text, and the bytes under it, which know how far it was read.

    A byte that is none of the encoding comes as half of a surrogate pair: see `refuse_undecoded`.

    Args:
        newline: see `open`.

    Raises:
        UserError: the text breaks off in a character, or has a form in which bytes cannot stand for themselves.
    """
    with (
        path.open("rb") as file,
        io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline=newline) as text,
    ):
        try:
            yield text, file
        except UnicodeError as error:
            raise UserError(f"'{path}' is not {encoding} text ({error}): save it as UTF-8") from None


def refuse_undecoded(name: str, text: str, encoding: str) -> None:
    """Refuses a text with bytes that its encoding does not have.

    Raises:
        RecordError: bytes in it are none of the encoding.
    """
    if text.isascii():
        return
    if found := _UNDECODED.search(text):
        byte, around = ord(found[0]) - 0xDC00, text[max(0, found.start() - 20) : found.start()]
        detail = (
            f"byte 0x{byte:02x} after {around!r} is not {encoding}: save it as UTF-8, or name its encoding "
            "by --encoding (spreadsheets on Windows: cp1252)"
        )
        raise RecordError(name, NOT_TEXT, detail)


def read_text(path: Path, encoding: str | None) -> str:
    """A whole small file, its line breaks as `\\n`.

    Raises:
        RecordError: it is longer, or no text.
    """
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise RecordError(WHOLE, "too long", f"{size:,} bytes, {MAX_TEXT_BYTES:,} at most")
    found = encoding_of(path, encoding)
    try:
        text = path.read_bytes().decode(found, "surrogateescape")
    except UnicodeError as error:
        raise RecordError(WHOLE, NOT_TEXT, f"{found}: {error}") from None
    refuse_undecoded(WHOLE, text, found)
    return plain_breaks(text)


def plain_breaks(text: str) -> str:
    """The text with `\\n` for every line break of other systems."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
