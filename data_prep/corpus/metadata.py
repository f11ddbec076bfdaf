"""What is known of videos that were found: from the info files that yt-dlp writes, or from a table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_prep.check.paths import SUFFIXES
from data_prep.corpus.settings import first_fault
from data_prep.importing.caption_folder import SUBTITLE_SUFFIXES, refuse_unlisted, subtitle_text
from data_prep.importing.table import Table
from data_prep.importing.text_file import WHOLE, read_text
from videokr.errors import RecordError, UserError

INFO_SUFFIX = ".info.json"  # of yt-dlp --write-info-json
LIVE_CHAT = "live_chat"  # yt-dlp lists it among subtitles
NEEDED_COLUMNS = ("video", "search_term", "title", "duration", "license", "captions")
COLUMNS = (*NEEDED_COLUMNS, "description", "id", "webpage_url", "extractor_key")


class Info(BaseModel):
    """The fields of an info file that are of use, by their names in yt-dlp; a table's columns have the same.

    Attributes:
        duration: in seconds.
        playlist: the title of what the video was found in; of a search, what was searched for.
    """

    model_config = ConfigDict(frozen=True)

    kind: str = Field("video", alias="_type")
    id: str = ""
    title: str | None = None
    description: str | None = None
    duration: float | None = None
    license: str | None = None
    webpage_url: str | None = None
    extractor_key: str | None = None
    playlist: str | None = None
    subtitles: dict[str, Any] | None = None
    automatic_captions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A video that was found.

    Attributes:
        video: its path below the folder of videos; None where none lies there.
        search_terms: that it may have been found by.
        captions: what they say, as far as that is at hand.
        has_captions: whether there are any.
        line: of the table.
    """

    video: str | None
    info: Info
    search_terms: tuple[str, ...]
    captions: str
    has_captions: bool
    line: int | None = None


def found_in(source: Path, video_dir: Path) -> Iterator[tuple[str, Found | RecordError]]:
    """The videos of a folder of info files, or of a table, in an order that does not change.

    Before each stands its video, or a name for that. A RecordError stands for metadata that cannot be read.

    Raises:
        UserError: there is no such folder or table, or it lacks a column.
    """
    if source.is_dir():
        yield from _from_folder(source, video_dir)
    elif source.is_file():
        yield from _from_table(source)
    else:
        raise UserError(f"collection.metadata: '{source}' is not there: give a folder with *{INFO_SUFFIX}, or a table")


def _from_folder(folder: Path, video_dir: Path) -> Iterator[tuple[str, Found | RecordError]]:
    for place, folders, names in os.walk(folder, onerror=refuse_unlisted):
        folders.sort()
        captions: dict[str, str] = {}  # by the name before `.vtt`, and before `.en.vtt`
        for name in sorted(names):
            if name.endswith(SUBTITLE_SUFFIXES):
                base = name.rpartition(".")[0]
                captions.setdefault(base, name)
                captions.setdefault(base.rpartition(".")[0], name)
        for name in sorted(names):
            if not name.endswith(INFO_SUFFIX):
                continue
            path = Path(place, name)
            stem = path.relative_to(folder).as_posix().removesuffix(INFO_SUFFIX)
            shown = stem.encode("utf-8", "backslashreplace").decode()
            try:
                if shown != stem.strip():
                    raise RecordError(WHOLE, "a name that no record can hold", repr(shown))
                info = _info(path.read_bytes(), shown)
                if info.kind == "playlist":  # of the search as a whole
                    continue
                video = next((stem + end for end in SUFFIXES if (video_dir / (stem + end)).is_file()), None)
                beside = captions.get(name.removesuffix(INFO_SUFFIX))
                said = subtitle_text(read_text(path.with_name(beside), None)) if beside else None
                has_captions = bool(said or info.automatic_captions or {*(info.subtitles or ())} - {LIVE_CHAT})
                terms = tuple(filter(None, (info.playlist, path.parent.name)))
                yield video or shown, Found(video, info, terms, said or "", has_captions)
            except RecordError as fault:
                yield shown, RecordError(fault.field, fault.reason, f"{shown}: {fault.detail}")


def _from_table(path: Path) -> Iterator[tuple[str, Found | RecordError]]:
    table = Table(path, None, None)
    if lacking := [name for name in NEEDED_COLUMNS if name not in table.header]:
        raise UserError(f"collection.metadata: '{path}' has no column {', '.join(lacking)}, but {table.header}")
    for line, row in table.records(lambda _: None):
        try:
            if isinstance(row, RecordError):
                raise row
            cells = {name: row[name].strip() for name in COLUMNS if row.get(name, "").strip()}
            info = _info(cells, str(path))
            captions = cells.get("captions", "")
            term = cells.get("search_term")
            found = Found(cells.get("video"), info, (term,) if term else (), captions, bool(captions), line)
            yield cells.get("video", ""), found
        except RecordError as fault:
            yield "", fault.located(str(path), line)


def _info(raw: bytes | dict[str, str], shown: str) -> Info:
    try:
        return Info.model_validate_json(raw) if isinstance(raw, bytes) else Info.model_validate(raw)
    except ValidationError as error:
        field, fault = first_fault(error)
        raise RecordError(field or WHOLE, "metadata that cannot be read", fault) from None
