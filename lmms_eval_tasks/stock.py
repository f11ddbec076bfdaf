"""Datasets of lmms-eval's own tasks: their rows as rows of ours, and where their videos lie."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.errors import RecordError, UserError
from videokr.example import Example, parse_example, to_record
from videokr.options import LETTERS
from videokr.response import Kind

if TYPE_CHECKING:
    from datasets import Dataset

# A row's columns, and under CONFIG the name of its dataset's configuration: MVBench's subtask, VideoMMMU's track.
Row = Mapping[str, Any]
CONFIG = "(configuration)"

_ENDINGS = (".mp4", ".MP4", ".mkv")  # the host's archives hold all three, its rows name the first


def process_docs(
    dataset: str,
    folder: str,
    read_row: Callable[[Row], dict[str, Any]],
    finish: Callable[[list[Example], Iterable[Row], Path], list[Example]] | None = None,
) -> Callable[["Dataset"], "Dataset"]:
    """A task's `process_docs`.

    Args:
        dataset: its name on the hub, for messages.
        folder: of its videos, below HF_HOME: where lmms-eval unpacks them for its own task.
        read_row: a row as a record in the published field names, multiple choice where it says no kind; the path of
            its video is below `folder`.
        finish: makes of all examples, their rows and the folder of the videos what is asked.
    """

    def process(rows: "Dataset") -> "Dataset":
        from datasets import Dataset, Image

        columns = [name for name, kind in rows.features.items() if not isinstance(kind, Image)]  # decoded for nobody
        rows = rows.select_columns(columns)
        given = ({CONFIG: rows.config_name, **row} for row in rows)
        root = video_root(os.environ, folder)
        examples = read_rows(given, columns, dataset, read_row, root)
        examples = finish(examples, rows, root) if finish else examples
        return Dataset.from_list([to_record(example) for example in examples])

    return process


def read_rows(
    rows: Iterable[Row],
    columns: Sequence[str],
    dataset: str,
    read_row: Callable[[Row], dict[str, Any]],
    root: Path,
) -> list[Example]:
    """The rows as examples with absolute video paths, there or not, and ids of which no two are the same.

    Raises:
        UserError: a column is missing, or there are no rows.
        RecordError: a row cannot be read; names dataset, row and field.
    """
    examples: list[Example] = []
    ids: set[str] = set()
    for number, row in enumerate(rows, start=1):
        try:
            example = parse_example({"problem_type": Kind.MULTIPLE_CHOICE.value} | read_row(row))
            videos = tuple(str(place_video(video, root)) for video in example.videos)
        except KeyError as error:
            raise UserError(
                f"dataset '{dataset}' has no column '{error.args[0]}'; it has: {', '.join(columns)}"
            ) from None
        except RecordError as error:
            raise error.located(dataset, number) from None
        examples.append(replace(example, id=_free_id(example.id, ids), videos=videos))
    if not examples:
        raise UserError(f"dataset '{dataset}' holds no rows")
    return examples


def video_root(environment: Mapping[str, str], folder: str) -> Path:
    """A folder below HF_HOME."""
    home = environment.get("HF_HOME", "").strip() or "~/.cache/huggingface"
    return Path(os.path.normpath(Path(home).expanduser().absolute() / folder))


def place_video(path: str, root: Path) -> Path:
    """Where a video lies: under another of its endings, if it is there under that alone.

    Raises:
        RecordError: outside of `root`.
    """
    video = Path(os.path.normpath(root / path))
    if not video.is_relative_to(root):
        raise RecordError("video_path", "lies outside of its folder", f"'{path}' of '{root}'")
    return next((spelling for spelling in video_spellings(video) if is_there(spelling)), video)


def video_spellings(video: Path) -> list[Path]:
    """The names that are looked for, the video's own first."""
    return [video.with_suffix(ending) for ending in _ENDINGS] if video.suffix == _ENDINGS[0] else [video]


def is_there(video: Path) -> bool:
    return os.path.isfile(video)  # noqa: PTH113  (unlike Path's, answers False for a name that no disk can hold)


def by_letter(options: Sequence[Any]) -> dict[str, Any]:
    """Options in their order, with letters: a label that stands in some of the texts is then no letter."""
    return dict(zip(LETTERS, options, strict=False))


def _free_id(name: str, taken: set[str]) -> str:
    """The name, with a number after it where it is not the first of its kind."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    taken.add(free)
    return free
