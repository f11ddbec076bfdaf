"""What of a benchmark stands in the training data: by video id, by pictures (paper, decontamination), by question."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from tqdm import tqdm

from data_prep.decontamination import ALIGNED, PUBLISHED
from data_prep.decontamination.alignment import MIN_PICTURES, Alignment, align, align_published
from data_prep.decontamination.candidates import BenchmarkIndex, Candidate
from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS, Fingerprint, FingerprintStore, Reader
from data_prep.decontamination.match import REMOVED, Kind, Match, VideoMatch
from data_prep.decontamination.texts import QuestionIndex, holders_by_id
from data_prep.decontamination.verification import Pair, Resemblance, verify
from data_prep.engine import Failure, Workers, run
from data_prep.journal import Journal
from data_prep.json_list import json_list
from data_prep.left_out import LeftOut
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.jsonl import opens_list, parse_record, read_list, read_raw
from videokr.outputs import atomic_write
from videokr.video.paths import plain_path

TRAIN, BENCHMARK = "training", "benchmark"  # sides
Pieces = Iterator[list[Fingerprint]]
Video = tuple[str, str]  # its side and path: both sides may call a video the same
MIN_SHARE = 0.6  # of a window's pictures, for its videos to be looked at


class Side(NamedTuple):
    """A file of records, and the folder that their video paths start from."""

    annotations: Path
    videos: Path


@dataclass(slots=True)
class Found:
    """What a comparison comes to.

    Attributes:
        matches: videos by id, near-duplicates, possible ones, questions.
        removed: lines of the training file that are left out, counted from 1.
        records, videos: of the training file.
        questions, benchmark_videos: of the benchmark.
        unreadable: lines of the training file whose record cannot be read, and is left out.
        left_out: the fault of each of these.
        not_compared: videos that could not be compared by their pictures, and why.
        shown_seconds: of videos that were, how long they show something.
    """

    matches: list[Match] = field(default_factory=list)
    removed: set[int] = field(default_factory=set)
    records: int = 0
    videos: int = 0
    questions: int = 0
    benchmark_videos: int = 0
    unreadable: set[int] = field(default_factory=set)
    left_out: LeftOut = field(default_factory=LeftOut)
    not_compared: dict[Video, str] = field(default_factory=dict)
    shown_seconds: dict[Video, float] = field(default_factory=dict)

    @property
    def short(self) -> set[Video]:
        """Videos that show too few pictures to be compared by them."""
        return {video for video, seconds in self.shown_seconds.items() if seconds < MIN_PICTURES / TRAIN_FPS}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two sides are compared.

    Attributes:
        fingerprints: folder that keeps them, so that a kill loses little.
        rule: ALIGNED or PUBLISHED.
        looks_at_videos: else ids and questions alone are compared.
        skip_invalid: leaves out training records that cannot be read, instead of stopping at the first.
        removes_questions: leaves out records for their question alone, too.
    """

    train: Side
    benchmark: Side
    fingerprints: Path
    workers: Workers
    rule: str = ALIGNED
    looks_at_videos: bool = True
    skip_invalid: bool = False
    removes_questions: bool = False

    @property
    def removed_kinds(self) -> tuple[Kind, ...]:
        """Of matches whose training records are left out."""
        return (*REMOVED, Kind.QUESTION) if self.removes_questions else REMOVED

    def find(self, journal: Journal) -> Found:
        """Reads both sides and compares them.

        Args:
            journal: of pairs that were looked at.

        Raises:
            UserError: a file or folder is not there or holds nothing, or another process is at the same work.
            RecordError: a record cannot be read.
        """
        found = Found()
        questions = [example for _, example in _read(self.benchmark.annotations, None) if example]
        index = QuestionIndex(questions)
        lines_of: dict[str, list[int]] = {}
        for line, example in _read(self.train.annotations, found.left_out if self.skip_invalid else None):
            found.records += 1
            if not example:
                found.unreadable.add(line)
                continue
            index.meet(line, example)
            for video in dict.fromkeys(map(plain_path, example.videos)):
                lines_of.setdefault(video, []).append(line)
        if not lines_of:
            raise UserError(f"{self.train.annotations}: no record of it can be read")
        own, others = sorted(lines_of), sorted({plain_path(video) for one in questions for video in one.videos})
        found.questions, found.videos, found.benchmark_videos = len(questions), len(own), len(others)
        of_videos = _by_id(own, others)
        if self.looks_at_videos:
            known = {(match.train, match.benchmark) for match in of_videos}
            shown = self._near_duplicates(own, others, found, journal)
            of_videos += [match for match in shown if (match.train, match.benchmark) not in known]
        of_questions = index.matches()
        found.matches = [*of_videos, *of_questions]
        for match in of_videos:
            found.removed.update(lines_of[match.train] if match.kind in REMOVED else ())
        found.removed.update(match.line for match in of_questions if self.removes_questions)
        return found

    def _near_duplicates(
        self, own: Sequence[str], others: Sequence[str], found: Found, journal: Journal
    ) -> list[VideoMatch]:
        train, benchmark = stores(self.fingerprints, self.train.videos, self.benchmark.videos)
        for side, store, paths in ((TRAIN, train, own), (BENCHMARK, benchmark, others)):
            failures = store.complete(paths, self.workers, f"hashing, {side}")
            found.not_compared |= {(side, path): reason for path, reason in failures.items()}
        met = self._met(train.read(own), benchmark.read(others), len(own), found)
        compared = found.shown_seconds.keys() | found.not_compared.keys()
        for video in [*((TRAIN, path) for path in own), *((BENCHMARK, path) for path in others)]:
            if video not in compared:
                found.not_compared[video] = "has changed since it was read"
        if self.rule == PUBLISHED:
            return [VideoMatch(Kind.NEAR_DUPLICATE, *pair) for pair in met]
        matches = []
        for pair, resemblance in self._looked_at(met, journal):
            if resemblance is None:
                found.not_compared[TRAIN, pair[0]] = f"its hashes agree with '{pair[1]}', its pictures cannot be read"
            kind = Kind.NEAR_DUPLICATE if resemblance and resemblance.is_same else Kind.POSSIBLE
            matches.append(VideoMatch(kind, *pair, resemblance))
        return sorted(matches, key=lambda match: (match.kind, match.train, match.benchmark))

    def _met(self, train: Pieces, benchmark: Pieces, train_videos: int, found: Found) -> list[Pair]:
        """Pairs of videos whose hashes agree along a line in time, by path."""
        others = {one.path: one for piece in benchmark for one in piece}
        index = None if self.rule == PUBLISHED else BenchmarkIndex(list(others.values()))
        found.shown_seconds |= {(BENCHMARK, path): len(one.seconds) / BENCHMARK_FPS for path, one in others.items()}
        best: dict[tuple[str, str], Alignment] = {}
        with tqdm(total=train_videos, desc="comparing", unit="video", disable=None) as bar:
            for piece in train:
                own = {one.path: one for one in piece}
                found.shown_seconds |= {(TRAIN, path): len(one.seconds) / TRAIN_FPS for path, one in own.items()}
                met = aligned(index.candidates(piece), own, others) if index else _aligned_published(own, others)
                for path, other, alignment in met:
                    if alignment > best.get((path, other), (-1.0,)):
                        best[path, other] = alignment
                bar.update(len(piece))
        return [(*key, alignment) for key, alignment in sorted(best.items())]

    def _looked_at(self, pairs: Sequence[Pair], journal: Journal) -> Iterator[tuple[Pair, Resemblance | None]]:
        """Every pair, with what its pictures come to; None where they could not be read."""
        before = {tuple(record["pair"]): record for record in journal.records()}
        left = []
        for pair in pairs:
            record = before.get(pair[:2])
            if record and Alignment(*record["alignment"]) == pair[2]:
                yield pair, Resemblance(*record["look"]) if record["look"] else None
            else:
                left.append(pair)
        look = partial(verify, self.train.videos.resolve(), self.benchmark.videos.resolve())
        looked = run(look, left, self.workers)
        done = len(pairs) - len(left)
        for pair, result in tqdm(looked, "looking", len(pairs), initial=done, unit="pair", disable=None):
            resemblance = None if isinstance(result, Failure) else result
            journal.add({"pair": pair[:2], "alignment": pair[2], "look": resemblance})
            yield pair, resemblance


