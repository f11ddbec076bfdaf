"""The benchmark's files: where they lie, and its records as rows of one shape."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from videokr.errors import RecordError, UserError
from videokr.example import Example, parse_example, to_record
from videokr.fields import VIDEO_FIELDS
from videokr.jsonl import read_records
from videokr.outputs import atomic_write
from videokr.published import EVAL_DATASET, EVAL_FILE
from videokr.video.paths import resolve_video


def root_from_env(environment: Mapping[str, str]) -> Path:
    """The folder with the annotation file and the videos: VIDEOKR_EVAL_ROOT, else the downloaded VIDEOKR_EVAL_REPO.

    Raises:
        UserError: the folder is not there, or the repository cannot be downloaded.
    """
    given = environment.get("VIDEOKR_EVAL_ROOT", "").strip()
    if given:
        root = Path(given).expanduser().absolute()
        if not root.is_dir():
            raise UserError(f"VIDEOKR_EVAL_ROOT='{given}' is not a folder: give the one that holds {EVAL_FILE}")
        return root
    from huggingface_hub import snapshot_download  # only runs that download pay for it
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repo = environment.get("VIDEOKR_EVAL_REPO", "").strip() or EVAL_DATASET
    try:
        return Path(snapshot_download(repo, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"dataset '{repo}' cannot be downloaded ({type(error).__name__}: {reason}); "
            f"set VIDEOKR_EVAL_ROOT to a folder with {EVAL_FILE} and the videos"
        ) from None


def annotations_from_env(environment: Mapping[str, str]) -> str:
    """The annotation file's name below the root, or its path: VIDEOKR_EVAL_FILE, else the published one's."""
    return environment.get("VIDEOKR_EVAL_FILE", "").strip() or EVAL_FILE


def read_benchmark(root: Path, limit: int | None = None, annotations: str = EVAL_FILE) -> list[Example]:
    """Reads the annotation file below `root`; see `read_rows`.

    Raises:
        UserError: also where the annotation file is not there or is not JSON.
    """
    path = root / annotations
    return read_rows(read_records(path), root, str(path), limit)


def read_rows(records: Iterable[tuple[int, Any]], root: Path, source: str, limit: int | None = None) -> list[Example]:
    """Reads every record and finds its videos.

    Args:
        records: with their line, counted from 1.
        root: the folder of `root_from_env`.
        source: the file's name for messages.
        limit: how many records are going to be asked; the rest is read, but its videos are not looked for.

    Returns:
        The examples; where looked for, their video paths are absolute.

    Raises:
        RecordError: a record that cannot be read, or whose video is not there; names file, line and field.
        UserError: there are no records.
    """
    examples: list[Example] = []
    for line, record in records:
        examples.append(_read(record, root, source, line, look=limit is None or len(examples) < limit))
    if not examples:
        raise UserError(f"annotation file '{source}' holds no records")
    return examples


def write_rows(examples: Sequence[Example], path: Path) -> None:
    """Writes the rows as JSONL, aside first, so that no half-written file is ever there."""
    write_text(path, "".join(json.dumps(to_record(example), ensure_ascii=False) + "\n" for example in examples))


def write_text(path: Path, text: str) -> None:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _read(record: Any, root: Path, source: str, line: int, look: bool) -> Example:
    try:
        if not isinstance(record, dict):
            raise RecordError("(record)", "not a JSON object", type(record).__name__)
        example = parse_example(record)
        if not look:
            return example
        try:
            videos = tuple(str(resolve_video(video, root)) for video in example.videos)
        except UserError as error:
            field = next(name for name in VIDEO_FIELDS if record.get(name))
            raise RecordError(field, "no such video", str(error)) from None
    except RecordError as error:
        raise error.located(source, line) from None
    return replace(example, videos=videos)
