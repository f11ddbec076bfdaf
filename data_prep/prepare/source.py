"""An annotation file and its videos, read once in pieces by several processes, as every prepare command needs it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from data_prep.engine import Failure, run
from data_prep.prepare.length import LengthLimit
from data_prep.prepare.option_order import OptionOrder
from videokr.errors import RecordError, UserError
from videokr.example import (
    VIDEO_FIELDS,
    Example,
    opens_list,
    parse_record,
    read_lines,
    read_list,
    refuse_unreadable,
)
from videokr.frame_plan import VideoHeader
from videokr.manifest import VideoEntry, read_manifest
from videokr.outputs import refuse_to_overwrite
from videokr.videos import plain_path, resolve_video

MISSING_VIDEO = "video is not there"
REJECTED_VIDEO = "video is rejected by the manifest"
CHANGED_VIDEO = "video has changed since it was checked"
PIECE_BYTES = 500_000  # of JSON Lines; what one process reads at a time
PIECE_RECORDS = 500  # of a JSON list
PIECE_SECONDS = 600.0
Made = TypeVar("Made")
Gathered = TypeVar("Gathered")
Build = Callable[[Example, list[str]], Made]
Gather = Callable[[list[Made]], Gathered]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of an annotation file, read where it is used: of JSON Lines, or the records of a list.

    Attributes:
        first: number of its first line, or place of its first record in a list, counted from 1.
        start, size: in bytes.
    """

    number: int
    first: int
    start: int = 0
    size: int = 0
    listed: list[Any] | None = None

    def records(self, path: Path) -> Iterator[tuple[int, Any]]:
        if self.listed is not None:
            return enumerate(self.listed, start=self.first)
        return read_lines(self._lines(path), self.first)

    def _lines(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(self.start)
            rest = self.size
            while rest > 0 and (line := file.readline()):
                rest -= len(line)
                yield line


@dataclass(frozen=True, slots=True)
class Used(Generic[Gathered]):
    """What was made of a piece: `gathered` of the `count` records that serve, and a fault for each of the others.

    Attributes:
        ended_by: the fault of a record that is not to be left out; those after it were not read.
    """

    gathered: Gathered
    count: int
    left_out: list[RecordError]
    ended_by: RecordError | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and what to do about records that cannot be used.

    Attributes:
        annotations: raw VideoKR file, JSONL or JSON.
        video_root: folder that video paths start from; None: they are not looked for.
        video_prefix: put before every video path that does not begin with it.
        max_rows: use so many at most; None for all.
        skip_missing_video: leaves records out whose video is not there, or is not the one that the manifest is of,
            instead of stopping.
        skip_invalid: leaves records out that cannot be read or cannot serve, instead of stopping.
        manifest: of `videokr check`; records of rejected videos are left out. A path of the record's, or None.
        limit: records longer than it are left out.
        order: in which options are put.
    """

    annotations: Path
    video_root: Path | None = None
    video_prefix: str = ""
    max_rows: int | None = None
    skip_missing_video: bool = False
    skip_invalid: bool = False
    manifest: Path | None = None
    limit: LengthLimit | None = None
    order: OptionOrder | None = None

    def use(
        self,
        build: Callable[[Example, list[str]], Made],
        gather: Callable[[list[Made]], Gathered],
        left_out: Callable[[RecordError], None],
        workers: int = 1,
    ) -> Iterator[Gathered]:
        """Streams the file piece by piece, in its order.

        Args:
            build: gets each example and the paths of its videos, absolute where the videos are looked for, and the
                record's own where they are not. May raise RecordError for an example that cannot serve.
            gather: gets what `build` made of a piece's records, in the same process.
            left_out: gets one fault for every record left out, in the order of the file.
            workers: processes; `build` and `gather` are then functions of a module, or functools.partial of one. With
                `max_rows` there is one alone.

        Raises:
            UserError: the file is not there or holds nothing.
            RecordError: a record cannot be used and is not to be left out; names file, line and field. Of several it is
                the first in the file, whichever process met its own first.
        """
        refuse_unreadable(self.annotations)
        alone = self.max_rows is not None
        for used in self._sequence(build, gather) if alone else self._parallel(build, gather, workers):
            for fault in used.left_out:
                left_out(fault)
            if used.ended_by:
                raise used.ended_by
            yield used.gathered

    def _sequence(self, build: Build[Made], gather: Gather[Made, Gathered]) -> Iterator[Used[Gathered]]:
        room = self.max_rows
        for piece in self.pieces():
            used = _use_piece(self, build, gather, piece, room)
            yield used
            if room is not None:
                room -= used.count
                if not room:
                    return

    def _parallel(self, build: Build[Made], gather: Gather[Made, Gathered], workers: int) -> Iterator[Used[Gathered]]:
        pieces = self.pieces()
        first = list(islice(pieces, 2))
        if workers == 1 or len(first) < 2:
            yield from self._sequence(build, gather)
            return
        task = partial(_use_piece, self, build, gather)
        early: dict[int, Used[Gathered]] = {}
        due = 0
        for piece, used in run(task, chain(first, pieces), workers=workers, seconds_each=PIECE_SECONDS):
            if isinstance(used, Failure):
                raise UserError(f"reading from line {piece.first} on: {used.reason}; try fewer --workers")
            early[piece.number] = used
            while due in early:
                yield early.pop(due)
                due += 1

    def refuse_to_overwrite(self, outputs: Iterable[Path], together: Path | None = None) -> None:
        """
        Raises:
            UserError: one of these files is what is read, or two are one.
        """
        refuse_to_overwrite(outputs, [self.annotations, self.manifest, together])

    def paths(self, example: Example) -> list[str]:
        """
        Raises:
            RecordError: a video is not there, or lies outside of the folder.
        """
        paths = list(example.videos)
        if self.video_prefix:
            prefix = f"{self.video_prefix.rstrip('/')}/"
            paths = [video if video.startswith(prefix) else prefix + video for video in paths]
        if self.video_root is None:
            return paths
        try:
            return [_resolved(path, self.video_root) for path in paths]
        except UserError as error:
            raise RecordError(VIDEO_FIELDS[0], MISSING_VIDEO, str(error)) from None

    def headers(self, example: Example) -> list[VideoHeader | None]:
        """What the manifest knows of the example's videos; None for each that it knows nothing of.

        Raises:
            RecordError: the manifest rejects one, or has not got it.
        """
        if self.manifest is None:
            return [None] * len(example.videos)
        found = []
        for video in example.videos:
            entry = _manifest(self.manifest).get(plain_path(video))
            if entry is None:
                detail = f"'{video}' is not in '{self.manifest}': run videokr check on this file"
                raise RecordError(VIDEO_FIELDS[0], "video is not in the manifest", detail)
            if entry.reason is not None:
                raise RecordError(VIDEO_FIELDS[0], REJECTED_VIDEO, f"'{video}': {entry.reason}")
            found.append(entry.header)
        return found

    def refuse_changed(self, example: Example, paths: list[str]) -> None:
        """
        Args:
            paths: of the example's videos, which the manifest has got.

        Raises:
            RecordError: a file is not the one that was checked; where videos are not looked for, nobody knows.
        """
        if self.manifest is None or self.video_root is None:
            return
        for video, path in zip(example.videos, paths, strict=True):
            if not _is_as_checked(self.manifest, video, path):
                detail = f"'{path}' is not as '{self.manifest}' has it: run videokr check again"
                raise RecordError(VIDEO_FIELDS[0], CHANGED_VIDEO, detail)

    def pieces(self) -> Iterator[Piece]:
        if opens_list(self.annotations):
            records = (record for _, record in read_list(self.annotations))
            number, first = 0, 1
            while piece := list(islice(records, PIECE_RECORDS)):
                yield Piece(number, first, listed=piece)
                number, first = number + 1, first + len(piece)
            return
        with self.annotations.open("rb") as file:
            number, first, start = 0, 1, 0
            while size := (skipped := _skip_lines(file, PIECE_BYTES))[0]:
                yield Piece(number, first, start, size)
                number, first, start = number + 1, first + skipped[1], start + size


def _skip_lines(file: BinaryIO, least_bytes: int) -> tuple[int, int]:
    """Reads so many bytes and the rest of the line they end in; gives how many bytes it were, and line ends in them."""
    lines, rest = file.read(least_bytes), file.readline()
    return len(lines) + len(rest), lines.count(b"\n") + rest.count(b"\n")


@lru_cache(maxsize=64)  # rows about one video follow each other
def _resolved(path: str, root: Path) -> str:
    return str(resolve_video(path, root))


@lru_cache(maxsize=64)
def _is_as_checked(manifest: Path, video: str, path: str) -> bool:
    try:
        return _manifest(manifest)[plain_path(video)].is_of(os.stat(path))  # noqa: PTH116  (a row pays for it)
    except OSError:  # it was there a moment ago
        return False


@lru_cache(maxsize=1)  # once a process, not once a piece
def _manifest(path: Path) -> dict[str, VideoEntry]:
    return read_manifest(path)


def _use_piece(
    source: Source, build: Build[Made], gather: Gather[Made, Gathered], piece: Piece, room: int | None = None
) -> Used[Gathered]:
    made: list[Made] = []
    left_out: list[RecordError] = []
    _is_as_checked.cache_clear()  # of a moment ago, when it may have been otherwise
    for line, record in piece.records(source.annotations):
        if len(made) == room:
            break
        try:
            example = parse_record(record)
            if source.order:
                example = source.order.apply(example)
            headers = source.headers(example)
            paths = source.paths(example)
            source.refuse_changed(example, paths)
            if source.limit:
                source.limit.refuse_longer(example, paths, headers)
            made.append(build(example, paths))
        except RecordError as error:
            located = error.located(str(source.annotations), line)
            if not _may_be_left_out(source, error):
                return Used(gather(made), len(made), left_out, located)
            left_out.append(located)
    return Used(gather(made), len(made), left_out)


def _may_be_left_out(source: Source, error: RecordError) -> bool:
    if error.reason in (MISSING_VIDEO, CHANGED_VIDEO):
        return source.skip_missing_video
    if error.reason == REJECTED_VIDEO or (source.limit and error.reason == source.limit.reason):
        return True  # which is what a manifest and a limit are given for
    return source.skip_invalid
