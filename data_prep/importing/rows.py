"""A file's rows as the fields of records: joined, taken apart, and named by their columns."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from data_prep.importing.columns import ANSWER, EACH, ID, JOINED, QUESTION, RATIONALE, VIDEOS, Columns
from data_prep.importing.conversation import has_system, turns_of
from data_prep.importing.joined import Joined
from data_prep.importing.json_file import Number
from data_prep.importing.row import Fields, Reader, Row
from videokr.errors import RecordError
from videokr.fields import CONVERSATION_FIELDS
from videokr.jsonl import LINE

_THOUGHT = re.compile(r"\s*<think>(.*?)</think>\s*(.*)", re.DOTALL | re.I)


class Rows:
    """A source of rows: see `Source`.

    Args:
        reader: of the file.
        joined: a second file with more of each row.
    """

    def __init__(self, reader: Reader, columns: Columns, joined: Joined | None = None):
        self.reader, self.columns, self.joined = reader, columns, joined
        self.total, self.unit, self.describe = reader.total, reader.unit, reader.describe

    def rows(self, advance: Callable[[int], Any]) -> Iterator[Row]:
        for number, record in self.reader.records(advance):
            yield from rows_of(number, record, self.columns, self.joined)


def rows_of(number: int | None, record: Any, columns: Columns, joined: Joined | None = None) -> Iterator[Row]:
    """The rows of whatever stands in one place of a file: one, but for lists of rows, of turns and of answers."""
    try:
        if isinstance(record, RecordError):
            raise record
        if not isinstance(record, Mapping):
            raise RecordError(LINE, "not a JSON object", type(record).__name__)
        if joined:
            record = joined.join(record)
        columns.rows_found |= columns.rows_in in record
        found = [fields for row in _listed(record, columns.rows_in) for fields in _told(row, columns)]
    except RecordError as fault:
        yield Row(number, fault)
        return
    ids = {str(fields.values.get(ID)) for fields in found}
    for place, fields in enumerate(found, start=1):
        if len(found) > 1 and len(ids) == 1 and ID in fields.values:  # which was the row's, and is nobody's own
            fields = replace(fields, values={**fields.values, ID: f"{fields.values[ID]}-{place}"})
        yield Row(number, fields)


def _listed(record: Mapping[str, Any], name: str | None) -> list[Mapping[str, Any]]:
    """The rows of the list that stands in a row, each with the row's other columns; else the row."""
    if name is None or name not in record:
        return [record]
    items = record[name]
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise RecordError(name, "no list of objects", f"--rows {name} is for one")
    around = {other: value for other, value in record.items() if other != name}
    return [{**around, **item} for item in items]


def _told(record: Mapping[str, Any], columns: Columns) -> list[Fields]:
    """The fields, once for each turn where a conversation tells them."""
    fields = columns.take(record)
    name = next((name for name in CONVERSATION_FIELDS if isinstance(record.get(name), list)), None)
    if name is None or {QUESTION, ANSWER} <= fields.values.keys():
        return _answered(fields, columns.lists)
    turns, videos = turns_of(record[name], name, fields.values.get(ANSWER))
    columns.taken[QUESTION, name] += 1
    columns.unused.pop(name, None)
    columns.split += len(turns) > 1
    if has_system(record[name]):
        columns.unused[f"{name} (system)"] += 1
    told = []
    for turn in turns:
        said = {QUESTION: turn.question, ANSWER: turn.answer}
        values = {**({VIDEOS: videos} if videos else {}), **fields.values, **said}
        told.append(_thought(replace(fields, values=values, columns={**fields.columns, QUESTION: name, ANSWER: name})))
    return told


def _thought(fields: Fields) -> Fields:
    """The fields, with the thoughts that stand before the answer as the rationale."""
    answer = fields.values.get(ANSWER)
    found = _THOUGHT.fullmatch(answer) if isinstance(answer, str) else None
    if found is None:
        return fields
    rationale = {RATIONALE: found[1]} if found[1].strip() else {}
    return replace(fields, values={**fields.values, ANSWER: found[2], **rationale})


def _answered(fields: Fields, lists: str | None) -> list[Fields]:
    """The fields, their answer one text; once for each text where `lists` says so."""
    answer = fields.values.get(ANSWER)
    if not isinstance(answer, list):
        return [_thought(fields)]
    if spans := _spans(answer):
        texts = [spans]
    elif len(answer) < 2 or lists == EACH:
        texts = answer
    elif lists == JOINED and all(isinstance(text, str) for text in answer):
        texts = [" ".join(map(str.strip, answer))]
    else:
        detail = f"{len(answer)} of them: say --answer-lists each (a record each), or joined (one text)"
        raise RecordError(fields.columns[ANSWER], "a list of answers", detail)
    return [replace(fields, values={**fields.values, ANSWER: text}) for text in texts]


def _spans(answer: list[Any]) -> str | None:
    """`[[2.5, 6], [8, 9]]`, or one pair: seconds from and to, as `2.5-6, 8-9`; None of anything else."""
    pairs = answer if isinstance(answer[0], list) else [answer]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return None
    if not all(isinstance(number, Number) for pair in pairs for number in pair):
        return None
    return ", ".join(f"{first}-{last}" for first, last in pairs)
