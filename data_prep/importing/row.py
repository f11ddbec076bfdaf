"""What stands in one place of a source as the fields of records: of one, or of many where it holds a list or turns."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from data_prep.importing.columns import ANSWER, EACH, ID, JOINED, QUESTION, RATIONALE, VIDEOS, Columns, Fields
from data_prep.importing.json_file import NOT_AN_OBJECT, Number
from videokr.errors import RecordError
from videokr.example import CONVERSATION_FIELDS, record_videos
from videokr.jsonl import LINE

ASKING_ROLES, ANSWERING_ROLES, SYSTEM_ROLE = ("human", "user"), ("gpt", "assistant"), "system"
OUT_OF_TURN = "question and answer do not follow each other"
# LLaVA's rows write `<image>` for a video, too.
_MARKS_AROUND = re.compile(r"^(?:\s*<(?:video|image)>)+\s*|\s*(?:<(?:video|image)>\s*)+$", re.I)
_THOUGHT = re.compile(r"\s*<think>(.*?)</think>\s*(.*)", re.DOTALL | re.I)


class Row(NamedTuple):
    """One record to be, and where it stands."""

    line: int | None  # where it begins, or its place in a JSON list, counted from 1; None for a file of its own
    content: Fields | RecordError  # or why there are no fields
    file: str | None = None  # of a folder, the file that it comes from, as text

    def located(self, fault: RecordError, source: str) -> RecordError:
        """The fault with its place, and the field by the name that the source has for it."""
        columns = self.content.columns if isinstance(self.content, Fields) else {}
        name, detail = columns.get(fault.field, fault.field), fault.detail
        if self.file is not None:
            detail = f"{self.file!r}{': ' if detail else ''}{detail}"
        return RecordError(name, fault.reason, detail, source, self.line)


def rows_of(line: int | None, record: Any, columns: Columns) -> Iterator[Row]:
    """The rows of whatever stands in one place of a file: one, but for lists of rows, of turns and of answers."""
    try:
        if isinstance(record, RecordError):
            raise record
        if not isinstance(record, Mapping):
            raise RecordError(LINE, NOT_AN_OBJECT, type(record).__name__)
        found = [fields for row in _listed(record, columns) for fields in _told(row, columns)]
    except RecordError as fault:
        yield Row(line, fault)
        return
    ids = {str(fields.values.get(ID)) for fields in found}
    for place, fields in enumerate(found, start=1):
        if len(found) > 1 and len(ids) == 1 and ID in fields.values:  # which was the row's, and is nobody's own
            fields = _with(fields, {ID: f"{fields.values[ID]}-{place}"})
        yield Row(line, fields)


def _listed(record: Mapping[str, Any], columns: Columns) -> list[Mapping[str, Any]]:
    """The rows of the list that stands in a row, each with the row's other columns; else the row."""
    name = columns.rows_in
    if name is None or name not in record:
        return [record]
    columns.rows_found = True
    items = record[name]
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise RecordError(name, "no list of objects", f"--rows {name} is for one")
    around = {other: value for other, value in record.items() if other != name}
    return [{**around, **item} for item in items]


def _told(record: Mapping[str, Any], columns: Columns) -> list[Fields]:
    """The fields, once for each turn where a conversation tells them, or for each answer of a list."""
    fields = columns.take(record)
    name = next((name for name in CONVERSATION_FIELDS if isinstance(record.get(name), list)), None)
    if name is None or {QUESTION, ANSWER} <= fields.values.keys():
        if isinstance(fields.values.get(ANSWER), list):
            return [_with(fields, {ANSWER: answer}) for answer in _answers(fields, columns.lists)]
        return [_with_thoughts(fields)]
    turns, videos = _turns(record[name], name, fields.values.get(ANSWER))
    columns.taken[QUESTION, name] += 1
    columns.unused.pop(name, None)
    columns.split += len(turns) > 1
    if any(_role(message) == SYSTEM_ROLE for message in record[name]):  # whose message is dropped
        columns.unused[f"{name} (system)"] += 1
    fields = replace(fields, columns={**fields.columns, QUESTION: name, ANSWER: name})
    if videos and VIDEOS not in fields.values:
        fields = _with(fields, {VIDEOS: videos})
    return [_with_thoughts(_with(fields, {QUESTION: question, ANSWER: answer})) for question, answer in turns]


def _with(fields: Fields, values: Mapping[str, Any]) -> Fields:
    return replace(fields, values={**fields.values, **values})


def _with_thoughts(fields: Fields) -> Fields:
    """The fields, with the thoughts that stand before the answer as the rationale."""
    answer = fields.values.get(ANSWER)
    found = _THOUGHT.fullmatch(answer) if isinstance(answer, str) else None
    if found is None:
        return fields
    return _with(fields, {ANSWER: found[2], **({RATIONALE: found[1]} if found[1].strip() else {})})


def _answers(fields: Fields, lists: str | None) -> list[Any]:
    """The answers that a list as the answer holds: a span or several are one."""
    answer: list[Any] = fields.values[ANSWER]
    if spans := _spans(answer):
        return [spans]
    if len(answer) < 2 or lists == EACH:
        return answer
    if lists == JOINED and all(isinstance(text, str) for text in answer):
        return [" ".join(map(str.strip, answer))]
    detail = f"{len(answer)} of them: say --answer-lists each (a record each), or joined (one text)"
    raise RecordError(fields.columns[ANSWER], "a list of answers", detail)


def _spans(answer: list[Any]) -> str | None:
    """`[[2.5, 6], [8, 9]]`, or one pair: seconds from and to, as `2.5-6, 8-9`; None of anything else."""
    pairs = answer if isinstance(answer[0], list) else [answer]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return None
    if not all(isinstance(number, Number) for pair in pairs for number in pair):
        return None
    return ", ".join(f"{first}-{last}" for first, last in pairs)


def _turns(messages: list[Any], name: str, answer: Any) -> tuple[list[tuple[str, Any]], list[str]]:
    """Question and answer of each turn, and the videos that stand among the messages' parts.

    The messages are `{"from": "human", "value": ...}`, or have `role` and `content`; the system's is left away.

    Args:
        answer: of a last message that asks, where the row has it elsewhere.
    """
    turns: list[tuple[str, Any]] = []
    videos: list[str] = []
    question: str | None = None
    for message in messages:
        if not isinstance(message, Mapping):
            raise RecordError(name, "a message is no object", repr(message)[:80])
        role = _role(message)
        text = _text(message.get("value", message.get("content")), name, videos)
        if role == SYSTEM_ROLE:
            continue
        if role not in (ASKING_ROLES if question is None else ANSWERING_ROLES):
            raise RecordError(name, OUT_OF_TURN, f"a message of {role!r}")
        if question is None:
            question = _MARKS_AROUND.sub("", text)
        else:
            turns.append((question, text))
            question = None
    if question is not None and answer is not None:
        turns.append((question, answer))
    elif question is not None or not turns:
        raise RecordError(name, OUT_OF_TURN, "the last message asks")
    return turns, videos


def _role(message: Any) -> Any:
    return message.get("from", message.get("role")) if isinstance(message, Mapping) else None


def _text(content: Any, name: str, videos: list[str]) -> str:
    """The text of a message; puts the videos of its parts into `videos`."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text" and isinstance(part["text"], str):
            texts.append(part["text"])
        elif kind == "video":
            videos.extend(record_videos({"videos": part.get("video")}))
        else:
            raise RecordError(name, "a message of something else than text and videos", repr(part)[:80])
    return "\n".join(texts)
