"""Rows in, examples out that read back as they are."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_prep.importing.answer import FROM_0, FROM_1, letter_of
from data_prep.importing.cells import videos_in
from data_prep.importing.columns import ANSWER, ID, KIND, NAMES, OPTIONS, QUESTION, RATIONALE, VIDEOS, described
from data_prep.importing.json_file import Number
from data_prep.importing.row import Fields
from data_prep.importing.video_folder import VideoFolder
from videokr.errors import RecordError
from videokr.example import NO_OPTIONS, Example, Kind, parse_example, parse_kind, record_videos, to_record
from videokr.jsonl import LINE
from videokr.options import split_label

DIGITS = 12  # of a made id
_ANY_LETTER = "A"
_NUMBER = re.compile(r"\d+")
_INSTRUCTS = re.compile(r"\b(?:letter|options?|choices?)\b|选项|字母", re.I)


@dataclass(slots=True)
class Importer:
    """Makes records, and remembers which ids are taken.

    Attributes:
        videos: where they lie.
        answers: see `data_prep.importing.answer.letter_of`.
        question: of rows without one; None: they are at fault.
        instructions: how many questions had an instruction after their options (`Answer with the letter.`), which is
            dropped; `instruction` is the first.
    """

    videos: VideoFolder
    answers: str | None = None
    question: str | None = None
    instructions: int = 0
    instruction: str = ""
    _ids: set[int] = field(default_factory=set)  # 64 bits of each

    def record_of(self, fields: Fields) -> tuple[Example, dict[str, Any]]:
        """The example, and the record that `parse_example` reads back as just this example.

        Raises:
            RecordError: no record can be made of the row.
        """
        values = dict(fields.values)
        if self.question is not None:
            values.setdefault(QUESTION, self.question)
        for own in (QUESTION, ANSWER, VIDEOS):
            if own not in values:
                raise _missing(own, fields)
        values[VIDEOS] = videos_in(values[VIDEOS])
        example = self._parse(values, fields)
        example = replace(example, videos=tuple(self.videos.path_of(name) for name in record_videos(values)))
        is_made = ID not in values
        if is_made:
            example = replace(example, id=_made_id(example))
        record = as_record(example)
        if parse_example(record) != example:
            raise RecordError(LINE, "does not read back as it is", ascii(example.question[:80]))
        key = _key(example.id)
        if key in self._ids:
            raise _taken(example.id, is_made)
        self._ids.add(key)
        return example, record

    def _parse(self, values: dict[str, Any], fields: Fields) -> Example:
        if not isinstance(values[ANSWER], str):
            return parse_example(values)
        question, instruction = values[QUESTION], ""
        if OPTIONS not in values and isinstance(question, str):
            question, instruction = _without_instruction(question)
        try:
            example = parse_example({**values, QUESTION: question, ANSWER: _ANY_LETTER})
        except RecordError as fault:
            if fault.reason != NO_OPTIONS:
                raise
            return self._open_ended(values, fields)
        if not example.options:
            return self._open_ended(values, fields)
        try:
            is_number = isinstance(values[ANSWER], Number)
            letter = letter_of(values[ANSWER].strip(), example.options, self.answers, is_number)
            example = replace(example, answer=letter)
        except RecordError as fault:
            if instruction or " ... " in fields.columns.get(OPTIONS, ""):
                detail = f"{fault.detail}; if these are no options, say so by --column options="
                raise RecordError(fault.field, fault.reason, detail) from None
            raise
        if instruction:
            self.instructions += 1
            self.instruction = self.instruction or instruction
        return example

    def _open_ended(self, values: dict[str, Any], fields: Fields) -> Example:
        """
        Raises:
            RecordError: the answer names an option, and there are none.
        """
        if fields.has_no_options:
            return parse_example({**values, KIND: Kind.OPEN_ENDED.value})
        column, answer = fields.columns.get(OPTIONS), values[ANSWER].strip()
        where = f"nothing in '{column}'" if column else f"name the column with --column {NAMES[OPTIONS]}=NAME"
        way_out = f"{answer[:80]!r}; {where}; if it is open-ended, say so in a column of {NAMES[KIND]}, "
        way_out += f"or by --column {NAMES[OPTIONS]}="
        try:
            example = parse_example(values)
        except RecordError as fault:
            raise RecordError(ANSWER, NO_OPTIONS, way_out) if fault.reason == NO_OPTIONS else fault from None
        counts = self.answers in (FROM_0, FROM_1) and not _is_said_open_ended(values)
        if counts and (column is None or _NUMBER.fullmatch(answer)):
            raise RecordError(ANSWER, f"--answers {self.answers} counts options, and there are none", way_out)
        return example


def _is_said_open_ended(values: Mapping[str, Any]) -> bool:
    try:
        return KIND in values and parse_kind(values[KIND]) is Kind.OPEN_ENDED
    except RecordError:  # a label that says nothing of it
        return False


def _missing(own: str, fields: Fields) -> RecordError:
    column, there = fields.columns.get(own), described(fields.row)
    if column is None:
        cells = fields.row.items()
        lists = [name for name, cell in cells if isinstance(cell, list) and cell and isinstance(cell[0], Mapping)]
        rows = f", or its list of rows by --rows {lists[0]}" if lists else ""
        return RecordError(own, "missing", f"name it by --column {NAMES[own]}=NAME{rows}; there are {there}")
    if column in fields.row:
        return RecordError(own, "missing", f"nothing in it as the {NAMES[own]}")
    return RecordError(own, "no such column", f"--column names it as the {NAMES[own]}; there are {there}")


def _without_instruction(question: str) -> tuple[str, str]:
    """A question that ends in options `A. x`, `B. y`, ..., less an instruction after them, and the instruction.

    Another text after them is part of the question, and put before them.
    """
    lines = question.rstrip().splitlines()
    labels = [split_label(line)[0] for line in lines]
    last = max((place for place, label in enumerate(labels) if label), default=-1)
    after = "\n".join(lines[last + 1 :]).strip()
    if last < 0 or not after or "A" not in labels[:last]:
        return question, ""
    if "?" not in after and _INSTRUCTS.search(after):
        return "\n".join(lines[: last + 1]), after
    first = max(place for place in range(last) if labels[place] == "A")
    return "\n".join([*lines[:first], after, *lines[first : last + 1]]), ""


def as_record(example: Example) -> dict[str, Any]:
    """`videokr.example.to_record`, and the rationale; always the same fields."""
    return {**to_record(example), RATIONALE: example.rationale or ""}


def _made_id(example: Example) -> str:
    """The first video's name and a hash of what is asked and answered: the same wherever the row stands."""
    said = [example.question, example.options, example.kind, example.answer, example.rationale, example.videos]
    digest = hashlib.blake2b(json.dumps(said).encode("ascii"), digest_size=DIGITS // 2).hexdigest()
    return f"{' '.join(Path(example.videos[0]).stem.split())}-{digest}"


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _taken(own: str, is_made: bool) -> RecordError:
    if is_made:
        return RecordError(LINE, "the same record stands before", own)
    detail = f"{own[:80]!r}; if the column names no single record, --column id= makes ids"
    return RecordError(ID, "the id stands before", detail)
