"""SFT rows for LLaMA-Factory out of a raw VideoKR file: one JSON list, and its entry in dataset_info.json beside it."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_prep.outputs import json_list
from data_prep.source import Source, print_left_out
from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_message_row
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.outputs import written_aside


def prepare_sft(source: Source, output: Path, progress: bool = True) -> tuple[int, list[RecordError]]:
    """Writes `output` and enters it in the dataset_info.json beside it, under its own name without the suffix.

    Nothing is changed where this fails.

    Returns:
        The number of rows, and one fault for every record left out.

    Raises:
        UserError: nothing to read, nothing left to write, or no place to write.
        RecordError: see `Source.rows`.
    """
    info = output.parent / DATASET_INFO_FILE
    if output.resolve() in (source.annotations.resolve(), info.resolve()):
        raise UserError(f"--output '{output}' would overwrite what is read: give another name")
    entries = read_dataset_info(info)
    left_out: list[RecordError] = []
    count = 0

    def build(example: Example, videos: list[str]) -> dict[str, Any]:
        root = source.video_root
        own = videos if root is None else [os.path.relpath(video, root) for video in videos]
        return build_message_row(example, own)

    try:
        with json_list(output) as append:
            rows = source.rows(build, left_out)
            for row in tqdm(rows, desc="writing rows", unit="row", disable=None if progress else True):
                append(row)
                count += 1
            if not count:
                raise UserError(f"{source.annotations}: no record to train on ({len(left_out)} left out)")
        entries[output.stem] = build_dataset_entry(output.name)
        with written_aside(info) as aside:
            aside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"'{error.filename}' cannot be written: {error.strerror}") from None
    return count, left_out


def read_dataset_info(path: Path) -> dict[str, Any]:
    """The entries so far; none where the file is not there."""
    if not path.exists():
        return {}
    if not path.is_file():
        raise UserError(f"'{path}' is no file; move it away")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"'{path}' is not JSON: {error}; mend it or move it away") from None
    if not isinstance(entries, dict):
        raise UserError(f"'{path}' is not a JSON object; mend it or move it away")
    return entries


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="prepare_videokr_sft_data.py", description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, default=Path("data/raw/VideoKR-COT-201K.jsonl"),
                        help="raw file (default: %(default)s)")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("data/videokr_train.json"),
                        help="JSON file to write (default: %(default)s)")  # fmt: skip
    parser.add_argument("--video-prefix", "--video_prefix", default="", help="put before every video path")
    parser.add_argument("--max-samples", "--max_samples", type=positive, help="rows to write at most")
    parser.add_argument("--media-dir", "--media_dir", type=Path,
                        help="folder that the video paths start from; every video is looked for there")  # fmt: skip
    parser.add_argument("--skip-missing-video", "--skip_missing_video", action="store_true",
                        help="leave out records without their video (default folder: that of --output)")  # fmt: skip
    parser.add_argument("--skip-invalid", "--skip_invalid", action="store_true",
                        help="leave out records that cannot be read, and list them")  # fmt: skip
    args = parser.parse_args(argv)
    media_dir = args.media_dir or (args.output.parent if args.skip_missing_video else None)
    if media_dir is not None and not media_dir.is_dir():
        raise UserError(f"--media-dir '{media_dir}' is not there: give the folder that holds the videos")
    source = Source(
        annotations=args.input,
        video_root=media_dir,
        video_prefix=args.video_prefix,
        max_rows=args.max_samples,
        skip_missing_video=args.skip_missing_video,
        skip_invalid=args.skip_invalid,
    )
    count, left_out = prepare_sft(source, args.output)
    print_left_out(left_out)
    print(f"{args.output}: {count} rows, entered as '{args.output.stem}' in {DATASET_INFO_FILE} beside it")
    return 0
