"""`videokr import`: records of VideoKR's form out of own data, for check, lint, prepare, training and evaluation.

SOURCE is a table (.csv, .tsv, .txt) with a header, lines of Charades-STA, Parquet, JSON Lines, a JSON list or a JSON
object of rows by their keys (.jsonl, .json), or a folder of videos with a caption beside each: NAME.mp4 and NAME.txt,
NAME.srt or NAME.vtt (subtitles, joined without times). Columns are known by the published spellings in any case
(question, problem; options, choices, candidates or A, B, ... or option_a, ..., a0, a1, ...; answer, solution; video,
video_path, video_id; think, process; id; problem_type; subject, dataset, ...), lists of spans by `timestamp` and
`clue`, and conversations by `conversations` and `messages`; --column names any others, OUTER.INNER in nested objects.
Rows without an id get one of their video's name and their content; an id that comes twice is a fault. What cannot be a
record ends the import by file, line and field, or is left out, counted and listed with --skip-invalid.
"""

import argparse
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_prep.given_path import given_path
from data_prep.left_out import LeftOut
from videokr.errors import UserError
from videokr.option_columns import folded
from videokr.outputs import JSON, JSON_LINES, refuse_to_overwrite, require_suffix, write_json
from videokr.response import ANSWER_ONLY

