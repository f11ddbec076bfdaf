"""The RL annotation file as verl's train and validation parquet files."""

import argparse
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from data_prep.outputs import json_list
from data_prep.source import Source, print_left_out
from verl_plugin.rows import build_row
from videokr.budget import RL_BUDGET
from videokr.errors import RecordError, UserError
from videokr.outputs import written_aside

ROWS_A_GROUP = 2_000  # rows held in memory, and in one parquet row group
TRAIN, VALIDATION = "train", "test"  # the published file names
FULL_JSON = "videokr_rlhf_full.json"
TRAIN_DATASET, RL_FILE = "minuzero/VideoKR-Train", "VideoKR-RL-114K.jsonl"


def row_schema(budget: Mapping[str, float]) -> pa.Schema:
    """The parquet schema of `build_row`; fixed, so that a file's first rows do not decide it."""
    text, number = pa.string(), pa.int64()
    video = {"video": text} | {name: pa.float64() if name == "fps" else number for name in budget}
    info = {
        "problem_id": text,
        "problem_type": text,
        "question": text,
        "options": pa.list_(text),
        "answer": text,
        "source_path": pa.list_(text),
        "split": text,
        "index": number,
    }
    return pa.schema(
        {
            "data_source": text,
            "prompt": pa.list_(pa.struct({"role": text, "content": text})),
            "videos": pa.list_(pa.struct(video)),
            "ability": text,
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct(info),
        }
    )


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


def split_by_video(videos: list[tuple[str, ...]], validation_rows: int, seed: int) -> list[str]:
    """Gives every row its split; rows that share a video stay together.

    Whole videos go to validation in a seeded order while they fit; one video's rows are never parted, so validation
    may hold a few rows fewer than asked for.

    Args:
        videos: the videos of each row.
        validation_rows: rows wanted for validation.
    """
    group = _connected(videos)
    sizes = Counter(group)
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    chosen: set[int] = set()
    room = validation_rows
    for name in order:
        if sizes[name] <= room:
            chosen.add(name)
            room -= sizes[name]
        if not room:
            break
    return [VALIDATION if name in chosen else TRAIN for name in group]


def _connected(videos: list[tuple[str, ...]]) -> list[int]:
    """The first row of each row's group, where groups are rows linked by a shared video."""
    parent = list(range(len(videos)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_with: dict[str, int] = {}
    for row, names in enumerate(videos):
        for name in names:
            one, other = sorted((root(row), root(first_with.setdefault(name, row))))
            parent[other] = one
    return [root(row) for row in range(len(videos))]


def prepare(args: argparse.Namespace) -> Counter[str]:
    """Writes train.parquet and test.parquet (and the JSON, if asked for); returns rows by split.

    Two passes, so that no more than one row group is held: the first decides the splits, the second writes.

    Raises:
        UserError: nothing to read, or nothing left to train on.
        RecordError: a record cannot be used and is not to be left out.
    """
    source = Source(
        annotations=args.input_json or annotation_file(args.dataset_name, args.data_file),
        video_root=args.video_base_dir or Path(),
        max_rows=args.max_samples if args.max_samples >= 0 else None,
        skip_missing_video=args.skip_missing_video,
        skip_invalid=args.skip_invalid,
    )
    left_out: list[RecordError] = []
    names = source.rows(lambda example, _: example.videos, left_out)
    splits = split_by_video(list(tqdm(names, desc="reading", unit="row", disable=None)), args.val_size, args.seed)
    for split in (TRAIN, VALIDATION):
        if split not in splits or (split == TRAIN and args.train_size == 0):
            raise UserError(
                f"{source.annotations}: no row of {len(splits)} is left for {split}.parquet, and verl needs both: "
                f"change --val-size ({args.val_size}), --train-size or --max-samples"
            )
    budget = {name: value for name in asdict(RL_BUDGET) if (value := getattr(args, name)) is not None}
    replace(RL_BUDGET, **budget)  # refuses what no run could do
    outputs = {split: args.output_dir / f"{split}.parquet" for split in (TRAIN, VALIDATION)}
    counts: Counter[str] = Counter()

    with ExitStack() as stack:
        schema = row_schema(budget)
        writers = {
            split: stack.enter_context(pq.ParquetWriter(stack.enter_context(written_aside(output)), schema))
            for split, output in outputs.items()
        }
        append = stack.enter_context(json_list(args.output_dir / FULL_JSON)) if args.save_json else None
        examples = source.rows(lambda example, videos: (example, videos), [])
        numbered = enumerate(tqdm(examples, desc="writing", unit="row", disable=None, total=len(splits)))
        while chunk := list(islice(numbered, ROWS_A_GROUP)):
            by_split: dict[str, list[dict[str, Any]]] = {split: [] for split in outputs}
            for number, (example, videos) in chunk:
                split = splits[number]
                if split == TRAIN and 0 <= args.train_size <= counts[TRAIN]:
                    continue
                paths = [Path(video).as_uri() for video in videos] if args.use_file_uri else videos
                row = build_row(example, paths, split, counts[split], budget)
                counts[split] += 1
                by_split[split].append(row)
                if append:
                    append(row)
            for split, group in by_split.items():
                if group:
                    writers[split].write_table(pa.Table.from_pylist(group, schema=schema))

    print_left_out(left_out)
    print(f"train_size={counts[TRAIN]}\ntest_size={counts[VALIDATION]}")
    print(f"train_output={outputs[TRAIN]}\ntest_output={outputs[VALIDATION]}")
    return counts


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    def flag(name: str, **settings: Any) -> None:
        published = f"--{name.replace('-', '_')}"
        parser.add_argument(*dict.fromkeys((f"--{name}", published)), **settings)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    flag("dataset-name", default=TRAIN_DATASET, help="dataset on the hub, or a local folder of the same layout")
    flag("data-file", default=RL_FILE, help="annotation file in the dataset")
    flag("input-json", type=Path, help="local JSON or JSONL file, instead of the dataset")
    flag("video-base-dir", type=Path, help="folder that holds the videos (default: the working folder)")
    flag("output-dir", type=Path, default=Path("data/videokr_rl"))
    flag("train-size", type=int, default=-1, help="rows for training; -1: all")
    flag("val-size", type=int, default=500, help="rows for validation, by whole videos")
    flag("max-samples", type=int, default=-1, help="use the first N rows; -1: all")
    flag("seed", type=int, default=42)
    for name, value in asdict(RL_BUDGET).items():
        run = f"fix {name} in the rows; left out, the run decides ({value:g})"
        flag(name.replace("_", "-"), type=type(value), help=run)
    flag("use-file-uri", action="store_true", help="write videos as file:// addresses")
    flag("save-json", action="store_true", help=f"write all rows to {FULL_JSON} as well")
    flag("skip-missing-video", action="store_true", help="leave out rows whose video is not there, and list them")
    flag("skip-invalid", action="store_true", help="leave out records that cannot be read, and list them")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    prepare(parse_args(argv))
    return 0
