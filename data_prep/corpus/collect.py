"""Videos that somebody found by the search terms of the bank: taken by what their metadata say, without a model."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from tqdm import tqdm

from data_prep.corpus.bank import Bank, same_name
from data_prep.corpus.metadata import Found, Info, found_in
from data_prep.corpus.provenance import PROVENANCE, origins_of
from data_prep.corpus.settings import Collection, Corpus, first_fault
from data_prep.corpus.shards import WHOLE, of_shard, output_of, source_of
from data_prep.corpus.videos import LICENSE, SOURCE, SOURCE_URL
from data_prep.left_out import LeftOut
from videokr.errors import RecordError, UserError
from videokr.jsonl import LINE, read_records
from videokr.outputs import atomic_write
from videokr.video.paths import plain_path, resolve_video

NAME = "collected"
MAX_CHARACTERS = 1_000  # that are kept of a description, and of captions
VIDEO = "video"
ADDRESSES = ("https://", "http://")  # what else is written as one is kept out of cards and pages


class Point(BaseModel):
    """A record of the bank."""

    discipline: str
    knowledge_point: str
    scenarios: list[str]
    search_terms: list[str]
    provenance: dict[str, Any] = {}


def collect(corpus: Corpus, shard: tuple[int, int], bank: Path | None) -> None:
    """Writes the videos that are of use, each with the knowledge point that it was searched for.

    Args:
        bank: its records; None: what the step before has written.

    Raises:
        UserError: a setting or a file is missing, or no video is of use.
    """
    settings = corpus.collection
    if settings is None:
        raise UserError("corpus.yaml has no `collection`: name its `metadata` and `licenses`")
    points = _read_points(source_of(corpus, Bank.step, Bank.name, WHOLE, bank))
    output = output_of(corpus, NAME, shard)
    left_out, seen, kept = LeftOut(), set[str](), 0
    with atomic_write(output) as aside, aside.open("wb") as out:
        for name, found in tqdm(found_in(settings.metadata, corpus.video_dir), desc="collect", disable=None):
            try:
                if isinstance(found, RecordError):
                    raise found
                record = _record(name, found, points, settings, corpus.video_dir)
                _take_once(record[VIDEO], found.info, seen)
            except RecordError as fault:
                if of_shard(name, shard):
                    line = found.line if isinstance(found, Found) else fault.line
                    left_out.add(fault.located(str(settings.metadata), line) if line else fault)
            else:
                if of_shard(record[VIDEO], shard):
                    out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                    kept += 1
        left_out.report(output)
        if not kept:
            output.unlink(missing_ok=True)  # of an earlier run
            left_out.refuse_nothing_left(settings.metadata)
    print(f"{output}: {kept} videos")


def _read_points(bank: Path) -> dict[str, tuple[Point, str]]:
    """The knowledge point and the scenario of each search term; of a term that several have, the first."""
    points: dict[str, tuple[Point, str]] = {}
    for line, record in read_records(bank):
        try:
            point = Point.model_validate(record)
            origins_of(record)
            for scenario, term in zip(point.scenarios, point.search_terms, strict=True):
                points.setdefault(same_name(term), (point, scenario))
        except ValidationError as error:
            field, fault = first_fault(error)
            raise RecordError(field or LINE, "no knowledge point", fault, str(bank), line) from None
        except ValueError:
            raise RecordError("search_terms", "not as many as scenarios", "", str(bank), line) from None
    return points


def _record(
    name: str, found: Found, points: Mapping[str, tuple[Point, str]], settings: Collection, video_dir: Path
) -> dict[str, Any]:
    """The line of a video; RecordError says why it is of no use."""
    info = found.info
    shown = f"{name}, {info.title!r}"
    term = next((term for term in found.search_terms if same_name(term) in points), None)
    if term is None:
        terms = " or ".join(map(repr, found.search_terms))
        raise RecordError("search_term", "found by no search term of the bank", f"{shown}: {terms or 'none is said'}")
    if not info.license:
        raise RecordError(LICENSE, "no licence", shown)
    if same_name(info.license) not in map(same_name, settings.licenses):
        raise RecordError(LICENSE, "a licence that is not in `licenses`", f"{shown}: {info.license!r}")
    if not found.has_captions:
        raise RecordError("captions", "no captions", shown)
    if info.duration is None or not 0 < info.duration < math.inf:
        raise RecordError("duration", "no duration", shown)
    if info.duration > 60 * settings.max_minutes:
        raise RecordError("duration", f"longer than {settings.max_minutes:g} minutes", f"{shown}: {info.duration:g} s")
    if found.video is None:
        raise RecordError(VIDEO, "no such file in video_dir", shown)
    try:
        resolve_video(found.video, video_dir)
    except UserError as error:
        raise RecordError(VIDEO, "no such file in video_dir", str(error)) from None
    point, scenario = points[same_name(term)]
    return {
        VIDEO: plain_path(found.video),
        "discipline": point.discipline,
        "knowledge_point": point.knowledge_point,
        "scenario": scenario,
        "search_term": term,
        "title": info.title or "",
        "description": (info.description or "")[:MAX_CHARACTERS],
        "captions": found.captions[:MAX_CHARACTERS],
        LICENSE: info.license,
        SOURCE: info.extractor_key or "",
        SOURCE_URL: info.webpage_url if (info.webpage_url or "").startswith(ADDRESSES) else "",
        PROVENANCE: point.provenance,
    }


def _take_once(video: str, info: Info, seen: set[str]) -> None:
    """Raises RecordError where a video was taken before: its file, or the same at its source."""
    names = {video, *([f"{info.extractor_key}:{info.id}"] if info.id else [])}
    if names & seen:
        raise RecordError(VIDEO, "taken already", f"{video}, {info.webpage_url or info.id}")
    seen |= names
