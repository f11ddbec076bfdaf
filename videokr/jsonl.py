"""Annotation files: JSON Lines, or one JSON list of records."""

import codecs
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from videokr.errors import RecordError, UserError
from videokr.example import CONVERSATION_FIELDS, OPTION_FIELDS, PUBLISHED_FIELDS, Example, parse_example, present
from videokr.option_columns import option_columns

LINE = "(record)"  # in place of a field's name, where a whole record is at fault
NOT_AN_OBJECT = "not a JSON object"
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
PARQUET = b"PAR1"  # how such a file begins
_HEAD_BYTES = 1_000_000
# What Python's reader says of text that is not JSON: broken syntax or text, a number of thousands of digits, brackets
# nested thousands deep.
_NOT_JSON = (ValueError, RecursionError)
_LONG_NUMBER = 2.0**63  # whole numbers from here on are floats to orjson, as an id must not be


def read_raw(path: Path, after: int = 0) -> Iterator[tuple[int, Any]]:
    """Raw records with their line (JSONL) or place (JSON list), counted from 1.

    A RecordError stands for a line that holds none.

    Args:
        after: the line or place behind which to begin.

    Raises:
        UserError: the file is not there, cannot be read, holds no records or is not a JSON list.
    """
    refuse_unreadable(path)
    if opens_list(path):
        yield from islice(read_list(path), after, None)
        return
    with path.open("rb") as file:
        yield from read_lines(islice(file, after, None), after + 1)


def read_records(path: Path, after: int = 0) -> Iterator[tuple[int, Any]]:
    """As `read_raw`, but the first line that holds no record is raised, as a RecordError."""
    for line, record in read_raw(path, after):
        if isinstance(record, RecordError):
            raise record.located(str(path), line)
        yield line, record


def read_examples(path: Path, skip_invalid: list[RecordError] | None = None) -> Iterator[Example]:
    """Streams a JSONL file (one record a line) or a JSON file (one list of records).

    Args:
        path: the annotation file.
        skip_invalid: where given, faults are put into it and their records left out, instead of being raised.

    Raises:
        UserError: the file is not there or is not JSON.
        RecordError: a record cannot be read; names file, line (or place in the list) and field.
    """
    for line, record in read_records(path):
        try:
            yield parse_record(record)
        except RecordError as error:
            located = error.located(str(path), line)
            if skip_invalid is None:
                raise located from None
            skip_invalid.append(located)


def as_object(record: object) -> dict[str, Any]:
    """What a line holds, as long as that is a JSON object; else RecordError."""
    if isinstance(record, RecordError):
        raise record
    if not isinstance(record, dict):
        raise RecordError(LINE, NOT_AN_OBJECT, type(record).__name__)
    return record


def parse_record(record: object) -> Example:
    """`parse_example` of whatever a line holds; RecordError, too, where it is no JSON object."""
    return parse_example(as_object(record))


def refuse_unreadable(path: Path) -> None:
    """Raises UserError where an annotation file is not there, cannot be read, is empty or has another form."""
    if not path.is_file():
        raise UserError(f"annotation file '{path}' is not there")
    if not os.access(path, os.R_OK):
        raise UserError(f"annotation file '{path}' cannot be read: permission denied")
    with path.open("rb") as file:
        if not any(line.removeprefix(codecs.BOM_UTF8).strip() for line in file):
            raise UserError(f"annotation file '{path}' holds no records")
    foreign = foreign_form(path)
    if foreign:
        command = f"videokr import {shlex.quote(str(path))} --output {shlex.quote(f'{path.stem}_records.jsonl')}"
        raise UserError(f"'{path}' is {foreign}, which has to be made records first: {command}")


def foreign_form(path: Path) -> str | None:
    """What is known at once of a file's form, if it is one that `videokr import` reads and nothing else does."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(PARQUET):
        return "a Parquet file"
    head = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if path.suffix.lower() in TABLE_SUFFIXES:
        return None if head.startswith((b"{", b"[")) else "a table"
    text = head.decode("utf-8", "ignore")
    is_list = text.startswith("[")
    try:
        record, end = json.JSONDecoder().raw_decode(text[1:].lstrip() if is_list else text)
    except _NOT_JSON:
        return "one JSON object" if text.split("\n", 1)[0].rstrip() == "{" else None
    if not isinstance(record, dict):
        return None
    if not is_list and "\n" in text[:end].strip():
        return "one JSON object"
    if any(isinstance(record.get(name), list) for name in CONVERSATION_FIELDS):
        return "a file of conversations"
    if all(isinstance(value, dict | list) for value in record.values()) and not PUBLISHED_FIELDS.issuperset(record):
        return "an object of records by their keys"
    if present(record, OPTION_FIELDS) is None and (columns := option_columns(list(record))):
        return f"a file with a field an option ({columns[0]} to {columns[-1]})"
    return None


def opens_list(path: Path) -> bool:
    """Whether a file is one JSON list, and not JSON Lines."""
    with path.open("rb") as file:
        texts = (line.removeprefix(codecs.BOM_UTF8).strip() for line in file)
        return next(filter(None, texts), b"").startswith(b"[")


def read_list(path: Path) -> Iterator[tuple[int, Any]]:
    """The records of a JSON list with their place, counted from 1; the list is held in memory.

    UserError where it is not JSON, or empty.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None
    except _NOT_JSON as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not records:
        raise UserError(f"annotation file '{path}' holds no records")
    yield from enumerate(records, start=1)


def _from_json(line: bytes) -> Any:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:  # of NaN and half surrogate pairs, too, which Python's reader takes
        return json.loads(str(line, "utf-8"))
    if type(record) is not dict or float not in map(type, record.values()):
        return record
    is_long = any(type(value) is float and abs(value) >= _LONG_NUMBER for value in record.values())
    return json.loads(line) if is_long else record


def read_lines(lines: Iterable[bytes], first: int = 1) -> Iterator[tuple[int, Any]]:
    """The records of JSON Lines with their line, counted from `first`; a RecordError stands for a line without one."""
    for number, line in enumerate(lines, start=first):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield number, _from_json(line)
        except UnicodeDecodeError as error:
            yield number, RecordError(LINE, "not UTF-8 text", str(error))
        except _NOT_JSON as error:
            if not line.isspace():
                yield number, RecordError(LINE, "not JSON", str(error))