DEFAULT_QUESTION = "Describe what happens in this video."
LIKE_A_RATIONALE = ("rationale", "reasoning", "explanation", "thinking", "cot")
MAX_SMALL_RECORDS = 5_000
MAX_SHOWN_COLUMNS = 20
VALIDATION_SHARE = 10  # of the records of a small file, one in so many; `prepare rl` holds 500 out by itself


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from data_prep.importing.cell import MISSING_OR_TEXT
    from data_prep.importing.columns import ANSWER_LISTS
    from data_prep.importing.record import ANSWER_FORMS

    parser.add_argument("source", type=given_path, metavar="SOURCE", help="table, JSON file, or folder of videos")
    parser.add_argument("--output", type=given_path, metavar="FILE", help=f"records to write ({JSON_LINES})")
    parser.add_argument("--videos", type=given_path, metavar="DIR",
                        help="folder that video paths start from, also in the records (default: SOURCE's)")  # fmt: skip
    parser.add_argument("--column", action="append", default=[], metavar="FIELD=COLUMN",
                        help="where a field stands (id, question, options, option_a, kind, rationale, answer, video, "
                        "subject, ...); several times; without COLUMN: nowhere")  # fmt: skip
    parser.add_argument("--answers", choices=ANSWER_FORMS, help="how answers name an option: from-0 and from-1 count "
                        "them (default: a letter or the option's text, whichever names one)")  # fmt: skip
    parser.add_argument("--answer-lists", choices=ANSWER_LISTS, help="what a list of several texts as the answer is: a "
                        "record each (a pair, of as many questions), or one text (default: a fault)")  # fmt: skip
    parser.add_argument("--join", type=given_path, metavar="FILE", help="a second file with more of each row: answers")
    parser.add_argument("--on", metavar="COLUMN", help="of --join: the column with the key (OWN=THEIRS: of two names)")
    parser.add_argument("--rows", metavar="COLUMN", help="whose list holds the rows: several questions of a video")
    parser.add_argument("--question", metavar="TEXT", help="of rows without one "
                        f"(default for captions: {DEFAULT_QUESTION!r}; else there is none)")  # fmt: skip
    parser.add_argument("--captions", action="append", default=[], metavar="ENDING",
                        help="of a folder: take captions with this ending (txt, en.vtt; default: any)")  # fmt: skip
    parser.add_argument("--none-cells", choices=MISSING_OR_TEXT,
                        help="what cells such as NaN, None, N/A are (default: they are a fault)")  # fmt: skip
    parser.add_argument("--encoding", metavar="NAME", help="of SOURCE without a byte order mark (default: utf-8)")
    parser.add_argument("--video-prefix", default="", metavar="PREFIX",
                        help="put before video names (v_; a folder and /)")  # fmt: skip
    parser.add_argument("--video-suffix", default="", metavar="SUFFIX",
                        help="put behind video names that have none (.mp4)")  # fmt: skip
    parser.add_argument("--follow-links", action="store_true", help="take files that are links to outside of --videos")
    parser.add_argument("--skip-invalid", action="store_true", help="leave out rows that cannot be records, list them")
    parser.add_argument("--skip-missing-video", action="store_true", help="leave out rows whose video is not there")
    parser.add_argument("--dry-run", action="store_true",
                        help="show the columns and the first ten records, and write nothing")  # fmt: skip
    parser.add_argument("--json", type=given_path, metavar="FILE", help="write the counts as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Writes the records, and prints what they are."""
    from data_prep.importing.caption_folder import CaptionFolder
    from data_prep.importing.columns import OPTIONS, listed, parse_columns
    from data_prep.importing.importer import Importer
    from data_prep.importing.record import RecordMaker, VideoFolder
    from data_prep.importing.source import FileSource, Joined

    _refuse_outputs(args)
    path: Path = args.source
    videos = args.videos or (path if path.is_dir() else path.parent)
    if not videos.is_dir():
        raise UserError(f"--videos '{videos}' is not there: give the folder that holds the videos")
    columns = parse_columns(args.column, args.none_cells, args.rows, args.answer_lists)
    if (args.join is None) != (args.on is None):
        raise UserError("--join FILE and --on COLUMN, which has the key of each row, go together")
    joined = Joined(args.join, args.on, args.encoding) if args.join else None
    source: FileSource | CaptionFolder
    if path.is_dir():
        if joined:
            raise UserError(f"--join is for files, and '{path}' is a folder")
        question = args.question or DEFAULT_QUESTION
        source = CaptionFolder(path, videos, args.captions, question, args.encoding, args.follow_links)
    else:
        if args.captions:
            raise UserError(f"--captions is for folders, which '{path}' is not")
        source = FileSource(path, args.encoding, columns, args.question is not None, joined)
    folder = VideoFolder(videos, args.video_prefix, args.video_suffix, args.follow_links)
    maker = RecordMaker(folder, args.answers, args.question, columns.named.get(OPTIONS) == ())
    importer = Importer(source, str(path), columns, maker, args.skip_invalid, args.skip_missing_video)
    left_out = importer.left_out
    if args.dry_run:
        records = importer.preview()
        print("\n".join(_column_lines(importer.report())))
        print(b"".join(records).decode(), end="")
        for reason, number in left_out.counts.most_common():
            print(f"left out {number} before the last of these: {reason}")
        if not records:
            raise UserError(f"{importer.no_record}; columns found: {listed(columns.found or columns.header) or 'none'}")
        return 0
    importer.write(args.output)
    report = importer.report()
    if args.json:
        write_json(args.json, report)
    print("\n".join(_column_lines(report)))
    if columns.split:
        print(f"{columns.split:,} conversations have several turns: each question is a record, without those before it")
    if maker.instructions:
        said = f"{maker.instructions:,} questions had an instruction after their options, which is dropped"
        print(f"{said}; the first: {maker.instruction[:80]!r}")
    if joined and (alone := len(joined.rows) - len(joined.found)):
        print(f"{alone:,} rows of --join '{args.join}' belong to no row")
    left_out.report(args.output)
    print(f"{args.output}: {report['records']:,} records of {report['videos']:,} videos")
    print("\n".join([*_kind_lines(report), *_next_lines(report, args.output, videos)]))
    return 0


def _column_lines(report: Mapping[str, Any]) -> list[str]:
    """Which column served what, and in how many rows."""
    lines = [f"read {report['source']}"]
    for name, places in report["columns"].items():
        shown = ", ".join(f"{place} ({number:,})" for place, number in places.items())
        lines.append(f"  {name:<10} from {shown}")
    if unused := list(report["not_used"]):
        more = f", and {len(unused) - MAX_SHOWN_COLUMNS} others" if len(unused) > MAX_SHOWN_COLUMNS else ""
        lines.append(f"  not used: {', '.join(unused[:MAX_SHOWN_COLUMNS])}{more}")
    if report["nothing_in"]:
        lines.append(f"  nothing in: {', '.join(report['nothing_in'])} (of --column)")
    return lines


def _kind_lines(report: Mapping[str, Any]) -> list[str]:
    lines = [f"  {kind:<24} {number:>9,}" for kind, number in report["kinds"].items()]
    lines.append(f"  {'with a rationale':<24} {report['with_rationale']:>9,}")
    if without := report["without_rationale"]:
        lines.append(f"  {'without a rationale':<24} {without:>9,}   for RL and evaluation; SFT: --no-rationale")
        if hint := next((name for name in report["not_used"] if folded(name) in LIKE_A_RATIONALE), None):
            flag = shlex.quote(f"rationale={hint}")
            lines.append(f"  column {hint!r} is not used: if it is the rationale, --column {flag}")
    return lines


def _next_lines(report: Mapping[str, Any], output: Path, videos: Path) -> list[str]:
    """The commands that serve the records from here on."""
    records, manifest = report["records"], videos / "manifest.parquet"  # where check puts it
    records_a_video = -(-records // max(1, report["videos"]))  # whole videos are held out
    val_size = ["--val-size", max(records_a_video, records // VALIDATION_SHARE)] if records < MAX_SMALL_RECORDS else []
    if not report["with_rationale"]:
        without = ["--no-rationale", ANSWER_ONLY]
    else:
        without = ["--skip-invalid"] if report["without_rationale"] else []
    agentic = ["--agentic"] if report["with_rounds"] else []
    commands: list[Iterable[object]] = [
        ["videokr", "check", "--data", output, "--videos", videos],
        ["videokr", "prepare", "rl", *agentic, "--input-json", output, "--video-base-dir", videos,
         "--manifest", manifest, "--output-dir", output.with_name(f"{output.stem}_rl"), *val_size],
        ["videokr", "prepare", "sft", *agentic, "--input", output, "--media-dir", videos, "--manifest", manifest,
         "--output", output.with_name(f"{output.stem}_sft.json"), *without],
    ]  # fmt: skip
    return ["next:", *(f"  {shlex.join(map(str, command))}" for command in commands)]


def _refuse_outputs(args: argparse.Namespace) -> None:
    if args.question is not None and not args.question.strip():
        raise UserError("--question is empty: give the text of a question")
    if args.dry_run:
        return
    if args.output is None:
        raise UserError("--output is missing: give the file to write, or look first with --dry-run")
    require_suffix(args.output, JSON_LINES)
    refuse_to_overwrite([args.output, LeftOut.list_of(args.output), args.json], [args.source, args.join])
    require_suffix(args.json, JSON)
