"""Questions that a single frame solves, changed by people so that they can be probed again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from data_prep.corpus.audit.sample import digest_of
from data_prep.corpus.audit.verdicts import Entry, read_saved, unknown
from data_prep.corpus.generate import check_distinct, check_language
from data_prep.corpus.probe import SOLVED
from data_prep.corpus.provenance import PROVENANCE
from data_prep.corpus.review import Made, read_made
from data_prep.left_out import LeftOut
from videokr.errors import RecordError, UserError
from videokr.example import (
    ANSWER_FIELDS,
    OPTION_FIELDS,
    QUESTION_FIELDS,
    RATIONALE_FIELDS,
    imitated_fields,
    parse_example,
    to_record,
)
from videokr.jsonl import read_records
from videokr.options import LETTERS
from videokr.outputs import atomic_write

STEP, NAME = "reannotate", "reannotated"
_CHANGED_FIELDS = {*QUESTION_FIELDS, *OPTION_FIELDS, *ANSWER_FIELDS, *RATIONALE_FIELDS}


class Changed(Entry):
    """A question as an annotator wants it; `options` has a line each, without letters."""

    question: str
    options: str = ""
    answer: str


def solved(source: Path, probed: Path) -> list[Made]:
    """The records of `source` that the probe has left out because one model solves them from a single frame.

    Args:
        probed: what the probe has written.

    Raises:
        UserError: the probe has left out none, or has read another file.
    """
    listed = LeftOut.list_of(probed)
    if not listed.is_file():
        raise UserError(f"'{listed}' is not there: run `videokr corpus probe`, or it has left out none")
    lines = {row["line"]: row["detail"] for _, row in read_records(listed) if row["reason"] == SOLVED}
    found = [one for one in read_made(source) if one.line in lines]
    if len(found) < len(lines) or not all(lines[one.line].startswith(f"{one.example.id}, ") for one in found):
        raise UserError(f"the probe has read another file than '{source}': give the same --input")
    return found


def write_reannotated(paths: Sequence[Path], source: Path, output: Path) -> None:
    """Writes all records of `source`, those that the files change as they have them.

    The rationale of a changed record is dropped: it argues for the question as it was.

    Raises:
        UserError: a file cannot be read, speaks of a record that `source` has not got, or makes it no record; or two
            files change one record in different ways.
    """
    changes: dict[str, tuple[Path, str, Changed]] = {}
    for path in paths:
        saved = read_saved(path, STEP, Changed)
        for entry in saved.records:
            other = changes.setdefault(entry.digest, (path, saved.annotator, entry))
            if other[2] != entry:
                both = f"'{path}' and '{other[0]}'"
                raise UserError(f"{both} change record '{entry.record}' differently: take it out of one")
    number = 0
    with atomic_write(output) as aside, aside.open("wb") as out:
        for one in read_made(source):
            record, change = one.record, changes.pop(digest_of(one.example), None)
            if change:
                record = _changed(one, *change)
                number += record is not one.record
            out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        for path, _, entry in changes.values():
            raise unknown(path, entry, source)
    print(f"{output}: {number} records changed; check them: videokr corpus probe --input {output}")


def _changed(one: Made, path: Path, annotator: str, entry: Changed) -> dict[str, Any]:
    """The record as it is now, with who changed what; the same one where only a note was written."""
    texts = [line.strip() for line in entry.options.splitlines() if line.strip()]
    given = {
        "question": entry.question,
        "options": [f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False)],
        "answer": entry.answer,
    }
    before = to_record(one.example)
    try:
        now = replace(parse_example(before | given), rationale=None)
        check_distinct(now.options)
        check_language(now)
    except RecordError as error:
        detail = f"{one.example.id}: {error.detail}" if error.detail else one.example.id
        raise RecordError(error.field, error.reason, detail, str(path)) from None
    changed = {name: before[name] for name, value in to_record(now).items() if value != before[name]}
    if not changed:
        return one.record
    provenance = one.record.get(PROVENANCE, {})
    log = [*provenance.get(STEP, {}).get("changes", []), {"by": annotator, "note": entry.note, "was": changed}]
    origin = {"models": ["people"], "prompt": "", "calls": [], "changes": log}  # as of a step that asks models
    rest = {name: value for name, value in one.record.items() if name not in _CHANGED_FIELDS}
    return rest | to_record(now) | imitated_fields(now) | {PROVENANCE: provenance | {STEP: origin}}