def stores(folder: Path, train: Path, benchmark: Path) -> tuple[FingerprintStore, FingerprintStore]:
    """Where the fingerprints of both sides are kept, whose videos lie below these folders."""
    return (
        FingerprintStore(folder / "train", Reader(train.resolve(), False)),
        FingerprintStore(folder / "benchmark", Reader(benchmark.resolve(), True)),
    )


def aligned(
    candidates: Iterable[Candidate], train: Mapping[str, Fingerprint], benchmark: Mapping[str, Fingerprint]
) -> Iterator[Pair]:
    """The candidates whose hashes agree along a line in time; a pair may come twice, as it is and in a mirror."""
    for path, other, is_mirrored in candidates:
        alignment = align(train[path], benchmark[other], is_mirrored)
        if alignment and alignment.share >= MIN_SHARE:
            yield path, other, alignment


def _aligned_published(train: Mapping[str, Fingerprint], benchmark: Mapping[str, Fingerprint]) -> Iterator[Pair]:
    for path, own in train.items():
        for other, theirs in benchmark.items():
            if alignment := align_published(own, theirs):
                yield path, other, alignment


def _by_id(own: Sequence[str], others: Sequence[str]) -> list[VideoMatch]:
    holders, others_holders = holders_by_id(own), holders_by_id(others)
    pairs = {
        (path, other)
        for name in holders.keys() & others_holders.keys()
        for path in holders[name]
        for other in others_holders[name]
    }
    return [VideoMatch(Kind.VIDEO_ID, *pair) for pair in sorted(pairs)]


def _read(path: Path, left_out: LeftOut | None) -> Iterator[tuple[int, Example | None]]:
    """The examples of a file with their line, counted from 1; None for a record that cannot be read.

    Args:
        left_out: where given, gets a fault for each such record; else the first is raised.

    Raises:
        UserError: the file is not there or holds nothing.
        RecordError: a record cannot be read; names file, line and field.
    """
    for line, record in tqdm(read_raw(path), desc=f"reading {path.name}", unit="row", disable=None):
        try:
            yield line, parse_record(record)
        except RecordError as error:
            located = error.located(str(path), line)
            if left_out is None:
                raise located from None
            left_out.add(located)
            yield line, None


def write_cleaned(path: Path, output: Path, left_out: Collection[int]) -> None:
    """Writes a file's records but for those at some lines, in the same form and order; JSON Lines to the byte."""
    if opens_list(path):
        with atomic_write(output) as aside, json_list(aside) as append:
            for line, record in read_list(path):
                if line not in left_out:
                    append(_as_json(record))
        return
    with path.open("rb") as given, atomic_write(output) as aside, aside.open("wb") as out:
        out.writelines(text for line, text in enumerate(given, start=1) if line not in left_out)


def _as_json(record: Any) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # of whole numbers beyond 64 bits, and halves of surrogate pairs
        return json.dumps(record).encode("ascii")
