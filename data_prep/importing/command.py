"""`videokr import`: records of VideoKR's form out of own data, for check, lint, prepare, training and evaluation.

SOURCE is a table (.csv, .tsv, .txt) with a header, JSON Lines or a JSON list (.jsonl, .json), or a folder of videos
with a caption beside each: NAME.mp4 and NAME.txt, NAME.srt, NAME.vtt (subtitles, joined without times) or NAME.json
(fields of records). Columns are known by the published spellings in any case (question, options, choices, candidates or
A, B, ... or option_a, ...; answer, solution; video, video_path; think; id; problem_type; subject, dataset, ...);
--column names any others. Rows without an id get one of their video's name and their content; an id that comes twice is
a fault. What cannot be a record ends the import by file, line and field, or is left out, counted and listed with
--skip-invalid.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.left_out import LeftOut
from videokr.errors import UserError
from videokr.given_path import given_path
from videokr.outputs import JSON, JSON_LINES, refuse_to_overwrite, require_suffix, written_aside

if TYPE_CHECKING:
    from data_prep.importing.columns import Columns
    from data_prep.importing.row import Source

DEFAULT_QUESTION = "Describe what happens in this video."
TABLE_SUFFIXES, JSON_SUFFIXES = (".csv", ".tsv", ".tab", ".txt"), (".jsonl", ".ndjson", ".json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from data_prep.importing.answer import FORMS
    from data_prep.importing.columns import MISSING_OR_TEXT

    parser.add_argument("source", type=given_path, metavar="SOURCE", help="table, JSON file, or folder of videos")
    parser.add_argument("--output", type=given_path, metavar="FILE", help=f"records to write ({JSON_LINES})")
    parser.add_argument("--videos", type=given_path, metavar="DIR",
                        help="folder that video paths start from, also in the records (default: SOURCE's)")  # fmt: skip
    parser.add_argument("--column", action="append", default=[], metavar="FIELD=COLUMN",
                        help="where a field stands (id, question, options, option_a, kind, rationale, answer, video, "
                        "subject, ...); several times; without COLUMN: nowhere")  # fmt: skip
    parser.add_argument("--answers", choices=FORMS, help="how answers name an option: from-0 and from-1 count them "
                        "(default: a letter or the option's text, whichever names one)")  # fmt: skip
    parser.add_argument("--question", metavar="TEXT", help="of rows without one "
                        f"(default for captions: {DEFAULT_QUESTION!r}; else there is none)")  # fmt: skip
    parser.add_argument("--captions", action="append", default=[], metavar="ENDING",
                        help="of a folder: take captions with this ending (txt, en.vtt; default: any)")  # fmt: skip
    parser.add_argument("--none-cells", choices=MISSING_OR_TEXT,
                        help="what cells such as NaN, None, N/A are (default: they are a fault)")  # fmt: skip
    parser.add_argument("--encoding", metavar="NAME", help="of SOURCE without a byte order mark (default: utf-8)")
    parser.add_argument("--video-suffix", default="", metavar="SUFFIX",
                        help="put behind video names that have none (.mp4)")  # fmt: skip
    parser.add_argument("--follow-links", action="store_true", help="take files that are links to outside of --videos")
    parser.add_argument("--skip-invalid", action="store_true", help="leave out rows that cannot be records, list them")
    parser.add_argument("--skip-missing-video", action="store_true", help="leave out rows whose video is not there")
    parser.add_argument("--dry-run", action="store_true",
                        help="show the columns and the first ten records, and write nothing")  # fmt: skip
    parser.add_argument("--json", type=given_path, metavar="FILE", help="write the counts as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Writes the records, and prints what they are.

    Raises:
        UserError: a file is not there, would be overwritten, or holds what cannot be a record.
    """
    from data_prep.importing.columns import parse_columns
    from data_prep.importing.importer import Importer
    from data_prep.importing.importing import Import
    from data_prep.importing.summary import column_lines, count_lines, next_lines
    from data_prep.importing.video_folder import VideoFolder

    _refuse_outputs(args)
    videos = args.videos or (args.source if args.source.is_dir() else args.source.parent)
    if not videos.is_dir():
        raise UserError(f"--videos '{videos}' is not there: give the folder that holds the videos")
    columns = parse_columns(args.column, args.none_cells)
    source = _source(args, columns, videos)
    importer = Importer(VideoFolder(videos, args.video_suffix, args.follow_links), args.answers, args.question)
    left_out = LeftOut()
    work = Import(source, str(args.source), importer, args.skip_invalid, args.skip_missing_video, left_out)
    if args.dry_run:
        summary, lines = work.preview()
        print("\n".join(column_lines(summary.as_json(source.describe(), columns, left_out.counts))))
        for line in lines:
            print(line.decode(), end="")
        for reason, number in left_out.counts.most_common():
            print(f"left out {number} before the last of these: {reason}")
        return 0
    summary = work.write(args.output)
    report = summary.as_json(source.describe(), columns, left_out.counts)
    if args.json:
        with written_aside(args.json) as aside:
            aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print("\n".join(column_lines(report)))
    left_out.report(args.output)
    print("\n".join([f"{args.output}: {count_lines(report)[0]}", *count_lines(report)[1:]]))
    print("\n".join(next_lines(report, args.output, videos)))
    return 0


def _source(args: argparse.Namespace, columns: "Columns", videos: Path) -> "Source":
    from data_prep.importing.caption_folder import CaptionFolder
    from data_prep.importing.json_file import JsonFile
    from data_prep.importing.table import Table

    path: Path = args.source
    if path.is_dir():
        question = args.question or DEFAULT_QUESTION
        return CaptionFolder(path, videos, columns, args.captions, question, args.encoding, args.follow_links)
    if args.captions:
        raise UserError(f"--captions is for folders, which '{path}' is not")
    if not path.is_file():
        raise UserError(f"'{path}' is not there: give a table, a JSON file or a folder")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return Table(path, columns, args.encoding, has_question=args.question is not None)
    if path.suffix.lower() in JSON_SUFFIXES:
        return JsonFile(path, columns, args.encoding)
    known = ", ".join((*TABLE_SUFFIXES, *JSON_SUFFIXES))
    raise UserError(f"'{path}' is none of {known}: name it by what it holds (spreadsheets save as CSV)")


def _refuse_outputs(args: argparse.Namespace) -> None:
    if args.question is not None and not args.question.strip():
        raise UserError("--question is empty: give the text of a question")
    if args.dry_run:
        return
    if args.output is None:
        raise UserError("--output is missing: give the file to write, or look first with --dry-run")
    require_suffix(args.output, JSON_LINES)
    refuse_to_overwrite([args.output, LeftOut.list_of(args.output), args.json], [args.source])
    require_suffix(args.json, JSON)
    source = args.source.resolve()
    if args.json and source.is_dir() and args.json.resolve().is_relative_to(source):
        raise UserError(f"--json '{args.json}' would lie among the captions that are read: give another folder")
