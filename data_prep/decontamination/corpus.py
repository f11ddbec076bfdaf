"""Annotation files of both sides: streamed record by record, and written again without what a benchmark has."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from data_prep.batches import read_batches
from data_prep.json_list import json_list
from data_prep.left_out import LeftOut
from videokr.errors import RecordError
from videokr.example import Example
from videokr.jsonl import opens_list, parse_record, read_list, refuse_unreadable
from videokr.outputs import atomic_write


def read_corpus(path: Path, left_out: LeftOut | None) -> Iterator[tuple[int, Example | None]]:
    """The examples of a file with their line, counted from 1; None for a record that cannot be read.

    Args:
        left_out: where given, gets a fault for each such record; else the first is raised.

    Raises:
        UserError: the file is not there or holds nothing.
        RecordError: a record cannot be read; names file, line and field.
    """
    refuse_unreadable(path)
    records = (record for batch in read_batches(path) for record in batch.records())
    for line, record in tqdm(records, desc=f"reading {path.name}", unit="row", disable=None):
        try:
            yield line, parse_record(record)
        except RecordError as error:
            located = error.located(str(path), line)
            if left_out is None:
                raise located from None
            left_out.add(located)
            yield line, None


def write_cleaned(path: Path, output: Path, left_out: Collection[int]) -> None:
    """Writes a file's records but for those at some lines, in the same form and order; JSON Lines to the byte."""
    if opens_list(path):
        with atomic_write(output) as aside, json_list(aside) as append:
            for line, record in read_list(path):
                if line not in left_out:
                    append(_as_json(record))
        return
    with path.open("rb") as given, atomic_write(output) as aside, aside.open("wb") as out:
        out.writelines(text for line, text in enumerate(given, start=1) if line not in left_out)


def _as_json(record: Any) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # of whole numbers beyond 64 bits, and halves of surrogate pairs
        return json.dumps(record).encode("ascii")
