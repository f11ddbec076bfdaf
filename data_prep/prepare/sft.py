"""SFT rows for LLaMA-Factory out of a raw VideoKR file: one JSON list, and its entry in dataset_info.json beside it."""

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from data_prep.given_path import given_path
from data_prep.json_list import SEPARATOR, json_list
from data_prep.left_out import LeftOut
from data_prep.prepare.source import Source, add_flag, add_shared_flags, nearest_folder, positive, with_shared_flags
from data_prep.prepare.split import VideoGroups, hold_out, video_key
from llamafactory_plugin.rows import (
    DATASET_INFO_FILE,
    build_dataset_entry,
    build_dialogue_row,
    build_message_row,
    describe_row,
)
from videokr.budget import SFT_BUDGET
from videokr.errors import UserError
from videokr.example import Example
from videokr.outputs import JSON, atomic_write, require_suffix
from videokr.published import SFT_FILE
from videokr.response import WITHOUT_RATIONALE, WITHOUT_RATIONALE_NOTE
from videokr.video.look import shown_rounds

VALIDATION_SUFFIX = "_validation"


def prepare_sft(
    source: Source,
    output: Path,
    validation_rows: int = 0,
    seed: int = 42,
    together: Path | None = None,
    without_rationale: str | None = None,
    agentic: bool = False,
) -> tuple[dict[str, int], LeftOut]:
    """Writes `output` and enters it in the dataset_info.json beside it, under its own name without the suffix.

    Nothing is changed where this fails. The annotations are read once: where rows are held out, all go to a file
    aside, and from there, when the split is known, to their own.

    Args:
        validation_rows: so many rows at most, by whole videos, go to a file of their own (`NAME_validation.json`).
        together: names videos that are not to be split; see `split.read_together`.
        without_rationale: see `llamafactory_plugin.rows.build_turns`.
        agentic: see `llamafactory_plugin.rows.build_dialogue_row`.

    Returns:
        The number of rows by dataset, and what was left out.

    Raises:
        UserError: nothing to read, nothing left to write, or no place to write.
        RecordError: see `Source.use`.
    """
    require_suffix(output, JSON)
    info = output.parent / DATASET_INFO_FILE
    validation = output.with_name(f"{output.stem}{VALIDATION_SUFFIX}{output.suffix}")
    outputs = [output, validation] if validation_rows else [output]
    source.refuse_to_overwrite((*outputs, info, LeftOut.list_of(output)), together)
    read_dataset_info(info)  # which must not fail after all the work
    if together and not validation_rows:
        print(f"warning: --together '{together}' is about the split: there is none without --val-size", file=sys.stderr)
    left_out, groups = LeftOut(), VideoGroups.of(together)

    def build(example: Example, videos: list[str]) -> bytes:
        row = orjson.dumps(_build_row(source, without_rationale, agentic, example, videos))
        if validation_rows:  # after what may refuse the example
            groups.add_row([video_key(video) for video in example.videos])
        return row

    batches = source.use(build, left_out.add)
    counts = [0] * len(outputs)
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(desc="reading" if validation_rows else "writing", unit="row", disable=None))
        if validation_rows:
            all_rows = stack.enter_context(tempfile.TemporaryFile(dir=nearest_folder(output.parent)))
            for rows in batches:
                all_rows.writelines(row + b"\n" for row in rows)
                bar.update(len(rows))
            held_out = hold_out(groups, source.annotations, together, left_out, validation_rows, seed)
            all_rows.seek(0)
        # Entered first, and so left last: every file is whole before the first of them gets its name.
        last = stack.enter_context(ExitStack())
        asides = [stack.enter_context(atomic_write(path)) for path in outputs]
        appends = [stack.enter_context(json_list(aside)) for aside in asides]
        if validation_rows:
            for row, place in zip(all_rows, held_out, strict=True):
                appends[place](row[:-1])
                counts[place] += 1
        else:
            for rows in filter(None, batches):
                appends[0](SEPARATOR.join(rows))
                counts[0] += len(rows)
                bar.update(len(rows))
        if not counts[0]:
            left_out.refuse_nothing_left(source.annotations)
        # Read when no other process can be writing it: several may enter their datasets in one folder.
        info_aside = last.enter_context(atomic_write(info, waits=True))
        entries = read_dataset_info(info)
        former, described = entries.get(validation.stem), build_dataset_entry(validation.name)
        is_former = not validation_rows and isinstance(former, dict) and described.items() <= former.items()
        if is_former:  # rows of an earlier run, about videos that are trained on now
            del entries[validation.stem]
        for path in outputs:
            entries[path.stem] = build_dataset_entry(path.name, source.limit.max_tokens if source.limit else None)
        info_aside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    if is_former:
        validation.unlink(missing_ok=True)
        print(f"'{validation}' of an earlier run is removed: its videos are trained on now")
    return {path.stem: count for path, count in zip(outputs, counts, strict=True)}, left_out


