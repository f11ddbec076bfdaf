"""JSON Lines, a JSON list of objects, or one object that holds them by their keys; numbers keep their text."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.text_file import encoding_of, opened_text, refuse_undecoded
from videokr.errors import RecordError, UserError
from videokr.example import CONVERSATION_FIELDS
from videokr.jsonl import LINE, NOT_AN_OBJECT

PIECE_CHARS = 1_000_000  # of a list; what is read at a time
KEY, VALUE = "key", "value"  # what the columns are called of an object that holds rows by their keys
LINES, LIST, OBJECT = "JSON Lines", "a JSON list", "one JSON object"
_BETWEEN = re.compile(r"[\s,:]*")


class Number(str):
    """A number's text, as the file has it."""


# As text, so that an answer of 5.0 or 1e-3 stays what it is; not-a-number is nothing.
_decoder = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=lambda name: None if name == "NaN" else name
)  # fmt: skip
_NOT_JSON = (ValueError, RecursionError)
_Item = tuple[int, str | None, Any]  # line or place, key in an object, and what stands there


def from_json(text: str) -> Any:
    """What `text` holds, with numbers as their text.

    Raises:
        ValueError, RecursionError: it is not JSON.
    """
    return _decoder.decode(text)


class JsonFile:
    """A file of objects: see `source.Reader`.

    Args:
        rows_in: where one object is the whole file: its member whose list holds the rows, if it has such a one.
        with_values: whether an object may hold plain values by their keys, and not rows alone.

    Attributes:
        rows_in: None, too, where the file is no such object.

    Raises:
        UserError: there is nothing in it.
    """

    unit = "B"

    def __init__(self, path: Path, encoding: str | None, rows_in: str | None, with_values: bool):
        self.path, self.with_values = path, with_values
        self.rows_in: str | None = None
        self.total: int | None = path.stat().st_size
        self.encoding = encoding_of(path, encoding)
        with opened_text(path, self.encoding, newline="\n") as (text, _):
            head = text.read(PIECE_CHARS).lstrip()
            while not head and (more := text.read(PIECE_CHARS)):
                head = more.lstrip()
        if not head:
            raise UserError(f"'{path}' is empty")
        self.form = LIST if head.startswith("[") else LINES
        if head.startswith("{"):
            self._look_whether_object(head.split("\n", 1)[0].rstrip(), rows_in)

    def _look_whether_object(self, line: str, rows_in: str | None) -> None:
        """Finds out whether one object is the whole file, and no row, and has the member `rows_in`."""
        self.form, is_row = OBJECT, False
        try:
            for _, key, value in self._items():
                is_row = is_row or key in CONVERSATION_FIELDS or not isinstance(value, dict | list)
                self.rows_in = rows_in if key == rows_in else self.rows_in
            is_line = self.path.suffix.lower() != ".json" and line.endswith("}")  # and one line is one row there
            is_object = not is_line and (self.with_values or not is_row or self.rows_in is not None)
        except RecordError:  # it is not JSON: where it is said to be wrong is a matter of its form
            is_object = line.endswith(("{", "[", ",", ":"))
        except UserError:  # nothing in it, or something after it
            is_object = False
        if not is_object:
            self.form, self.rows_in = LINES, None

    def describe(self) -> str:
        return f"{self.form}, {self.encoding}"

    def records(self, progress: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `source.Reader`.

        Raises:
            UserError: a list or an object breaks off, or is not JSON somewhere.
        """
        for number, key, item in self._lines(progress) if self.form == LINES else self._items(progress):
            try:
                if isinstance(item, dict):
                    for name, value in item.items():
                        if isinstance(value, str):
                            refuse_undecoded(name, value, self.encoding)
                rows = self._rows(key, item)
            except RecordError as fault:
                rows = [fault]
            for row in rows:
                is_row = isinstance(row, dict | RecordError)
                yield number, row if is_row else RecordError(LINE, NOT_AN_OBJECT, type(row).__name__)

    def _rows(self, key: str | None, item: Any) -> list[Any]:
        """What stands in one place of the file, as rows."""
        if key is None:
            return [item]
        if self.rows_in is not None and key != self.rows_in:
            return []
        if isinstance(item, dict):
            return [{KEY: key, **item}]
        if isinstance(item, list) and all(isinstance(one, dict) for one in item):
            return item if self.rows_in else [{KEY: key, **one} for one in item]
        if self.with_values:
            return [{KEY: key, VALUE: item}]
        detail = f"{key!r}; one object a line is read, or a list of objects, or objects by their keys"
        raise RecordError(LINE, NOT_AN_OBJECT, detail)

    def _lines(self, progress: Callable[[int], Any]) -> Iterator[_Item]:
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            hint = "; one object a line is read, or a list of objects"
            for number, line in enumerate(text, start=1):
                if line.isspace():
                    continue
                try:
                    refuse_undecoded(LINE, line, self.encoding)
                    yield number, None, from_json(line)
                except RecordError as fault:
                    yield number, None, fault
                except _NOT_JSON as error:
                    yield number, None, RecordError(LINE, "not JSON", f"{error}{hint}")
                progress(file.tell())
                hint = ""

    def _items(self, progress: Callable[[int], Any] = lambda read: None) -> Iterator[_Item]:
        """Item by item of a list, or member by member, so that no more than one and a piece of the file are held."""
        closing = "]" if self.form == LIST else "}"
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            held, number, piece = "", 1, PIECE_CHARS
            while not held:
                held = text.read(PIECE_CHARS).lstrip()
            place, key = 1, None  # after the bracket
            while True:
                place = _BETWEEN.match(held, place).end()  # type: ignore[union-attr]
                if held.startswith(closing, place) and key is None:
                    if number == 1:
                        raise UserError(f"'{self.path}' is empty")
                    if (held[place + 1 :] + text.read(PIECE_CHARS)).strip():
                        raise UserError(f"'{self.path}': something follows the {self.form.rpartition(' ')[2]}")
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
                if self.form == OBJECT and key is None:
                    key = str(item)
                    continue
                yield number, key, item
                progress(file.tell())
                key, number = None, number + 1
                if place > PIECE_CHARS:
                    held, place, piece = held[place:], 0, PIECE_CHARS
