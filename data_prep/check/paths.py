"""Which videos are to be checked: those that annotation files name, or all below a folder."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videokr.errors import RecordError
from videokr.example import KIND_FIELDS, parse_example, record_videos
from videokr.jsonl import as_object, read_raw
from videokr.record_spans import CLUE_FIELDS, ROUNDS_FIELD
from videokr.response import Kind, find_kind
from videokr.spans import Span
from videokr.video.paths import plain_path

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".flv", ".ts", ".mpg", ".mpeg", ".wmv", ".ogv", ".gif",
            ".3gp", ".3g2", ".mts", ".m2ts", ".asf", ".mxf", ".dv", ".rm", ".webp")  # fmt: skip


@dataclass(slots=True)
class Named:
    """The videos that annotation files name.

    Attributes:
        paths: of the videos, each once, in order.
        records: how many records were read.
        left_out: records that name no video, by reason.
        spans: of the records that name spans of time, with their places and the paths of their videos.
    """

    paths: list[str]
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    spans: list[tuple[str, str, tuple[Span, ...]]] = field(default_factory=list)


def named_by(files: Sequence[Path]) -> Named:
    """The videos that the records of several annotation files name.

    Raises:
        UserError: a file is not there or holds nothing.
    """
    found: set[str] = set()
    named = Named([])
    for path in files:
        for line, record in read_raw(path):
            named.records += 1
            try:
                found.update(map(plain_path, record_videos(as_object(record))))
            except RecordError as error:
                named.left_out[f"{error.field}: {error.reason}"] += 1
            else:
                if spans := _spans(record):
                    named.spans.append((f"{path}:{line}", plain_path(record_videos(record)[0]), spans))
    named.paths = sorted(found)
    return named


def _spans(record: dict[str, Any]) -> tuple[Span, ...]:
    """Those of a record; none of one that cannot be read, which `videokr lint` names."""
    is_asked = any(find_kind(str(record.get(name))) is Kind.GROUNDING for name in KIND_FIELDS)
    if not is_asked and not any(record.get(name) for name in (*CLUE_FIELDS, ROUNDS_FIELD)):
        return ()  # without reading it: there are many
    try:
        return parse_example(record).spans
    except RecordError:
        return ()


def below(folder: Path) -> Named:
    """Every file below a folder with the suffix of a video, and whatever else is called like one."""
    found = set()
    for place, folders, files in os.walk(folder):
        inner = os.path.relpath(place, folder)
        before = "" if inner == os.curdir else f"{inner}/"
        for name in (*folders, *files):
            if name.lower().endswith(SUFFIXES):
                found.add(plain_path(f"{before}{name}".encode("utf-8", "backslashreplace").decode()))
    return Named(sorted(found))