def _build_row(
    source: Source, without: str | None, agentic: bool, example: Example, videos: list[str]
) -> dict[str, Any]:
    """One row, with its videos as the host finds them below the folder of the videos; in dialogues by whole paths."""
    root = source.video_root
    if agentic:  # the host would look for a file with the name of a part
        whole = [os.path.abspath(video) for video in videos]  # noqa: PTH100
        shown = example if root is None else shown_rounds(example, Path(whole[0]))
        return build_dialogue_row(shown, whole, without)
    own = videos if root is None else [os.path.relpath(video, root) for video in videos]
    return build_message_row(example, own, without)


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_flag(parser, "input", type=given_path, default=Path("data/raw") / SFT_FILE,
             help="raw file (default: %(default)s)")  # fmt: skip
    add_flag(parser, "output", type=given_path, default=Path("data/videokr_train.json"),
             help="JSON file to write (default: %(default)s)")  # fmt: skip
    add_flag(parser, "video-prefix", default="", help="put before every video path")
    add_flag(parser, "max-samples", type=positive, help="rows to write at most")
    add_flag(parser, "media-dir", type=given_path,
             help="folder that the video paths start from; every video is looked for there")  # fmt: skip
    add_flag(parser, "val-size", type=int, default=0,
             help="rows for validation, by whole videos (default: %(default)s)")  # fmt: skip
    add_flag(parser, "no-rationale", choices=WITHOUT_RATIONALE,
             help="what rows without a rationale are trained to say (default: they are a fault)")  # fmt: skip
    add_flag(parser, "agentic", action="store_true", help="dialogues that may look again: docs/dialogues.md")
    add_flag(parser, "seed", type=int, default=42, help="of the split (default: %(default)s)")
    add_shared_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Prepares SFT rows as a command line asks for."""
    media_dir = args.media_dir or (args.output.parent if args.skip_missing_video else None)
    if media_dir is not None and not media_dir.is_dir():
        raise UserError(f"--media-dir '{media_dir}' is not there: give the folder that holds the videos")
    source = Source(args.input, media_dir, args.video_prefix, args.max_samples)
    source = with_shared_flags(source, args, SFT_BUDGET, with_response=True)
    if args.no_rationale:
        print(f"rows without a rationale are trained as {args.no_rationale}: {WITHOUT_RATIONALE_NOTE}")
        if source.limit:
            source = replace(source, limit=replace(source.limit, without_rationale=args.no_rationale))
    given = args.no_rationale, args.agentic
    if args.dry_run:
        source.print_rows(lambda example, videos: describe_row(_build_row(source, *given, example, videos)))
        return 0
    counts, left_out = prepare_sft(source, args.output, validation_rows=args.val_size, seed=args.seed,
                                   together=args.together, without_rationale=args.no_rationale,
                                   agentic=args.agentic)  # fmt: skip
    left_out.report(args.output)
    for name, count in counts.items():
        path = args.output.with_stem(name)
        print(f"{path}: {count} rows, entered as '{name}' in {DATASET_INFO_FILE} beside it")
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="prepare_videokr_sft_data.py", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    return run(parser.parse_args(argv))
