"""The file of videos: which video is to be asked about, and what is known of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.corpus.provenance import PROVENANCE, origins_of
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import of_shard
from data_prep.prepare.split import video_key
from videokr.errors import RecordError
from videokr.example import VIDEO_FIELDS, record_videos, text_of
from videokr.jsonl import as_object, read_records
from videokr.video.paths import resolve_video

LICENSE, SOURCE, SOURCE_URL = ORIGIN_FIELDS = ("license", "source", "source_url")


@dataclass(frozen=True, slots=True)
class Video:
    """A line of the file of videos.

    Attributes:
        line: counted from 1.
        name: its path below the folder of videos, as given.
        record: the whole line.
    """

    line: int
    name: str
    path: Path
    record: dict[str, Any]

    @property
    def discipline(self) -> str:
        return str(self.record["discipline"])

    @property
    def knowledge_point(self) -> str:
        """Shown to the skills that need knowledge."""
        return str(self.record.get("knowledge_point", ""))

    @property
    def origin(self) -> dict[str, Any]:
        """Where it is from, and what made it one of the corpus, as far as the line says."""
        return {field: self.record[field] for field in (*ORIGIN_FIELDS, PROVENANCE) if field in self.record}


def read_videos(
    source: Path, corpus: Corpus, shard: tuple[int, int], needed: Sequence[str], after: int = 0
) -> Iterator[Video]:
    """The videos of a shard.

    Args:
        needed: fields that each line has to have.
        after: the line behind which to begin.

    Raises:
        UserError: a line is not as it should be, or its video is not there, or was there before.
    """
    lines: dict[int, int] = {}
    for line, record in read_records(source, after):
        try:
            (name, *more) = record_videos(as_object(record))
            if more:
                raise RecordError(VIDEO_FIELDS[0], "several videos in one line", ", ".join(map(str, more)))
            if missing := [field for field in needed if not text_of(field, record.get(field, ""))]:
                raise RecordError(missing[0], "missing", f"each video has {' and '.join(needed)}")
            origins_of(record)  # which what is asked is added to
            first = lines.setdefault(video_key(name), line)
            if first != line:
                raise RecordError(VIDEO_FIELDS[0], "comes twice", f"{name}, first in line {first}")
        except RecordError as error:
            raise error.located(str(source), line) from None
        if of_shard(name, shard):
            yield Video(line, name, resolve_video(name, corpus.video_dir), record)
