"""SFT rows for LLaMA-Factory out of a raw VideoKR file: one JSON list, and its entry in dataset_info.json beside it."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from data_prep.outputs import written_aside
from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_message_row
from videokr.errors import RecordError, UserError
from videokr.example import VIDEO_FIELDS, Example, parse_example, read_records
from videokr.videos import resolve_video

MISSING_VIDEO = "video is not there"


@dataclass(frozen=True, slots=True)
class SftSource:
    """What to read, and what to do about records that cannot be used.

    Attributes:
        annotations: raw VideoKR file, JSONL or JSON.
        video_prefix: put before every video path.
        max_samples: rows to write at most; None for all.
        media_dir: folder the video paths start from; where given, every video must be there.
        skip_missing_video: leaves records out whose video is not below `media_dir`, instead of stopping.
        skip_invalid: leaves records out that cannot be read or have no rationale, instead of stopping.
    """

    annotations: Path
    video_prefix: str = ""
    max_samples: int | None = None
    media_dir: Path | None = None
    skip_missing_video: bool = False
    skip_invalid: bool = False


@dataclass(slots=True)
class SftReport:
    """
    Attributes:
        rows: how many were written.
        left_out: one fault for every record left out, in the order of the file.
    """

    rows: int = 0
    left_out: list[RecordError] = field(default_factory=list)

    def reasons(self) -> Counter[str]:
        return Counter(fault.reason for fault in self.left_out)


def find_videos(example: Example, source: SftSource) -> list[str]:
    """The video paths as the row gets them: prefixed and, where they are looked for, relative to `media_dir`.

    Raises:
        RecordError: a video is not there.
    """
    paths = [f"{source.video_prefix.rstrip('/')}/{v}" if source.video_prefix else v for v in example.videos]
    if source.media_dir is None:
        return paths
    root = source.media_dir.absolute()
    try:
        found = [resolve_video(path, root) for path in paths]
    except UserError as error:
        raise RecordError(VIDEO_FIELDS[0], MISSING_VIDEO, str(error)) from None
    return [str(path.relative_to(root)) for path in found]


def iterate_rows(source: SftSource, report: SftReport) -> Iterator[dict[str, Any]]:
    """Streams message rows and keeps the report.

    Raises:
        RecordError: a record cannot be used and is not to be left out; names file, line and field.
    """
    for line, record in read_records(source.annotations):
        if report.rows == source.max_samples:
            return
        try:
            if not isinstance(record, dict):
                raise RecordError("(record)", "not a JSON object", type(record).__name__)
            example = parse_example(record)
            row = build_message_row(example, find_videos(example, source))
        except RecordError as error:
            located = error.located(str(source.annotations), line)
            if not (source.skip_missing_video if error.reason == MISSING_VIDEO else source.skip_invalid):
                raise located from None
            report.left_out.append(located)
            continue
        report.rows += 1
        yield row


def write_rows(rows: Iterator[dict[str, Any]], out: TextIO) -> None:
    """One JSON list, one row a line; the same rows give the same bytes."""
    separator = "[\n"
    for row in rows:
        out.write(separator + json.dumps(row, ensure_ascii=False))
        separator = ",\n"
    out.write("\n]\n")


def prepare_sft(source: SftSource, output: Path, progress: bool = True) -> SftReport:
    """Writes `output` and enters it in the dataset_info.json beside it, under its own name without the suffix.

    Nothing is changed where this fails.

    Raises:
        UserError: nothing to read, nothing left to write, or no place to write.
        RecordError: see `iterate_rows`.
    """
    info = output.parent / DATASET_INFO_FILE
    entries = read_dataset_info(info)
    report = SftReport()
    rows = tqdm(iterate_rows(source, report), desc="writing rows", unit="row", disable=not progress)
    try:
        with written_aside(output) as aside, aside.open("w", encoding="utf-8") as out:
            write_rows(iter(rows), out)
            if not report.rows:
                raise UserError(f"{source.annotations}: no record to train on ({len(report.left_out)} left out)")
        entries[output.stem] = build_dataset_entry(output.name)
        with written_aside(info) as aside:
            aside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"'{error.filename}' cannot be written: {error.strerror}") from None
    return report


def read_dataset_info(path: Path) -> dict[str, Any]:
    """The entries so far; none where the file is not there."""
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
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
    parser.add_argument("--input", type=Path, required=True, help="VideoKR-COT-201K.jsonl or another raw file")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write, e.g. data/videokr_train.json")
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
    source = SftSource(
        annotations=args.input,
        video_prefix=args.video_prefix,
        max_samples=args.max_samples,
        media_dir=media_dir,
        skip_missing_video=args.skip_missing_video,
        skip_invalid=args.skip_invalid,
    )
    report = prepare_sft(source, args.output)
    for fault in report.left_out:
        print(f"left out: {fault}")
    for reason, number in report.reasons().most_common():
        print(f"left out {number}: {reason}")
    print(f"{args.output}: {report.rows} rows, entered as '{args.output.stem}' in {DATASET_INFO_FILE} beside it")
    return 0
