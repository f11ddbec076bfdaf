"""An annotation file and its videos, read once in one loop, and the flags that both hosts' preparations share."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from data_prep.given_path import given_path
from data_prep.left_out import LeftOut
from data_prep.prepare.length import LengthLimit
from videokr.budget import MAX_TOKENS, VideoBudget
from videokr.errors import RecordError, UserError, for_terminal
from videokr.example import VIDEO_FIELDS, Example
from videokr.family import family_of
from videokr.jsonl import parse_record, read_raw
from videokr.outputs import refuse_to_overwrite
from videokr.video.frame_plan import VideoHeader
from videokr.video.manifest import read_manifest
from videokr.video.paths import plain_path, resolve_video

ALL = -1  # rows, as the published command has it
MISSING_VIDEO = "video is not there"
REJECTED_VIDEO = "video is rejected by the manifest"
CHANGED_VIDEO = "video has changed since it was checked"
MAX_SHOWN_ROWS = 10  # of a dry run
BATCH_RECORDS = 200
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and what to do about records that cannot be used."""

    annotations: Path  # raw VideoKR file, JSONL or JSON
    video_root: Path | None = None  # folder that video paths start from; None: they are not looked for
    video_prefix: str = ""  # put before every video path that does not begin with it
    max_rows: int | None = None  # use so many at most; None for all
    skip_missing_video: bool = False  # leaves records out whose video is not there, or not the manifest's, too
    skip_invalid: bool = False  # leaves records out that cannot be read or cannot serve, instead of stopping
    manifest: Path | None = None  # of `videokr check`; records of videos that it rejects are left out
    limit: LengthLimit | None = None  # records longer than it are left out

    def use(
        self, build: Callable[[Example, list[str]], Made], left_out: Callable[[RecordError], None]
    ) -> Iterator[list[Made]]:
        """Streams what is made of the records, batch by batch, in the order of the file.

        Args:
            build: gets each example and the paths of its videos, absolute where the videos are looked for, and the
                record's own where they are not. May raise RecordError for an example that cannot serve.
            left_out: gets one fault for every record left out.

        Raises:
            UserError: the file is not there or holds nothing.
            RecordError: a record cannot be used and is not to be left out; names file, line and field.
        """
        records, room = read_raw(self.annotations), self.max_rows
        for first in records:
            _is_as_checked.cache_clear()  # of a moment ago, when it may have been otherwise
            made: list[Made] = []
            for line, record in chain([first], islice(records, BATCH_RECORDS - 1)):
                if len(made) == room:
                    break
                try:
                    example = parse_record(record)
                    made.append(build(example, self._paths(example)))
                except RecordError as error:
                    located = error.located(str(self.annotations), line)
                    if not self._may_be_left_out(error):
                        raise located from None
                    left_out(located)
            yield made
            if room is not None:
                room -= len(made)
                if not room:
                    return

    def print_rows(self, describe: Callable[[Example, list[str]], str]) -> None:
        """Prints ten rows as the host will see them, and what was left out before the tenth. Nothing is written.

        Raises:
            UserError, RecordError: see `use`.
        """
        left_out = LeftOut()
        shown = replace(self, max_rows=MAX_SHOWN_ROWS if self.max_rows is None else min(MAX_SHOWN_ROWS, self.max_rows))
        for number, text in enumerate(chain.from_iterable(shown.use(describe, left_out.add)), start=1):
            print(f"--- row {number}\n{for_terminal(text)}")
        for reason, number in left_out.counts.most_common():
            print(f"--- left out {number}: {reason}")

    def refuse_to_overwrite(self, outputs: Iterable[Path], together: Path | None) -> None:
        """Raises UserError where one of these files is what is read, or two are one."""
        refuse_to_overwrite(outputs, [self.annotations, self.manifest, together])

    def _paths(self, example: Example) -> list[str]:
        """The paths of an example's videos, which are as the manifest has them, in a row that is not too long."""
        headers = self._headers(example)
        paths = list(example.videos)
        if self.video_prefix:
            prefix = f"{self.video_prefix.rstrip('/')}/"
            paths = [video if video.startswith(prefix) else prefix + video for video in paths]
        if self.video_root is not None:
            try:
                paths = [_resolved(path, self.video_root) for path in paths]
            except UserError as error:
                raise RecordError(VIDEO_FIELDS[0], MISSING_VIDEO, str(error)) from None
        if self.manifest and self.video_root is not None:
            for video, path in zip(example.videos, paths, strict=True):
                if not _is_as_checked(self.manifest, video, path):
                    detail = f"'{path}' is not as '{self.manifest}' has it: run videokr check again"
                    raise RecordError(VIDEO_FIELDS[0], CHANGED_VIDEO, detail)
        if self.limit:
            self.limit.refuse_longer(example, paths, headers)
        return paths

    def _headers(self, example: Example) -> list[VideoHeader | None]:
        """What the manifest knows of the example's videos, of which it rejects none; None without a manifest."""
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

    def _may_be_left_out(self, error: RecordError) -> bool:
        if error.reason in (MISSING_VIDEO, CHANGED_VIDEO):
            return self.skip_missing_video
        if error.reason == REJECTED_VIDEO or (self.limit and error.reason == self.limit.reason):
            return True  # which is what a manifest and a limit are given for
        return self.skip_invalid


