"""VideoKR-Eval's files: where they lie, and their records as examples."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.errors import RecordError, UserError
from videokr.example import VIDEO_FIELDS, Example, parse_example, to_record
from videokr.jsonl import read_records
from videokr.published import EVAL_DATASET, EVAL_FILE
from videokr.video.paths import MissingVideoError, resolve_video

if TYPE_CHECKING:
    from datasets import Dataset
# Settings of a generation that the model classes know; `until` is not used: the end of the turn ends a response.
SAMPLING_NAMES = ("top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed")
GENERATION_NAMES = ("max_new_tokens", "do_sample", "temperature", "until", *SAMPLING_NAMES)


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


def read_benchmark(
    root: Path, limit: int | None = None, annotations: str = EVAL_FILE
) -> tuple[list[Example], dict[str, str]]:
    """Reads the annotation file below `root`; see `read_rows`.

    Raises:
        UserError: also where the annotation file is not there or is not JSON.
    """
    path = root / annotations
    return read_rows(read_records(path), root, str(path), limit)


def process_docs(records: "Dataset") -> "Dataset":
    """The hub's records as rows of one shape, their videos found.

    The launcher has done this already and evaluates what it wrote; this serves plain lmms-eval.
    """
    from datasets import Dataset

    examples, _ = read_rows(enumerate(records, start=1), root_from_env(os.environ), source=EVAL_FILE)
    return Dataset.from_list([to_record(example) for example in examples])


def read_rows(
    records: Iterable[tuple[int, Any]], root: Path, source: str, limit: int | None = None
) -> tuple[list[Example], dict[str, str]]:
    """Reads every record and finds its videos.

    Args:
        records: with their line, counted from 1.
        root: the folder of `root_from_env`.
        source: the file's name for messages.
        limit: how many records are going to be asked; the rest is read, but its videos are not looked for.

    Returns:
        The examples; where looked for, their video paths are absolute. And by path the videos that are not there, as
        they were given, with the places that were tried.

    Raises:
        RecordError: a record that cannot be read, or whose video lies outside of `root`; names file, line and field.
        UserError: there are no records.
    """
    examples: list[Example] = []
    missing: dict[str, str] = {}
    for line, record in records:
        try:
            example = _parse(record)
            if limit is None or len(examples) < limit:
                example = replace(example, videos=_find_videos(example, record, root, missing))
        except RecordError as error:
            raise error.located(source, line) from None
        examples.append(example)
    if not examples:
        raise UserError(f"annotation file '{source}' holds no records")
    return examples, missing


def _parse(record: Any) -> Example:
    if not isinstance(record, dict):
        raise RecordError("(record)", "not a JSON object", type(record).__name__)
    return parse_example(record)


def _find_videos(example: Example, record: Mapping[str, Any], root: Path, missing: dict[str, str]) -> tuple[str, ...]:
    places = []
    for video in example.videos:
        try:
            places.append(str(resolve_video(video, root)))
        except MissingVideoError as error:
            given, tried = error.args
            places.append(str(root / given))
            missing[places[-1]] = f"'{given}' (tried {tried})"
        except UserError as error:
            field = next(name for name in VIDEO_FIELDS if record.get(name))
            raise RecordError(field, "no such video", str(error)) from None
    return tuple(places)
