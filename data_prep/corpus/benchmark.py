"""A benchmark under a name and a version: frozen with its questions, what changed since the last, and a datasheet."""

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from data_prep.corpus.audit.figures import audited
from data_prep.corpus.datasheet import datasheet
from data_prep.corpus.expense import expense
from data_prep.corpus.files import Row, passed, read_rows
from data_prep.corpus.probe import Probe
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import WHOLE, ledgers_of, source_of
from data_prep.corpus.tables import Counts
from data_prep.corpus.videos import LICENSE, SOURCE_URL
from data_prep.lint.biases import Tally as BiasTally
from videokr.errors import UserError
from videokr.example import to_record
from videokr.fingerprint import file_sha256
from videokr.jsonl import read_records
from videokr.outputs import atomic_write

FOLDER, VERSION, DATASHEET = "benchmark", "version.json", "README.md"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A version that is there: the SHA-256 of its questions, and these by their ids."""

    version: str
    sha256: str
    questions: dict[str, Any]


def freeze(corpus: Corpus, given: Path | None) -> None:
    """Writes the questions, `version.json` and the datasheet of a version that is not there yet.

    Args:
        given: records in place of those of the last step.

    Raises:
        UserError: the version is there with other questions, or is older than one that is.
        RecordError: a record cannot be read.
    """
    if not corpus.benchmark:
        raise UserError('corpus.yaml names no benchmark: add benchmark: {name: mine, version: "1.0"}')
    name, version = corpus.benchmark.name, corpus.benchmark.version
    source = source_of(corpus, Probe.step, Probe.name, WHOLE, given)
    rows = list(read_rows(source))
    questions = {row.example.id: _question(row) for row in rows}
    content = b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in questions.values())
    sha256 = hashlib.sha256(content).hexdigest()
    folder = corpus.output / FOLDER / name
    versions = [_read(path.parent, name) for path in folder.glob(f"*/{VERSION}")]
    same = next((one for one in versions if one.version == version), None)
    if same and same.sha256 == sha256:
        print(f"{name} {version} is frozen already, with these questions")
        return
    latest = max(versions, key=lambda one: _order(one.version), default=None)
    if latest and (same or _order(latest.version) >= _order(version)):
        is_there = "is frozen with other questions" if same else "is older than one that is frozen"
        raise UserError(f"{name} {version} {is_there}: give benchmark.version a number after {latest.version}")
    changes = _changes(latest, questions)
    counts, biases = Counts(), BiasTally()
    for row in rows:
        counts.add(row)
        biases.count(row.example)
    ledgers = ledgers_of(corpus)
    spent = expense(ledgers, {row.example.id: row.calls for row in rows})
    about = {
        "name": name,
        "version": version,
        "sha256": sha256,
        "questions": len(questions),
        "since": {"version": latest.version, "sha256": latest.sha256} if latest else None,
        **changes,
    }
    text = datasheet(
        about, source.name, counts, biases, passed(corpus, Probe), audited(corpus, Probe), spent, len(ledgers)
    )
    own = folder / version
    with ExitStack() as stack:  # VERSION gets its name last
        for file, held in (
            (VERSION, json.dumps(about, indent=2).encode() + b"\n"),
            (DATASHEET, text.encode()),
            (_questions_file(name, version), content),
        ):
            stack.enter_context(atomic_write(own / file)).write_bytes(held)
    told = ", ".join(f"{len(ids):,} {what}" for what, ids in changes.items())
    print(f"{own / _questions_file(name, version)}: {len(questions):,} questions, SHA-256 {sha256}")
    print(f"since {latest.version}: {told}" if latest else "the first version")
    print(f"datasheet: {own / DATASHEET}")


def _question(row: Row) -> dict[str, Any]:
    """What is asked and what is right, whose the video is, and nothing of how the question was made."""
    shown = {field: row.record[field] for field in (LICENSE, SOURCE_URL) if row.record.get(field)}
    return to_record(row.example) | shown


def _changes(latest: Frozen | None, questions: dict[str, Any]) -> dict[str, list[str]]:
    before = latest.questions if latest else questions
    return {
        "added": [name for name in questions if name not in before],
        "removed": [name for name in before if name not in questions],
        "changed": [name for name, record in questions.items() if before.get(name, record) != record],
    }


def _read(folder: Path, name: str) -> Frozen:
    """A version; UserError where it is not as it was frozen."""
    questions = folder / _questions_file(name, folder.name)
    about = json.loads((folder / VERSION).read_text(encoding="utf-8"))
    if not questions.is_file() or file_sha256(questions) != about["sha256"]:
        raise UserError(f"'{questions}' is not as it was frozen: bring it back, or remove '{folder}'")
    return Frozen(folder.name, about["sha256"], {record["id"]: record for _, record in read_records(questions)})


def _questions_file(name: str, version: str) -> str:
    return f"{name}-{version}.jsonl"


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