@lru_cache(maxsize=64)  # rows about one video follow each other
def _resolved(path: str, root: Path) -> str:
    return str(resolve_video(path, root))


@lru_cache(maxsize=64)
def _is_as_checked(manifest: Path, video: str, path: str) -> bool:
    try:
        return _manifest(manifest)[plain_path(video)].is_of(os.stat(path))  # noqa: PTH116  (a row pays for it)
    except OSError:  # it was there a moment ago
        return False


_manifest = lru_cache(maxsize=1)(read_manifest)


def add_flag(parser: argparse.ArgumentParser, name: str, **settings: Any) -> None:
    """A flag in kebab case, and in the published snake case."""
    parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}")), **settings)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def count_or_all(text: str) -> int:
    """A number of rows, or ALL."""
    value = int(text)
    if value < ALL:
        raise argparse.ArgumentTypeError(f"{text} is no number of rows, nor {ALL}, which is all")
    return value


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    add_flag(parser, "manifest", type=given_path, help="of `videokr check`: leaves out records whose video it rejects")
    add_flag(
        parser, "model", type=given_path, help="checkpoint folder: leaves out rows longer than --max-tokens with it"
    )
    add_flag(parser, "max-tokens", type=positive, help=f"of a row, with --model (default: {MAX_TOKENS})")
    add_flag(parser, "together", type=given_path, metavar="FILE", help="together.jsonl of `videokr decontaminate`, or "
             "a list of `videos` a line, not to be split")  # fmt: skip
    add_flag(
        parser,
        "skip-missing-video",
        action="store_true",
        help="leave out rows whose video is not there, or has changed since it was checked, and list them",
    )
    add_flag(parser, "skip-invalid", action="store_true", help="leave out records that cannot be read")
    add_flag(parser, "workers", type=positive, help="has no effect any more: rows are read in one loop")
    add_flag(parser, "dry-run", action="store_true", help="show ten rows as the host will see them, and write nothing")


def with_shared_flags(source: Source, args: argparse.Namespace, budget: VideoBudget, with_response: bool) -> Source:
    """The source as the shared flags want it.

    Raises:
        UserError: the manifest or the model is not there, or --max-tokens stands alone.
    """
    if args.max_tokens and not args.model:
        raise UserError("--max-tokens counts with a tokenizer: give --model, too")
    if args.manifest and not args.manifest.is_file():
        raise UserError(f"--manifest '{args.manifest}' is not there: videokr check writes it")
    limit = None
    if args.model:
        family_of(args.model)
        limit = LengthLimit(args.model, args.max_tokens or MAX_TOKENS, budget, with_response, agentic=args.agentic)
    if args.workers:
        print("--workers has no effect any more: rows are read in one loop", file=sys.stderr)
    return replace(source, manifest=args.manifest, limit=limit, skip_missing_video=args.skip_missing_video,
                   skip_invalid=args.skip_invalid)  # fmt: skip


def nearest_folder(path: Path) -> Path:
    """The folder itself or, as long as it is not there, the nearest one above: on the disk that is written to."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
