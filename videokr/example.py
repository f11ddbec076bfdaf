"""One example, parsed at the door from any of the field's spellings."""

import codecs
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from videokr.errors import RecordError, UserError
from videokr.marks import find_host_mark
from videokr.options import LETTERS, read_option_letter, split_label
from videokr.response import holds_tag, read_answer, strip_tag

ID_FIELDS = ("id", "problem_id", "file_name")
QUESTION_FIELDS = ("question", "prompt")
OPTION_FIELDS = ("options", "option")
KIND_FIELDS = ("problem_type", "question_type")
RATIONALE_FIELDS = ("think",)
ANSWER_FIELDS = ("solution", "answer", "correct_answer", "ground_truth")
VIDEO_FIELDS = ("videos", "video_path", "path", "video", "video_file", "file_name")
GROUP_FIELDS = ("dataset", "subject", "discipline", "source", "duration_bucket", "task_type")

_LEADING_VIDEO = re.compile(r"(?:<video>\s*)+")
_OPTIONS_HEADING = "options:"


class Kind(StrEnum):
    """How a question is answered; the value is the published `problem_type`."""

    MULTIPLE_CHOICE = "multiple choice"
    OPEN_ENDED = "open-ended"


_KINDS = {
    "multiple choice": Kind.MULTIPLE_CHOICE,
    "mcq": Kind.MULTIPLE_CHOICE,
    "open ended": Kind.OPEN_ENDED,
    "free form": Kind.OPEN_ENDED,
    "numerical": Kind.OPEN_ENDED,
}


@dataclass(frozen=True, slots=True)
class Example:
    """A question about one or more videos, with its gold answer.

    Attributes:
        id: names the example in logs and results; unique within a file where the file has ids.
        question: without options, instruction or video marks.
        options: texts without letters, in the order A, B, C, ...; empty for open-ended questions.
        answer: the option letter, or the final answer alone.
        rationale: the reasoning without tags; None where the file has none.
        videos: paths as the record has them, less a leading `./`; never empty.
        groups: what results are broken down by (`GROUP_FIELDS`), as far as given.
    """

    id: str
    question: str
    options: tuple[str, ...]
    kind: Kind
    answer: str
    rationale: str | None
    videos: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)


def parse_kind(value: object, name: str = KIND_FIELDS[0]) -> Kind:
    """Reads a `problem_type` in any spelling.

    Raises:
        RecordError: the kind is unknown.
    """
    words = " ".join(re.split(r"[\s_-]+", str(value).strip().lower()))
    if words not in _KINDS:
        raise RecordError(name, "unknown kind of question", f"{value!r}; known: {', '.join(_KINDS)}")
    return _KINDS[words]


def parse_example(record: Mapping[str, Any]) -> Example:
    """Reads one raw record.

    Raises:
        RecordError: a field is missing or cannot be read; names the field.
    """
    question_field, question = _text(record, QUESTION_FIELDS)
    leading = _LEADING_VIDEO.match(question)
    question = question[leading.end() :] if leading else question
    option_field, options = _options(record)
    kind_field = _present(record, KIND_FIELDS)
    kind = parse_kind(record[kind_field], kind_field) if kind_field else None
    if kind is not Kind.OPEN_ENDED:
        question, options = _split_inline_options(question, options)
    if kind is None:
        kind = Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED
    if kind is Kind.OPEN_ENDED and options:
        raise RecordError(option_field, "an open-ended question has options", f"{len(options)} of them")
    if kind is Kind.MULTIPLE_CHOICE and not 2 <= len(options) <= len(LETTERS):
        detail = f"got {len(options)}, at most {len(LETTERS)} have a letter"
        raise RecordError(option_field, "a multiple-choice question needs two or more options", detail)
    if not question:
        raise RecordError(question_field, "empty")
    for name, text in ((question_field, question), *((option_field, option) for option in options)):
        _refuse_reserved(name, text)

    answer_field, answer = _text(record, ANSWER_FIELDS)
    videos = _videos(record)
    return Example(
        id=_text(record, ID_FIELDS, default=Path(videos[0]).stem)[1],
        question=question,
        options=options,
        kind=kind,
        answer=_gold(answer_field, answer, kind, options),
        rationale=_rationale(record),
        videos=videos,
        groups={name: _text(record, (name,))[1] for name in GROUP_FIELDS if _present(record, (name,))},
    )


