"""The RL annotation file as verl's train and validation parquet files."""

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import orjson
from tqdm import tqdm

from data_prep.given_path import given_path
from data_prep.json_list import json_list
from data_prep.left_out import LeftOut
from data_prep.prepare.source import (
    ALL,
    Source,
    add_flag,
    add_shared_flags,
    count_or_all,
    nearest_folder,
    with_shared_flags,
)
from data_prep.prepare.split import TRAIN, VALIDATION, VideoGroups, hold_out, video_key
from verl_plugin.rows import build_row, describe_row, placed_rows, row_schema
from videokr.budget import RL_BUDGET
from videokr.errors import UserError
from videokr.example import Example
from videokr.outputs import atomic_write
from videokr.published import RL_FILE, TRAIN_DATASET

FULL_JSON = "videokr_rlhf_full.json"


def annotation_file(dataset_name: str, data_file: str) -> Path:
    """The file on this disk: from a local dataset folder, else from the hub.

    Raises:
        UserError: neither has it.
    """
    local = Path(dataset_name) / data_file
    if local.is_file():
        return local
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(dataset_name, data_file, repo_type="dataset"))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"'{data_file}' of '{dataset_name}' cannot be fetched ({reason}); give a local file with --input-json"
        ) from None


def run(args: argparse.Namespace) -> int:
    """Writes train.parquet and test.parquet (and the JSON, if asked for).

    The annotations are read once: all rows go to a file aside, and from there, when the splits are known, to their
    own; no more than a batch of either is held.
    """
    import pyarrow as pa

    if args.train_size == 0:
        raise UserError("--train-size 0 leaves no row for training, and verl needs one")
    annotations = args.input_json or annotation_file(args.dataset_name, args.data_file)
    budget = {name: value for name in asdict(RL_BUDGET) if (value := getattr(args, name)) is not None}
    most = None if args.max_samples == ALL else args.max_samples
    source = Source(annotations, args.video_base_dir or Path(), max_rows=most)
    source = with_shared_flags(source, args, replace(RL_BUDGET, **budget), with_response=False)

    def build(example: Example, videos: list[str]) -> dict[str, Any]:
        """One row that is in no split yet."""
        paths = [Path(video).as_uri() for video in videos] if args.use_file_uri else videos
        return build_row(example, paths, "", 0, budget, args.agentic)

    if args.dry_run:
        source.print_rows(lambda example, videos: describe_row(build(example, videos)))
        return 0
    outputs = {split: args.output_dir / f"{split}.parquet" for split in (TRAIN, VALIDATION)}
    full = args.output_dir / FULL_JSON
    listed = args.output_dir / "rows"  # what is left out, under this name
    source.refuse_to_overwrite((*outputs.values(), full, LeftOut.list_of(listed)), args.together)
    pa.set_memory_pool(pa.system_memory_pool())  # the others keep what was freed: 60 MiB at 114,000 rows
    left_out, groups = LeftOut(), VideoGroups.of(args.together)
    schema, options = row_schema(budget), pa.ipc.IpcWriteOptions(compression="lz4")
    with tempfile.TemporaryFile(dir=nearest_folder(args.output_dir)) as aside:
        with (
            pa.ipc.new_file(aside, schema, options=options) as rows,
            tqdm(desc="reading", unit="row", disable=None) as bar,
        ):
            for batch in source.use(build, left_out.add):
                rows.write_table(pa.Table.from_pylist(batch, schema=schema))
                for row in batch:
                    groups.add_row([video_key(video) for video in row["extra_info"]["source_path"]])
                bar.update(len(batch))
        held_out = hold_out(groups, annotations, args.together, left_out, args.val_size, args.seed)
        train_rows = len(held_out) if args.train_size == ALL else args.train_size
        counts = _write_splits(aside, held_out, outputs, train_rows, full if args.save_json else None)
    if not args.save_json and full.is_file():
        full.unlink()
        print(f"'{full}' of an earlier run is removed: the files beside it have other rows now")
    left_out.report(listed)
    print(f"train_size={counts[TRAIN]}\ntest_size={counts[VALIDATION]}")
    print(f"train_output={outputs[TRAIN]}\ntest_output={outputs[VALIDATION]}")
    return 0


def _write_splits(
    aside: IO[bytes], held_out: Sequence[bool], outputs: Mapping[str, Path], train_rows: int, full: Path | None
) -> Counter[str]:
    """Writes each split's rows in the order of the file, `train_rows` at most for training."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    aside.seek(0)
    with ExitStack() as stack:
        rows = stack.enter_context(pa.ipc.open_file(aside))
        # Entered first, and so left last: every file is whole before the first of them gets its name.
        asides = {split: stack.enter_context(atomic_write(output)) for split, output in outputs.items()}
        for unwritten in asides.values():
            unwritten.open("wb").close()  # whose error names the file, unlike pyarrow's
        full_aside = stack.enter_context(atomic_write(full)) if full else None
        append = stack.enter_context(json_list(full_aside)) if full_aside else None
        writers = {split: stack.enter_context(pq.ParquetWriter(aside, rows.schema)) for split, aside in asides.items()}
        bar = stack.enter_context(tqdm(desc="writing", unit="row", disable=None, total=len(held_out)))
        first = 0
        for number in range(rows.num_record_batches):
            batch = pa.Table.from_batches([rows.get_batch(number)])
            held = held_out[first : first + len(batch)]
            first += len(batch)
            for split in writers:
                own = batch.filter(pa.array([row == (split == VALIDATION) for row in held], pa.bool_()))
                if split == TRAIN:
                    own = own.slice(0, train_rows - counts[TRAIN])
                own = placed_rows(own, split, counts[split])
                counts[split] += len(own)
                writers[split].write_table(own)
                if append:
                    for row in own.to_pylist():
                        append(orjson.dumps(row))
            bar.update(len(batch))
    return counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_flag(
        parser,
        "dataset-name",
        default=TRAIN_DATASET,
        help="dataset on the hub, or a local folder like it",
    )
    add_flag(parser, "data-file", default=RL_FILE, help="annotation file in the dataset")
    add_flag(parser, "input-json", type=given_path, help="local JSON or JSONL file, instead of the dataset")
    add_flag(
        parser, "video-base-dir", type=given_path, help="folder that holds the videos (default: the working folder)"
    )
    add_flag(parser, "output-dir", type=given_path, default=Path("data/videokr_rl"))
    add_flag(parser, "train-size", type=count_or_all, default=ALL, help=f"rows for training; {ALL}: all")
    add_flag(parser, "val-size", type=int, default=500, help="rows for validation, by whole videos")
    add_flag(parser, "max-samples", type=count_or_all, default=ALL, help=f"use the first N rows; {ALL}: all")
    add_flag(parser, "seed", type=int, default=42)
    for name, value in asdict(RL_BUDGET).items():
        run = f"fix {name} in the rows; left out, the run decides ({value})"
        add_flag(parser, name.replace("_", "-"), type=type(value), help=run)
    add_flag(parser, "use-file-uri", action="store_true", help="write videos as file:// addresses")
    add_flag(parser, "agentic", action="store_true", help="the model may look again: docs/dialogues.md")
    add_flag(parser, "save-json", action="store_true", help=f"write all rows to {FULL_JSON} as well")
    add_shared_flags(parser)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="prepare_videokr_rl_data.py", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    return run(parser.parse_args(argv))
