"""What stands in one place of a source as the fields of records: of one, or of many where it holds a list or turns."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from data_prep.importing.cell import with_numbers
from data_prep.importing.columns import (
    ANSWER,
    CLUES,
    EACH,
    ID,
    JOINED,
    KIND,
    QUESTION,
    RATIONALE,
    ROUNDS,
    VIDEOS,
    Columns,
    Fields,
)
from data_prep.importing.json_file import Number
from data_prep.importing.other_tools import in_own_form, without_instruction
from videokr.dialogue import Call, CallFault, read_turn
from videokr.errors import RecordError
from videokr.example import CONVERSATION_FIELDS, LABEL_FIELD, record_videos
from videokr.jsonl import as_object
from videokr.response import Kind, find_kind

ASKING_ROLES, ANSWERING_ROLES, SYSTEM_ROLE = ("human", "user"), ("gpt", "assistant"), "system"
SHOWING_ROLES = (*ASKING_ROLES, "tool", "observation")  # of what a tool shows
OUT_OF_TURN = "question and answer do not follow each other"
A_PICTURE = "a picture, and no video"
PICTURE_COLUMN, PICTURE_PARTS = "images", ("image", "image_url")
# LLaVA's rows write `<image>` for a video, too.
_MARKS_AROUND = re.compile(r"^(?:\s*<(?:video|image)>)+\s*|\s*(?:<(?:video|image)>\s*)+$", re.I)
_THOUGHT = re.compile(r"\s*<think>(.*?)</think>\s*(.*)", re.DOTALL | re.I)


class Row(NamedTuple):
    """One record to be, and where it stands."""

    line: int | None  # where it begins, or its place in a JSON list, counted from 1; None of a folder
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
        found = [fields for row in _listed(as_object(record), columns) for fields in _told(row, columns)]
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
    clues = fields.values.get(CLUES)
    if clues and find_kind(str(fields.values.get(KIND))) is Kind.GROUNDING and _are_spans(clues):
        fields = _with(fields, {ANSWER: clues})  # which VideoTemp-o3 pays for, whatever its `solution` says
    name = next((name for name in CONVERSATION_FIELDS if isinstance(record.get(name), list)), None)
    asked = fields.values.get(QUESTION)
    if isinstance(asked, list) and asked and _role(asked[0]) is not None:  # as verl's `prompt` is
        name = fields.columns[QUESTION]
    elif name is None or {QUESTION, ANSWER} <= fields.values.keys():
        return [_with_thoughts(one) for one in _answered(fields, columns.lists)]
    turns, videos, told = _turns(record[name], name, fields.values.get(ANSWER))
    columns.taken[QUESTION, name] += 1
    columns.unused.pop(name, None)
    columns.split += len(turns) > 1
    if any(_role(message) == SYSTEM_ROLE for message in record[name]):  # whose message is dropped
        columns.unused[f"{name} (system)"] += 1
    if told:
        columns.unused[f"{name} (how to call a tool)"] += 1
    fields = replace(fields, columns={**fields.columns, QUESTION: name, ANSWER: name})
    if videos and VIDEOS not in fields.values:
        fields = _with(fields, {VIDEOS: videos})
    if any(ROUNDS in turn for turn in turns) and isinstance(given := fields.values.get(VIDEOS), list):
        fields = _with(fields, {VIDEOS: given[:1]})  # the others are what the tool showed
    return [_with_thoughts(one) for turn in turns for one in _answered(_with(fields, turn), columns.lists)]


def _with(fields: Fields, values: Mapping[str, Any]) -> Fields:
    return replace(fields, values={**fields.values, **values})


def _with_thoughts(fields: Fields) -> Fields:
    """The fields, with the thoughts that stand before the answer as the rationale."""
    answer = fields.values.get(ANSWER)
    found = _THOUGHT.fullmatch(answer) if isinstance(answer, str) else None
    if found is None:
        return fields
    return _with(fields, {ANSWER: found[2], **({RATIONALE: found[1]} if found[1].strip() else {})})


def _answered(fields: Fields, lists: str | None) -> list[Fields]:
    """The fields, once for each answer that a list as the answer holds; spans are one answer, and of another kind."""
    answer, asked = fields.values.get(ANSWER), fields.values.get(QUESTION)
    if not isinstance(answer, list):
        return [fields]
    if isinstance(asked, list):
        if lists != EACH or len(asked) != len(answer):
            detail = f"{len(asked)} of them, {len(answer)} answers: of as many, --answer-lists each makes a record each"
            raise RecordError(fields.columns[QUESTION], "a list of questions", detail)
        each = [_with(fields, {QUESTION: one, ANSWER: own}) for one, own in zip(asked, answer, strict=True)]
        return [one for own in each for one in _answered(own, lists)]
    if _are_spans(answer):
        kind = fields.values.get(KIND)
        label = {LABEL_FIELD: kind} if kind and find_kind(str(kind)) is None else {}
        return [_with(fields, {**label, ANSWER: with_numbers(answer), KIND: Kind.GROUNDING.value})]
    if len(answer) < 2 or lists == EACH:
        return [_with(fields, {ANSWER: one}) for one in answer]
    if lists == JOINED and all(isinstance(text, str) for text in answer):
        return [_with(fields, {ANSWER: " ".join(map(str.strip, answer))})]
    detail = f"{len(answer)} of them: say --answer-lists each (a record each), or joined (one text)"
    raise RecordError(fields.columns[ANSWER], "a list of answers", detail)


def _are_spans(answer: list[Any]) -> bool:
    """Whether it is `[[2.5, 6], [8, 9]]`, or one pair."""
    pairs = answer if isinstance(answer[0], list) else [answer]
    return all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(number, Number | int | float) for number in pair)
        for pair in pairs
    )


def _turns(messages: list[Any], name: str, answer: Any) -> tuple[list[dict[str, Any]], list[str], bool]:
    """Question, answer and rounds before it of each turn, and the videos that stand among the messages' parts.

    The messages are `{"from": "human", "value": ...}`, or have `role` and `content`; the system's is left away, and so
    are what a tool showed, and what a question says of how to call one: whether there was any is told, too.

    Args:
        answer: of a last message that asks, where the row has it elsewhere.
    """
    turns: list[dict[str, Any]] = []
    videos: list[str] = []
    question: str | None = None
    rounds: list[dict[str, Any]] = []
    is_shown = False  # by the next message, what a call asked for
    told = False
    for message in messages:
        if not isinstance(message, Mapping):
            raise RecordError(name, "a message is no object", repr(message)[:80])
        role = _role(message)
        if role == SYSTEM_ROLE:
            continue
        if role not in (ASKING_ROLES if question is None else SHOWING_ROLES if is_shown else ANSWERING_ROLES):
            raise RecordError(name, OUT_OF_TURN, f"a message of {role!r}")
        if is_shown:
            is_shown = False
            continue
        text = _text(message.get("value", message.get("content")), name, videos)
        if question is None:
            plain = without_instruction(text)
            told |= plain != text
            question = _MARKS_AROUND.sub("", plain)
        elif calls := read_turn(in_own_form(text)).calls:
            rounds.append(_round(text, calls, name))
            is_shown = True
        else:
            turns.append({QUESTION: question, ANSWER: text, **({ROUNDS: rounds} if rounds else {})})
            question, rounds = None, []
    if question is not None and answer is not None and not rounds:
        turns.append({QUESTION: question, ANSWER: answer})
    elif question is not None or not turns:
        raise RecordError(name, OUT_OF_TURN, "the last message asks")
    return turns, videos, told


def _round(text: str, calls: tuple[Call, ...], name: str) -> dict[str, Any]:
    """The thoughts and spans of a turn that asks to look again."""
    if fault := next((call for call in calls if isinstance(call, CallFault)), None):
        raise RecordError(name, "a tool call that shows nothing", fault)
    thought = _THOUGHT.fullmatch(text)
    return {
        RATIONALE: thought[1] if thought else "",
        CLUES: [list(span) for span in calls if not isinstance(span, CallFault)],
    }


def _role(message: Any) -> Any:
    return message.get("from", message.get("role")) if isinstance(message, Mapping) else None


def _text(content: Any, name: str, videos: list[str]) -> str:
    """The text of a message; puts the videos of its parts into `videos`."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content if isinstance(content, list) else [content]:
        given = {name: value for name, value in part.items() if value} if isinstance(part, Mapping) else {}
        if isinstance(given.get("text"), str):
            texts.append(given["text"])
        elif video := given.get("video") or given.get("video_url"):
            videos.extend(record_videos({"videos": video}))
        elif any(name in given for name in PICTURE_PARTS):
            raise RecordError(VIDEOS, A_PICTURE, repr(part)[:80])
        else:
            raise RecordError(name, "a message of something else than text and videos", repr(part)[:80])
    return "\n".join(texts)
