"""One annotation file after the other: read, counted, held against the manifest, its sample counted in tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.prepare.source import Source
from data_prep.prepare.split import video_key
from data_prep.stats.distribution import Distribution, describe, describe_counts
from data_prep.stats.epoch import GrpoEpoch, Known, SftEpoch, grpo_epoch, sft_epoch
from data_prep.stats.footage import Footage, Manifest, footage_of
from data_prep.stats.frames import Rows, Shown, plan_of, shown_rows
from data_prep.stats.parameters import Parameters
from data_prep.stats.settings import grpo_settings, sft_settings
from data_prep.stats.tally import LENGTHS, PRIORITIES, Counting, Stage, Tally, itself
from data_prep.stats.tokens import TokenCounter, TokenLengths, token_lengths
from videokr.errors import RecordError
from videokr.example import parse_record
from videokr.family import FAMILIES, Family
from videokr.jsonl import opens_list, read_lines, read_list, refuse_unreadable
from videokr.video.frame_plan import VideoHeader

DRAWN_MORE = 2  # times as many rows are drawn as the sample has: the number of lines is only about that of rows
DRAWN_AT_LEAST = 100
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every file.

    Attributes:
        manifest, model, parameters: None where not given, or not known.
        sample: rows that are counted in tokens, at most; seed: of their drawing.
        gpus, decode_rate: see `epoch.Known`.
        workers: processes.
    """

    manifest: Manifest | None
    model: Path | None
    family: Family | None
    parameters: Parameters | None
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
    """
    Attributes:
        values: rows by value, the most common first; None where there are too many different ones to list.
        without: rows that do not say.
    """

    values: Mapping[str, int] | None
    without: int


@dataclass(frozen=True, slots=True)
class FileStats:
    """
    Attributes:
        name: of the file, without its folder.
        rows: that can be read; unreadable: records that cannot, by field and reason.
        first_unreadable: line of the first record with each reason.
        serving: rows that the stage can use; counted: those of them whose videos the manifest does not reject.
        videos: different ones.
        rows_a_video, videos_a_row: None where there are no rows.
        lengths: by what is long; see `tally.LENGTHS`.
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
    footage: Footage | None
    shown: Shown | None
    token_lengths: TokenLengths | None
    sft: SftEpoch | None
    grpo: GrpoEpoch | None
    unknown: Mapping[str, str]


class Faults:
    """Records that cannot be read, counted by field and reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, int] = {}

    def add(self, fault: RecordError) -> None:
        name = f"{fault.field}: {fault.reason}"
        self.counts[name] += 1
        self.first.setdefault(name, fault.line or 0)


def stage_of(path: Path) -> Stage:
    """SFT where the first record that can be read has a rationale; else RL.

    Raises:
        UserError: the file is not there or holds nothing.
    """
    refuse_unreadable(path)
    with path.open("rb") as file:
        for _, record in read_list(path) if opens_list(path) else read_lines(file):
            try:
                return Stage.RL if parse_record(record).rationale is None else Stage.SFT
            except RecordError:
                continue
    return Stage.RL


def survey(path: Path, name: str, stage: Stage, question: Question) -> FileStats:
    """Everything about one file.

    Raises:
        UserError: the file is not there, holds nothing or is no list; or a worker process died.
    """
    import numpy as np

    tally, faults = _read(path, stage, question)
    keys = np.frombuffer(tally.videos, dtype=np.uint64)
    a_row = np.frombuffer(tally.videos_a_row, dtype=np.uint32).astype(np.int64)
    starts = np.cumsum(a_row) - a_row
    videos, rows_a_video = np.unique(keys, return_counts=True)
    serves = np.frombuffer(tally.serves, dtype=np.uint8) == 1
    manifest = question.manifest
    counted = serves
    footage = shown = None
    if manifest:
        places = manifest.places(keys)
        is_fine = (places >= 0) & manifest.is_fine[places]
        counted = serves & Rows(keys, starts, serves).with_all(is_fine)
        footage = footage_of(manifest, videos)
        shown = shown_rows(manifest, Rows(keys, starts, counted), stage.budget, question.families)
    lengths = _token_lengths(tally, stage, question, shown)
    known = Known(
        rows=int(counted.sum()),
        videos=int(a_row[counted].sum()),
        shown=shown,
        family=question.family.name if question.family else None,
        lengths=lengths,
        parameters=question.parameters,
        gpus=question.gpus,
        decode_rate=question.decode_rate,
    )
    grpo = grpo_settings()
    return FileStats(
        name=name,
        stage=stage,
        rows=tally.rows,
        unreadable=dict(faults.counts.most_common()),
        first_unreadable=faults.first,
        serving=int(serves.sum()),
        counted=known.rows,
        kinds=dict(sorted(tally.kinds.items())),
        options={str(number): rows for number, rows in sorted(tally.options.items())},
        letters=dict(sorted(tally.letters.items())),
        groups=_groupings(tally),
        lengths={name: found for name in LENGTHS if (found := describe_counts(tally.lengths.get(name, {})))},
        videos=len(videos),
        rows_a_video=describe(rows_a_video.astype(np.int64)),
        videos_a_row=describe(a_row),
        footage=footage,
        shown=shown,
        token_lengths=lengths,
        sft=sft_epoch(known, sft_settings(question.families[0]), grpo.devices) if stage is Stage.SFT else None,
        grpo=grpo_epoch(known, grpo) if stage is Stage.RL else None,
        unknown=_unknown(question, footage, shown, lengths),
    )


