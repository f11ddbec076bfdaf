"""Rows in, examples out that read back as they are."""

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data_prep.importing.answer import letter_of
from data_prep.importing.cells import options_in, videos_in
from data_prep.importing.columns import ANSWER, ID, KIND, NAMES, OPTIONS, QUESTION, RATIONALE, VIDEOS
from data_prep.importing.row import Fields
from data_prep.importing.video_folder import VideoFolder
from data_prep.key_set import KeySet
from videokr.errors import RecordError
from videokr.example import LINE, Example, Kind, parse_example, record_videos, to_record

DIGITS = 12  # of a made id
_ANY_LETTER = "A"
# A lower-case letter alone may be what is asked for: the x of an equation.
_BARE_LETTER = re.compile(r"[(\[]?[A-Z][)\]]?[.:]?|[(\[]?[a-z][)\]][.:]?|(?i:option|choice)\s+[(\[]?[A-Za-z][)\]]?\.?")


@dataclass(slots=True)
class Importer:
    """Makes records, and remembers which ids are taken.

    Attributes:
        videos: where they lie.
        answers: see `data_prep.importing.answer.letter_of`.
        question: of rows without one; None: they are at fault.
    """

    videos: VideoFolder
    answers: str | None = None
    question: str | None = None
    _ids: KeySet = field(default_factory=KeySet)

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
                column = fields.columns.get(own)
                detail = f"nothing in it as the {NAMES[own]}" if column else f"name it by --column {NAMES[own]}=NAME"
                raise RecordError(own, "missing", detail)
        values[VIDEOS] = videos_in(values[VIDEOS])
        if OPTIONS in values:
            values[OPTIONS] = options_in(values[OPTIONS])
        example = self._parse(values)
        if example.kind is Kind.OPEN_ENDED and KIND not in values and not fields.has_no_options:
            _refuse_letter(example.answer, fields)
        example = replace(example, videos=tuple(self.videos.path_of(name) for name in record_videos(values)))
        is_made = ID not in values
        if is_made:
            example = replace(example, id=_made_id(example))
        record = as_record(example)
        if parse_example(record) != example:
            raise RecordError(LINE, "does not read back as it is", ascii(example.question[:80]))
        if not self._ids.add(_key(example.id)):
            raise _taken(example.id, is_made)
        return example, record

    def _parse(self, values: dict[str, Any]) -> Example:
        if not isinstance(values[ANSWER], str):
            return parse_example(values)
        example = parse_example({**values, ANSWER: _ANY_LETTER})
        if not example.options:
            return parse_example(values)
        return replace(example, answer=letter_of(values[ANSWER].strip(), example.options, self.answers))


def _refuse_letter(answer: str, fields: Fields) -> None:
    """
    Raises:
        RecordError: the answer of a question without options is the letter of one.
    """
    if not _BARE_LETTER.fullmatch(answer):
        return
    column = fields.columns.get(OPTIONS)
    where = f"nothing in '{column}'" if column else f"name the column with --column {NAMES[OPTIONS]}=NAME"
    detail = f"{answer!r}; {where}; if it is open-ended, say so in a column of {NAMES[KIND]}, or by --column options="
    raise RecordError(ANSWER, "answer is the letter of an option, and there are no options", detail)


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
