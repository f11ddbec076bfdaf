"""JSON Lines, or a JSON list of objects, with any field names; numbers keep their text."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from data_prep.importing.columns import Columns
from data_prep.importing.row import Row
from data_prep.importing.text_file import encoding_of, opened_text, refuse_undecoded
from videokr.errors import RecordError, UserError
from videokr.example import LINE

PIECE_CHARS = 1_000_000  # of a list; what is read at a time
_BLANK_OR_COMMA = re.compile(r"[\s,]*")
# As text, so that an answer of 5.0 or 1e-3 stays what it is; not-a-number is nothing.
_decoder = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=lambda name: None if name == "NaN" else name
)  # fmt: skip
_NOT_JSON = (ValueError, RecursionError)


def from_json(text: str) -> Any:
    """What `text` holds, with numbers as their text.

    Raises:
        ValueError, RecursionError: it is not JSON.
    """
    return _decoder.decode(text)


class JsonFile:
    """A file of objects.

    Raises:
        UserError: there is nothing in it.
    """

    unit = "B"

    def __init__(self, path: Path, columns: Columns, encoding: str | None):
        self.path, self.columns = path, columns
        self.total: int | None = path.stat().st_size
        self.encoding = encoding_of(path, encoding)
        with opened_text(path, self.encoding, newline="\n") as (text, _):
            first = next((line.lstrip()[:1] for line in text if line.strip()), "")
        if not first:
            raise UserError(f"'{path}' is empty")
        self.is_list = first == "["

    def describe(self) -> str:
        return f"{'a JSON list' if self.is_list else 'JSON Lines'}, {self.encoding}"

    def rows(self, advance: Callable[[int], Any]) -> Iterator[Row]:
        """See `Source.rows`.

        Raises:
            UserError: a list breaks off, or is not JSON somewhere.
        """
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            read = 0
            for number, item in self._listed(text) if self.is_list else self._lines(text):
                yield Row(number, item) if isinstance(item, RecordError) else taken(number, item, self.columns)
                advance(file.tell() - read)
                read = file.tell()

    def _lines(self, text: TextIO) -> Iterator[tuple[int, Any]]:
        is_first = True
        for number, line in enumerate(text, start=1):
            if line.isspace():
                continue
            try:
                refuse_undecoded(LINE, line, self.encoding)
                yield number, from_json(line)
            except RecordError as fault:
                yield number, fault
            except _NOT_JSON as error:
                hint = "; one object a line is read, or a list of objects" if is_first else ""
                yield number, RecordError(LINE, "not JSON", f"{error}{hint}")
            is_first = False

    def _listed(self, text: TextIO) -> Iterator[tuple[int, Any]]:
        """Object by object, so that no more than one and a piece of the file are held."""
        held, number, piece = "", 1, PIECE_CHARS
        while not held:
            held = text.read(PIECE_CHARS).lstrip()
        place = 1  # after the bracket
        while True:
            blank = _BLANK_OR_COMMA.match(held, place)
            place = blank.end() if blank else place
            if held.startswith("]", place):
                if number == 1:
                    raise UserError(f"'{self.path}' is empty")
                if (held[place + 1 :] + text.read(PIECE_CHARS)).strip():
                    raise UserError(f"'{self.path}': something follows the list: one list is read")
                return
            try:
                item, place = _decoder.raw_decode(held, place)
            except _NOT_JSON as error:
                more = text.read(piece)
                if not more:
                    refuse = getattr(error, "msg", str(error))
                    raise RecordError(LINE, "not JSON", refuse, str(self.path), number) from None
                held, place, piece = held[place:] + more, 0, piece * 2
                continue
            try:
                refuse_undecoded_in(item, self.encoding)
            except RecordError as fault:
                item = fault
            yield number, item
            number += 1
            if place > PIECE_CHARS:
                held, place, piece = held[place:], 0, PIECE_CHARS


def refuse_undecoded_in(item: Any, encoding: str) -> None:
    """
    Raises:
        RecordError: bytes in a text of the object are none of the encoding.
    """
    if isinstance(item, dict):
        for name, value in item.items():
            if isinstance(value, str):
                refuse_undecoded(name, value, encoding)


def taken(number: int, item: Any, columns: Columns) -> Row:
    """A row of whatever an item of the file is."""
    if not isinstance(item, dict):
        return Row(number, RecordError(LINE, "not a JSON object", type(item).__name__))
    try:
        return Row(number, columns.take(item))
    except RecordError as fault:
        return Row(number, fault)