def _read(path: Path, stage: Stage, question: Question) -> tuple[Tally, Faults]:
    refuse_unreadable(path)
    lines = None if opens_list(path) else _lines(path)
    counting = Counting(stage, question.seed, question.sample, _drawn_below(question, lines))
    tally, faults = Tally(), Faults()
    source = Source(path, skip_invalid=True)
    with tqdm(total=lines, desc=f"reading {path.name}", unit="row", disable=None) as bar:
        for examples in source.use(itself, faults.add):
            tally.join(counting.tally(examples), question.sample)
            bar.update(tally.rows + faults.counts.total() - bar.n)
    tally.keep(question.sample)
    return tally, faults


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b"")) + 1


def _drawn_below(question: Question, lines: int | None) -> int:
    if not (question.model and question.manifest):
        return 0
    if lines is None:
        return PRIORITIES
    return min(PRIORITIES, PRIORITIES * (DRAWN_MORE * question.sample + DRAWN_AT_LEAST) // lines)


def _token_lengths(tally: Tally, stage: Stage, question: Question, shown: Shown | None) -> TokenLengths | None:
    manifest, family = question.manifest, question.family
    if manifest is None or question.model is None or family is None or shown is None:
        return None
    items = []
    for _, example in tally.sampled:
        headers = [_header(manifest, video) for video in example.videos]
        planned = tuple(header for header in headers if header and plan_of(header, stage.budget, family))
        if len(planned) == len(headers):
            items.append((example, planned))
    if not items:
        return None
    counter = TokenCounter(question.model, stage.budget, with_response=stage is Stage.SFT)
    return token_lengths(counter, items, shown.rows, question.seed, question.workers)


def _header(manifest: Manifest, video: str) -> VideoHeader | None:
    import numpy as np

    (place,) = manifest.places(np.array([video_key(video)], dtype=np.uint64)).tolist()
    return manifest.header(place) if place >= 0 and manifest.is_fine[place] else None


def _groupings(tally: Tally) -> dict[str, Grouping]:
    found = {}
    for name, values in sorted(tally.groups.items()):
        counts = values.counts
        ordered = None if counts is None else dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        found[name] = Grouping(ordered, tally.rows - values.rows)
    return found


def _unknown(
    question: Question, footage: Footage | None, shown: Shown | None, lengths: TokenLengths | None
) -> dict[str, str]:
    unknown = {}
    probe = "videokr check --level probe"
    if footage is None:
        unknown["durations, sizes, frames and video tokens"] = f"give --manifest, of {probe}"
    elif not footage.fine:
        unknown["durations, sizes, frames and video tokens"] = "the manifest has none of these videos that is fine"
    elif not footage.seconds:
        unknown["durations, frames and video tokens"] = f"the manifest is of a level below probe: run {probe}"
    if question.model is None:
        unknown["token lengths and checkpoint sizes"] = "give --model, a checkpoint folder"
    else:
        if lengths is None:
            unknown["token lengths"] = f"no row has videos whose durations are known: give --manifest, of {probe}"
        if question.parameters is None:
            unknown["checkpoint sizes"] = "the --model holds no *.safetensors"
    if question.decode_rate is None:
        unknown["time for decoding"] = "give --decode-rate, measured on your machine"
    return unknown