def to_record(example: Example) -> dict[str, Any]:
    """A record that `parse_example` reads back as the same example, less its rationale; always the same fields."""
    return {
        "id": example.id,
        "question": example.question,
        "options": [f"{letter}. {text}" for letter, text in zip(LETTERS, example.options, strict=False)],
        "problem_type": example.kind.value,
        "answer": example.answer,
        "videos": list(example.videos),
        **{name: example.groups.get(name, "") for name in GROUP_FIELDS},
    }


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
            if not isinstance(record, dict):
                raise RecordError("(record)", "not a JSON object", type(record).__name__)
            example = parse_example(record)
        except RecordError as error:
            located = error.located(str(path), line)
            if skip_invalid is None:
                raise located from None
            skip_invalid.append(located)
        else:
            yield example


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """Raw records with their line (JSONL) or place (JSON list), counted from 1.

    Raises:
        UserError: the file is not there, cannot be read, holds no records or is not JSON.
    """
    if not path.is_file():
        raise UserError(f"annotation file '{path}' is not there")
    if not os.access(path, os.R_OK):
        raise UserError(f"annotation file '{path}' cannot be read: permission denied")
    empty = True
    with path.open(encoding="utf-8-sig") as file:
        for number, record in _parse_list(path, file) if _opens_list(path) else _parse_lines(path, file):
            empty = False
            yield number, record
    if empty:
        raise UserError(f"annotation file '{path}' holds no records")


# What Python's reader says of text that is not JSON: broken syntax, a number of thousands of digits, brackets nested
# thousands deep.
_NOT_JSON = (ValueError, RecursionError)


def _opens_list(path: Path) -> bool:
    with path.open("rb") as file:
        for line in file:
            text = line.removeprefix(codecs.BOM_UTF8).strip()
            if text:
                return text.startswith(b"[")
    return False


def _parse_list(path: Path, file: TextIO) -> Iterator[tuple[int, Any]]:
    try:
        records = json.load(file)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None
    except _NOT_JSON as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    yield from enumerate(records, start=1)


def _parse_lines(path: Path, file: TextIO) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, json.loads(line)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None
    except _NOT_JSON as error:
        raise UserError(f"{path}, line {number}: not JSON: {error}") from None


