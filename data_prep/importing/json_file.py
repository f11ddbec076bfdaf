"""JSON Lines, a JSON list of objects, or one object that holds them by their keys; numbers keep their text."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.text_file import encoding_of, opened_text, refuse_undecoded
from videokr.errors import RecordError, UserError
from videokr.fields import CONVERSATION_FIELDS
from videokr.jsonl import LINE

PIECE_CHARS = 1_000_000  # of a list; what is read at a time
KEY, VALUE = "key", "value"  # what the columns are called of an object that holds rows by their keys
_BETWEEN = re.compile(r"[\s,:]*")


class Number(str):
    """A number's text, as the file has it."""


# As text, so that an answer of 5.0 or 1e-3 stays what it is; not-a-number is nothing.
_decoder = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=lambda name: None if name == "NaN" else name
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

    Args:
        rows: where one object is the whole file: its member whose list holds the rows, if it has such a one.
        with_values: whether an object may hold plain values by their keys, and not rows alone.

    Raises:
        UserError: there is nothing in it.
    """

    unit = "B"

    def __init__(self, path: Path, encoding: str | None, rows: str | None = None, with_values: bool = False):
        self.path, self.with_values = path, with_values
        self.total: int | None = path.stat().st_size
        self.encoding = encoding_of(path, encoding)
        with opened_text(path, self.encoding, newline="\n") as (text, _):
            head = text.read(PIECE_CHARS).lstrip()
            while not head and (more := text.read(PIECE_CHARS)):
                head = more.lstrip()
        if not head:
            raise UserError(f"'{path}' is empty")
        self.is_list, self.is_object = head.startswith("["), False
        self.rows: str | None = None
        if head.startswith("{"):
            self.is_object = self._is_object(head.split("\n", 1)[0].rstrip(), rows)

    def _is_object(self, line: str, rows: str | None) -> bool:
        """Whether one object is the whole file, and no row; looks whether it has the member `rows`."""
        self.is_object, is_row = True, False
        try:
            for _, key, value in self._items():
                is_row = is_row or key in CONVERSATION_FIELDS or not isinstance(value, dict | list)
                self.rows = rows if key == rows else self.rows
        except RecordError:  # it is not JSON: where it is said to be wrong is a matter of its form
            return line.endswith(("{", "[", ",", ":"))
        except UserError:  # nothing in it, or something after it
            return False
        if self.path.suffix.lower() != ".json" and line.endswith("}"):
            self.rows = None  # one line is one row there
            return False
        return self.with_values or not is_row or self.rows is not None

    def describe(self) -> str:
        form = "a JSON list" if self.is_list else "one JSON object" if self.is_object else "JSON Lines"
        return f"{form}, {self.encoding}"

    def records(self, advance: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `Reader.records`.

        Raises:
            UserError: a list or an object breaks off, or is not JSON somewhere.
        """
        for number, key, item in self._items(advance) if self.is_list or self.is_object else self._lines(advance):
            if isinstance(item, RecordError):
                yield number, item
                continue
            try:
                refuse_undecoded_in(item, self.encoding)
            except RecordError as fault:
                yield number, fault
                continue
            if key is None or (self.rows is not None and key != self.rows):
                rows = [] if key is not None else [item]
            elif isinstance(item, list) and all(isinstance(one, dict) for one in item):
                rows = [one if self.rows else {KEY: key, **one} for one in item]
            elif isinstance(item, dict):
                rows = [{KEY: key, **item}]
            elif self.with_values:
                rows = [{KEY: key, VALUE: item}]
            else:
                detail = f"{key!r}; one object a line is read, or a list of objects, or objects by their keys"
                rows = [RecordError(LINE, "not a JSON object", detail)]
            for row in rows:
                is_row = isinstance(row, dict | RecordError)
                yield number, row if is_row else RecordError(LINE, "not a JSON object", type(row).__name__)

    def _lines(self, advance: Callable[[int], Any]) -> Iterator[tuple[int, str | None, Any]]:
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            is_first, read = True, 0
            for number, line in enumerate(text, start=1):
                if line.isspace():
                    continue
                try:
                    refuse_undecoded(LINE, line, self.encoding)
                    yield number, None, from_json(line)
                except RecordError as fault:
                    yield number, None, fault
                except _NOT_JSON as error:
                    hint = "; one object a line is read, or a list of objects" if is_first else ""
                    yield number, None, RecordError(LINE, "not JSON", f"{error}{hint}")
                advance(file.tell() - read)
                is_first, read = False, file.tell()

    def _items(self, advance: Callable[[int], Any] = lambda units: None) -> Iterator[tuple[int, str | None, Any]]:
        """Item by item of a list, or member by member, so that no more than one and a piece of the file are held."""
        closing = "]" if self.is_list else "}"
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            held, number, piece, read = "", 1, PIECE_CHARS, 0
            while not held:
                held = text.read(PIECE_CHARS).lstrip()
            place, key = 1, None  # after the bracket
            while True:
                place = _BETWEEN.match(held, place).end()  # type: ignore[union-attr]
                if held.startswith(closing, place) and key is None:
                    if number == 1:
                        raise UserError(f"'{self.path}' is empty")
                    if (held[place + 1 :] + text.read(PIECE_CHARS)).strip():
                        raise UserError(f"'{self.path}': something follows the {'list' if self.is_list else 'object'}")
                    return
                refuse = "it breaks off"
                try:
                    item, end = _decoder.raw_decode(held, place)
                    is_whole = end < len(held)  # of a number the rest may still come
                except _NOT_JSON as error:
                    is_whole, refuse = False, getattr(error, "msg", str(error))
                if not is_whole:
                    if not (more := text.read(piece)):
                        raise RecordError(LINE, "not JSON", refuse, str(self.path), number)
                    held, place, piece = held[place:] + more, 0, piece * 2
                    continue
                place = end
                if not self.is_list and key is None:
                    key = str(item)
                    continue
                yield number, key, item
                advance(file.tell() - read)
                key, number, read = None, number + 1, file.tell()
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
