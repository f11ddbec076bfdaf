"""Annotation files looked through, row by row, and then for what shows between rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep.check.spans import span_faults
from data_prep.lint.corpus import LINES, Corpus
from data_prep.lint.finding import Flag
from data_prep.lint.language import find_language
from data_prep.lint.length import Lengths
from data_prep.lint.question import find_leak, find_longest, find_options
from data_prep.lint.response import find_rationale, find_tags
from videokr.errors import RecordError
from videokr.example import NAMING_FIELDS, RATIONALE_FIELDS, Example
from videokr.jsonl import parse_record, read_raw, refuse_unreadable
from videokr.video.manifest import VideoEntry, read_manifest
from videokr.video.paths import plain_path


def lint(files: Sequence[Path], manifest: Path | None = None, lengths: Lengths | None = None) -> Corpus:
    """Reads every file once; without a manifest nobody knows how long the videos are.

    Raises:
        UserError: a file is not there, cannot be read, or holds nothing.
        sqlite3.OperationalError: there is no room on disk for what is compared.
    """
    for path in files:
        refuse_unreadable(path)
    entries = read_manifest(manifest) if manifest else {}
    corpus = Corpus([str(path) for path in files])
    for file, path in enumerate(files):
        for line, record in tqdm(read_raw(path), desc=f"linting {path.name}", unit="row", disable=None):
            _look(corpus, file * LINES + line, record, entries, lengths)
    corpus.compare()
    return corpus


def _look(corpus: Corpus, place: int, raw: Any, entries: Mapping[str, VideoEntry], lengths: Lengths | None) -> None:
    """Makes every check that needs one row alone."""
    record = raw if isinstance(raw, dict) else {}
    example: Example | RecordError
    try:
        example = parse_record(raw)
    except RecordError as error:
        example = error
    tally = corpus.tallies[place // LINES]
    tally.count(example)
    flags = list(_flags(record, example))
    row_id = given_id = _given_id(record)
    if isinstance(example, Example):
        row_id = example.id
        found = [entries.get(plain_path(video)) for video in example.videos]
        if example.spans:
            faults = span_faults(example.spans, found[0].duration_seconds if found[0] else None)
            flags += [Flag(name, detail) for name, detail in dict(faults).items()]
        if lengths:
            headers = [entry.header for entry in found if entry and entry.header]
            if len(headers) < len(found):
                tally.unknown_lengths += 1
            elif flag := lengths.flag(example, headers):
                flags.append(flag)
        corpus.add(place, example, given_id, any(flag.field == RATIONALE_FIELDS[0] for flag in flags))
    corpus.flag((place, row_id, flag) for flag in flags)


def _given_id(record: dict[str, Any]) -> str:
    """Of a field that is there to name the row; empty where there is none."""
    values = (record.get(name) for name in NAMING_FIELDS)
    return next((text for value in values if isinstance(value, str | int | float) and (text := str(value).strip())), "")


def _flags(record: dict[str, Any], example: Example | RecordError) -> Iterator[Flag]:
    flags = list(find_tags(record))
    yield from flags
    torn = {flag.field for flag in flags}  # of which nothing else is said: what it holds is not what was meant
    if isinstance(example, RecordError):
        if example.field not in torn:
            reason = f"{example.field}: {example.reason}"
            yield Flag("unreadable", example.detail or repr(example.reason), field=example.field, reason=reason)
        return
    found = chain(find_options(example), find_leak(example), find_rationale(example), find_language(example))
    yield from (flag for flag in found if flag.field not in torn)
    yield from find_longest(example)
