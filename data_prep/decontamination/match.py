"""What was found of a benchmark in the training data, and the files that hold it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import orjson

from data_prep.decontamination.alignment import Alignment
from data_prep.decontamination.verification import Resemblance
from videokr.outputs import atomic_write


class Kind(StrEnum):
    """How a match was found."""

    VIDEO_ID = "video id"
    NEAR_DUPLICATE = "near-duplicate"
    POSSIBLE = "possible near-duplicate"  # by the hashes alone: the pictures, laid over each other, differ
    QUESTION = "question"


REMOVED = (Kind.VIDEO_ID, Kind.NEAR_DUPLICATE)  # the publication's two steps; a question without its video stays


@dataclass(frozen=True, slots=True)
class VideoMatch:
    """A training video and a benchmark video.

    Attributes:
        train, benchmark: paths.
        alignment: where in time they meet; None of a match by id.
        resemblance: how much their pictures agree; None where they were not looked at.
    """

    kind: Kind
    train: str
    benchmark: str
    alignment: Alignment | None = None
    resemblance: Resemblance | None = None

    def record(self) -> dict[str, Any]:
        """As a line of matches.jsonl."""
        found: dict[str, Any] = {"kind": self.kind.value, "train": self.train, "benchmark": self.benchmark}
        if self.alignment:
            start, end = self.alignment.start_seconds, self.alignment.end_seconds
            found |= {
                "train_seconds": [round(start, 2), round(end, 2)],
                "benchmark_seconds": [round(self.alignment.benchmark_seconds(second), 2) for second in (start, end)],
                "speed": round(self.alignment.speed, 3),
                "is_mirrored": self.alignment.is_mirrored,
                "agreeing_hashes": round(self.alignment.share, 3),
            }
        if self.resemblance:
            moving = self.resemblance.moving
            found |= {
                "agreeing_blocks": round(self.resemblance.still, 3),
                "agreeing_moving_blocks": None if moving is None else round(moving, 3),
            }
        return found


@dataclass(frozen=True, slots=True)
class QuestionMatch:
    """A training record and a benchmark question.

    Attributes:
        line: of the training record, counted from 1.
        share: of the benchmark question's n-grams that the record's question holds.
    """

    line: int
    train_id: str
    train_question: str
    benchmark_id: str
    benchmark_question: str
    share: float
    kind: ClassVar = Kind.QUESTION

    def record(self) -> dict[str, Any]:
        """As a line of matches.jsonl."""
        return {"kind": self.kind.value, **asdict(self), "share": round(self.share, 3)}


Match = VideoMatch | QuestionMatch


def write_matches(path: Path, matches: Iterable[Match]) -> None:
    _write_lines(path, (match.record() for match in matches))


def write_together(path: Path, matches: Sequence[Match]) -> None:
    """Writes the training videos that show the same benchmark video, and so each other: what a split keeps together."""
    groups: dict[str, set[str]] = {}
    for match in matches:
        if isinstance(match, VideoMatch):
            groups.setdefault(match.benchmark, set()).add(match.train)
    _write_lines(path, ({"videos": sorted(videos)} for _, videos in sorted(groups.items()) if len(videos) > 1))


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with atomic_write(path) as aside, aside.open("wb") as out:
        out.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