def _present(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the spellings that holds something; blank text, not-a-number and empty lists hold nothing."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            if value.strip():
                return name
        elif isinstance(value, float):
            if not math.isnan(value):
                return name
        elif value is not None and value != [] and value != {}:
            return name
    return None


def _text(record: Mapping[str, Any], names: tuple[str, ...], default: str | None = None) -> tuple[str, str]:
    name = _present(record, names)
    if name is None:
        if default is not None:
            return names[0], default
        raise RecordError(names[0], "missing", f"looked for {', '.join(names)}")
    return name, _as_text(name, record[name])


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RecordError(name, "not text", type(value).__name__)
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RecordError(name, "half of a surrogate pair stands in the text", ascii(text[:80])) from None
    return text


def _options(record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    name = _present(record, OPTION_FIELDS)
    if name is None:
        return OPTION_FIELDS[0], ()
    value = record[name]
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    if isinstance(value, Mapping):
        given = [(str(key).strip().upper(), _option(name, text)) for key, text in value.items() if text is not None]
        labels = [label for label, _ in given]
        split = [split_label(text) for _, text in given]
        if [label for label, _ in split] == labels:  # {"A": "A. text"}
            return name, _by_letter(name, labels, [text for _, text in split])
        return name, _by_letter(name, labels, [text for _, text in given])
    if not isinstance(value, list | tuple):
        raise RecordError(name, "not a list or an object of options", type(value).__name__)
    texts = [_option(name, text) for text in value]
    split = [split_label(text) for text in texts]
    labels = [label for label, _ in split if label]
    if len(labels) == len(texts) and "A" in labels:
        return name, _by_letter(name, labels, [text for _, text in split])
    return name, tuple(texts)


def _option(name: str, value: object) -> str:
    text = _as_text(name, value)
    if not text:
        raise RecordError(name, "an option is empty", repr(value))
    return text


def _by_letter(name: str, labels: list[str], texts: list[str]) -> tuple[str, ...]:
    if sorted(labels) != list(LETTERS[: len(labels)]):
        raise RecordError(name, "option letters are not A, B, C, ... without a gap", ", ".join(labels))
    if not all(texts):
        raise RecordError(name, "an option is empty", labels[texts.index("")])
    return tuple(text for _, text in sorted(zip(labels, texts, strict=True)))


def _split_inline_options(question: str, options: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Takes options off the end of a question, if they are the record's own or the record has none."""
    lines = question.rstrip().splitlines()
    split: list[tuple[str | None, str]] = []
    while lines and (not split or split[-1][0] != "A"):
        label, text = split_label(lines.pop())
        if not label or not text:
            return question, options
        split.append((label, text))
    split.reverse()
    inline = tuple(text for _, text in split)
    in_order = [label for label, _ in split] == list(LETTERS[: len(split)])
    if not in_order or len(inline) < 2 or not lines or (options and options != inline):
        return question, options
    if lines[-1].strip().lower() == _OPTIONS_HEADING:
        lines.pop()
    return "\n".join(lines).rstrip(), inline


def _gold(name: str, text: str, kind: Kind, options: tuple[str, ...]) -> str:
    answer = read_answer(text) if "<answer>" in text.lower() else text
    if not answer:
        raise RecordError(name, "the answer block is empty", repr(text[:80]))
    if kind is Kind.OPEN_ENDED:
        if holds_tag(answer):
            raise RecordError(name, "a tag of the response form stands in the text", repr(answer[:80]))
        _refuse_reserved(name, answer)
        return answer
    letter = read_option_letter(answer, options)
    if letter is None and options.count(answer) == 1:
        letter = LETTERS[options.index(answer)]
    if letter is None:
        raise RecordError(name, "names no single option", f"{answer[:80]!r} of {len(options)} options")
    return letter


def _rationale(record: Mapping[str, Any]) -> str | None:
    name = _present(record, RATIONALE_FIELDS)
    if name is None:
        return None
    rationale = strip_tag(_text(record, (name,))[1], "think")
    if holds_tag(rationale):
        raise RecordError(name, "a tag of the response form stands in the text", repr(rationale[:80]))
    _refuse_reserved(name, rationale)
    return rationale or None


def _videos(record: Mapping[str, Any]) -> tuple[str, ...]:
    name = _present(record, VIDEO_FIELDS)
    if name is None:
        raise RecordError(VIDEO_FIELDS[0], "missing", f"looked for {', '.join(VIDEO_FIELDS)}")
    value = record[name]
    paths = []
    for entry in value if isinstance(value, list | tuple) else [value]:
        path = entry
        if isinstance(entry, Mapping):
            inner = _present(entry, ("video", "path"))
            path = entry[inner] if inner else None
        path = _as_text(name, path) if isinstance(path, str) else ""
        while path.startswith("./"):
            path = path[2:].lstrip("/")
        if not path:
            raise RecordError(name, "a video is not a path", repr(entry)[:80])
        paths.append(path)
    return tuple(paths)


def _refuse_reserved(name: str, text: str) -> None:
    found = find_host_mark(text)
    if found:
        raise RecordError(name, "a mark that the hosts reserve stands in the text", found)
