"""Everything about one annotation file: read once, held against the manifest, a sample of it counted in tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.stats.distribution import Distribution, by_frequency, describe_counts
from data_prep.stats.epoch import (
    GRPO_FILE,
    SFT_FILE,
    Epoch,
    GrpoEpoch,
    Known,
    grpo_devices,
    grpo_epoch,
    read_settings,
    sft_epoch,
)
from data_prep.stats.tally import Tally
from data_prep.stats.tokens import Item, TokenLengths, token_lengths
from data_prep.stats.videos import FrameStats, Manifest, Shown, VideoStats, video_stats
from videokr.budget import BUDGETS
from videokr.errors import RecordError, UserError
from videokr.family import FAMILIES, Family
from videokr.jsonl import parse_record, read_raw
from videokr.video.paths import plain_path

SFT, RL, _ = STAGES = tuple(BUDGETS)  # decides which rows count, and how much of a video they are shown
PROBE = "videokr check --level probe"


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of every file; None where it was not given, or is not known."""

    manifest: Manifest | None
    model: Path | None
    family: Family | None
    parameters: Mapping[str, int] | None
    sample: int  # rows that are counted in tokens, at most
    gpus: int | None  # see `epoch.Known`

    @property
    def families(self) -> Sequence[Family]:
        return [self.family] if self.family else list(FAMILIES.values())


@dataclass(frozen=True, slots=True)
class FileStats:
    """The numbers of a file, by the names that they have in stats.json."""

    name: str  # of the file, without its folder
    stage: str  # one of STAGES
    rows: int  # that can be read
    unreadable: Mapping[str, int]  # records that cannot be, by field and reason
    first_unreadable: Mapping[str, int]  # line of the first record with each reason
    serving: int  # rows that the stage can use
    counted: int  # those of them whose videos the manifest does not reject
    kinds: Mapping[str, int]
    groups: Mapping[str, Mapping[str, int] | None]  # rows by value of a field; None where they are too many to list
    lengths: Mapping[str, Distribution]  # by what is long; see `tally.LENGTHS`
    videos: int  # different ones
    rows_a_video: Distribution | None
    footage: VideoStats | None  # None without a manifest, as `shown`
    shown: FrameStats | None
    token_lengths: TokenLengths | None
    sft: Epoch | None
    grpo: GrpoEpoch | None
    unknown: Mapping[str, str]  # what is not known, each with what it would take


def stage_of(path: Path) -> str:
    """SFT where the first record that can be read has a rationale; else RL. UserError where there is no record."""
    for _, record in read_raw(path):
        try:
            return RL if parse_record(record).rationale is None else SFT
        except RecordError:
            continue
    return RL


def file_stats(path: Path, name: str, stage: str, request: Request) -> FileStats:
    """Reads a file and counts; UserError where it is not there, is no list or holds nothing that can be read."""
    tally = _read(path, stage, request)
    footage = shown = lengths = None
    if request.manifest is not None and tally.shown:
        footage, shown = video_stats(request.manifest, tally.videos), tally.shown.stats()
        lengths = _token_lengths(tally, tally.shown, stage, request, shown.rows)
    known = Known(tally.counted, tally.counted_videos, shown, request.family, lengths, request.parameters, request.gpus)
    sft = grpo = None
    if stage in (SFT, RL):
        settings = read_settings(GRPO_FILE)
        if stage == RL:
            grpo = grpo_epoch(known, GRPO_FILE, settings)
        else:
            file = SFT_FILE.format(family=request.families[0].name)
            sft = sft_epoch(known, file, read_settings(file), grpo_devices(settings))
    return FileStats(
        name=name,
        stage=stage,
        rows=tally.rows,
        unreadable=dict(tally.faults.most_common()),
        first_unreadable={reason: fault.line or 0 for reason, fault in tally.first_faults.items()},
        serving=tally.serving,
        counted=tally.counted,
        kinds=dict(sorted(tally.kinds.items())),
        groups={name: counts and by_frequency(counts) for name, counts in sorted(tally.groups.items())},
        lengths={name: found for name, counts in tally.lengths.items() if (found := describe_counts(counts))},
        videos=len(tally.videos),
        rows_a_video=describe_counts(Counter(tally.videos.values())),
        footage=footage,
        shown=shown,
        token_lengths=lengths,
        sft=sft,
        grpo=grpo,
        unknown=_unknown(request, footage, lengths),
    )


def _read(path: Path, stage: str, request: Request) -> Tally:
    shown = None
    if request.manifest is not None:
        shown = Shown(request.manifest, BUDGETS[stage], request.families)
    tally = Tally(stage == SFT, request.sample if request.model and shown else 0, shown)
    for line, record in tqdm(read_raw(path), desc=f"reading {path.name}", unit="row", disable=None):
        try:
            tally.add(parse_record(record))
        except RecordError as error:
            tally.add_fault(error.located(str(path), line))
    if not tally.rows:
        first = min(tally.first_faults.values(), key=lambda fault: fault.line or 0)
        raise UserError(f"{path}: no record of {tally.faults.total():,} can be read; the first: {first}")
    return tally


def _token_lengths(tally: Tally, shown: Shown, stage: str, request: Request, of: int) -> TokenLengths | None:
    """Of the rows drawn whose videos are all known; None where there are none."""
    if request.model is None:
        return None
    items: list[Item] = []
    for _, _, example in tally.sampled:
        if headers := shown.headers(list(map(plain_path, example.videos))):
            items.append((example, tuple(headers)))
    return token_lengths(items, request.model, BUDGETS[stage], stage == SFT, of) if items else None


def _unknown(request: Request, footage: VideoStats | None, lengths: TokenLengths | None) -> dict[str, str]:
    unknown = {}
    if footage is None:
        unknown["durations, frames and video tokens"] = f"give --manifest, of {PROBE}"
    elif not footage.fine:
        unknown["durations, frames and video tokens"] = "the manifest has none of these videos that is fine"
    elif not footage.seconds:
        unknown["durations, frames and video tokens"] = f"the manifest is of a level below probe: run {PROBE}"
    if request.model is None:
        unknown["token lengths and checkpoint sizes"] = "give --model, a checkpoint folder"
    else:
        if lengths is None:
            unknown["token lengths"] = f"no row has videos whose durations are known: give --manifest, of {PROBE}"
        if request.parameters is None:
            unknown["checkpoint sizes"] = "the --model holds no *.safetensors"
    return unknown
