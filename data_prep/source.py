"""A raw annotation file and its videos, as every prepare command reads them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from videokr.errors import RecordError, UserError
from videokr.example import VIDEO_FIELDS, Example, parse_example, read_records
from videokr.videos import resolve_video

MISSING_VIDEO = "video is not there"
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and what to do about records that cannot be used.

    Attributes:
        annotations: raw VideoKR file, JSONL or JSON.
        video_root: folder that video paths start from; None: they are not looked for.
        video_prefix: put before every video path that does not begin with it.
        max_rows: use so many at most; None for all.
        skip_missing_video: leaves records out whose video is not there, instead of stopping.
        skip_invalid: leaves records out that cannot be read or cannot serve, instead of stopping.
    """

    annotations: Path
    video_root: Path | None = None
    video_prefix: str = ""
    max_rows: int | None = None
    skip_missing_video: bool = False
    skip_invalid: bool = False

    def rows(self, build: Callable[[Example, list[str]], Row], left_out: list[RecordError]) -> Iterator[Row]:
        """Streams what `build` makes of each example and the paths of its videos.

        Paths are absolute where the videos are looked for, and the record's own where they are not.

        Args:
            build: may raise RecordError for an example that cannot serve.
            left_out: gets one fault for every record left out, in the order of the file.

        Raises:
            RecordError: a record cannot be used and is not to be left out; names file, line and field.
        """
        used = 0
        for line, record in read_records(self.annotations):
            if used == self.max_rows:
                return
            try:
                if not isinstance(record, dict):
                    raise RecordError("(record)", "not a JSON object", type(record).__name__)
                example = parse_example(record)
                row = build(example, self._videos(example))
            except RecordError as error:
                located = error.located(str(self.annotations), line)
                if not (self.skip_missing_video if error.reason == MISSING_VIDEO else self.skip_invalid):
                    raise located from None
                left_out.append(located)
                continue
            used += 1
            yield row

    def _videos(self, example: Example) -> list[str]:
        prefix = f"{self.video_prefix.rstrip('/')}/" if self.video_prefix else ""
        paths = [video if video.startswith(prefix) else prefix + video for video in example.videos]
        if self.video_root is None:
            return paths
        try:
            return [str(resolve_video(path, self.video_root.absolute())) for path in paths]
        except UserError as error:
            raise RecordError(VIDEO_FIELDS[0], MISSING_VIDEO, str(error)) from None


def print_left_out(left_out: list[RecordError]) -> None:
    """Every record left out, then how many for each reason."""
    for fault in left_out:
        print(f"left out: {fault}")
    for reason, number in Counter(fault.reason for fault in left_out).most_common():
        print(f"left out {number}: {reason}")
