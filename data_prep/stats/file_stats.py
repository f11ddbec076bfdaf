"""Everything about one annotation file: read once, held against the manifest, a sample of it counted in tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep.batches import read_batches
from data_prep.prepare.source import Source
from data_prep.prepare.split import video_key
from data_prep.stats import Stage
from data_prep.stats.distribution import Distribution, by_frequency, describe, describe_counts
from data_prep.stats.epoch import GrpoEpoch, Known, SftEpoch, epochs_of
from data_prep.stats.tally import DRAWS, Tally
from data_prep.stats.tokens import Item, TokenLengths, token_lengths
from data_prep.stats.videos import UNKNOWN, FrameStats, Manifest, VideoStats, frame_stats, plan_of, video_stats
from videokr.errors import RecordError, UserError
from videokr.family import FAMILIES, Family
from videokr.jsonl import opens_list, parse_record, refuse_unreadable

DRAWN_MORE = 2  # times as many rows are drawn as the sample has: the number of lines is only about that of rows
MIN_DRAWN = 100
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of every file.

    Attributes:
        manifest, model, family, parameters: None where not given, or not known.
        sample: rows that are counted in tokens, at most; seed: of their drawing.
        gpus, decode_rate: see `epoch.Known`.
        workers: processes.
    """

    manifest: Manifest | None
    model: Path | None
    family: Family | None
    parameters: Mapping[str, int] | None
    sample: int
    seed: int
    gpus: int | None
    decode_rate: float | None
    workers: int

    @property
    def families(self) -> Sequence[Family]:
        return [self.family] if self.family else list(FAMILIES.values())


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows by their value of one field.

    Attributes:
        values: rows by value, the most common first; None where there are too many different ones to list.
        without: rows that do not say.
    """

    values: Mapping[str, int] | None
    without: int


@dataclass(frozen=True, slots=True)
class FileStats:
    """The numbers of a file, by the names that they have in stats.json.

    Attributes:
        name: of the file, without its folder.
        rows: that can be read; unreadable: records that cannot, by field and reason.
        first_unreadable: line of the first record with each reason.
        serving: rows that the stage can use; counted: those of them whose videos the manifest does not reject.
        videos: different ones.
        lengths: by what is long; see `tally.LENGTHS`.
        footage: of the videos; shown: of the rows. None without a manifest.
        unknown: what is not known, each with what it would take.
    """

    name: str
    stage: Stage
    rows: int
    unreadable: Mapping[str, int]
    first_unreadable: Mapping[str, int]
    serving: int
    counted: int
    kinds: Mapping[str, int]
    options: Mapping[str, int]
    letters: Mapping[str, int]
    groups: Mapping[str, Grouping]
    lengths: Mapping[str, Distribution]
    videos: int
    rows_a_video: Distribution | None
    videos_a_row: Distribution | None
    footage: VideoStats | None
    shown: FrameStats | None
    token_lengths: TokenLengths | None
    sft: SftEpoch | None
    grpo: GrpoEpoch | None
    unknown: Mapping[str, str]


def stage_of(path: Path) -> Stage:
    """SFT where the first record that can be read has a rationale; else RL.

    Raises:
        UserError: the file is not there or holds nothing.
    """
    refuse_unreadable(path)
    for batch in read_batches(path):
        for _, record in batch.records():
            try:
                return Stage.RL if parse_record(record).rationale is None else Stage.SFT
            except RecordError:
                continue
    return Stage.RL


def file_stats(path: Path, name: str, stage: Stage, request: Request) -> FileStats:
    """Reads a file and counts.

    Raises:
        UserError: the file is not there, is no list or holds nothing that can be read; or a worker process died.
    """
    tally = _read(path, stage, request)
    keys = np.frombuffer(tally.videos, dtype=np.uint64)
    a_row = np.frombuffer(tally.videos_a_row, dtype=np.uint32).astype(np.int64)
    starts = np.cumsum(a_row) - a_row
    videos, rows_a_video = np.unique(keys, return_counts=True)
    serves = np.frombuffer(tally.serves, dtype=np.uint8) == 1
    manifest, counted = request.manifest, serves
    footage = shown = None
    if manifest:
        places = manifest.places(keys)
        counted = serves & np.logical_and.reduceat((places >= 0) & manifest.is_fine[places], starts)
        footage = video_stats(manifest, videos)
        shown = frame_stats(manifest, keys, starts, counted, stage.budget, request.families)
    lengths = _token_lengths(tally, request, shown)
    known = Known(
        int(counted.sum()), int(a_row[counted].sum()), shown, request.family.name if request.family else None, lengths,
        request.parameters, request.gpus, request.decode_rate,
    )  # fmt: skip
    sft, grpo = epochs_of(stage, request.families[0], known)
    return FileStats(
        name=name,
        stage=stage,
        rows=tally.rows,
        unreadable=dict(tally.unreadable.most_common()),
        first_unreadable=tally.first_unreadable,
        serving=int(serves.sum()),
        counted=known.rows,
        kinds=dict(sorted(tally.kinds.items())),
        options={str(number): rows for number, rows in sorted(tally.options.items())},
        letters=dict(sorted(tally.letters.items())),
        groups={
            name: Grouping(counts and by_frequency(counts), tally.rows - tally.grouped[name])
            for name, counts in sorted(tally.groups.items())
        },
        lengths={name: found for name, counts in tally.lengths.items() if (found := describe_counts(counts))},
        videos=len(videos),
        rows_a_video=describe(rows_a_video),
        videos_a_row=describe(a_row),
        footage=footage,
        shown=shown,
        token_lengths=lengths,
        sft=sft,
        grpo=grpo,
        unknown=_unknown(request, footage, lengths),
    )


def _read(path: Path, stage: Stage, request: Request) -> Tally:
    refuse_unreadable(path)
    lines = None if opens_list(path) else _lines(path)
    drawn_below = 0
    if request.model and request.manifest:
        drawn_below = DRAWS if lines is None else DRAWS * (DRAWN_MORE * request.sample + MIN_DRAWN) // lines
    tally = Tally(stage, request.sample, request.seed, drawn_below)
    records = Source(path, skip_invalid=True).use(lambda example, _: example, tally.add_unreadable)
    with tqdm(total=lines, desc=f"reading {path.name}", unit="row", disable=None) as bar:
        for examples in records:
            tally.add(examples)
            bar.update(tally.rows + tally.unreadable.total() - bar.n)
    tally.cut_sample()
    if not tally.rows:
        fault, line = min(tally.first_unreadable.items(), key=lambda first: first[1])
        field, _, reason = fault.partition(": ")
        first = RecordError(field, reason, source=str(path), line=line)
        raise UserError(f"{path}: no record of {tally.unreadable.total():,} can be read; the first: {first}")
    return tally


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b"")) + 1


def _token_lengths(tally: Tally, request: Request, shown: FrameStats | None) -> TokenLengths | None:
    manifest, family, budget = request.manifest, request.family, tally.stage.budget
    if manifest is None or request.model is None or family is None or shown is None:
        return None
    items: list[Item] = []
    for _, example in tally.sampled:
        places = manifest.places(np.array([*map(video_key, example.videos)], dtype=np.uint64))
        headers = manifest.headers(np.where(manifest.is_fine[places], places, UNKNOWN))
        planned = tuple(header for header in headers if header and plan_of(header, budget, family))
        if len(planned) == len(places):
            items.append((example, planned))
    if not items:
        return None
    is_sft = tally.stage is Stage.SFT
    return token_lengths(items, request.model, budget, is_sft, shown.rows, request.seed, request.workers)


def _unknown(request: Request, footage: VideoStats | None, lengths: TokenLengths | None) -> dict[str, str]:
    unknown = {}
    probe = "videokr check --level probe"
    if footage is None:
        unknown["durations, sizes, frames and video tokens"] = f"give --manifest, of {probe}"
    elif not footage.fine:
        unknown["durations, sizes, frames and video tokens"] = "the manifest has none of these videos that is fine"
    elif not footage.seconds:
        unknown["durations, frames and video tokens"] = f"the manifest is of a level below probe: run {probe}"
    if request.model is None:
        unknown["token lengths and checkpoint sizes"] = "give --model, a checkpoint folder"
    else:
        if lengths is None:
            unknown["token lengths"] = f"no row has videos whose durations are known: give --manifest, of {probe}"
        if request.parameters is None:
            unknown["checkpoint sizes"] = "the --model holds no *.safetensors"
    if request.decode_rate is None:
        unknown["time for decoding"] = "give --decode-rate, measured on your machine"
    return unknown
