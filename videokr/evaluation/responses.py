"""What a model has said, kept as it says it: an evaluation that was killed goes on where it was."""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videokr.errors import NO_SPACE, UserError


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model said, and how many tokens that took."""

    text: str  # without special tokens
    prompt_tokens: int
    response_tokens: int


class ResponseLog:
    """The responses below one folder. Every process adds to a file of its own, and all read all of them at the start.

    One line a response. A line that was cut off by a kill is no response, and is asked again.

    Args:
        folder: made where it is not there.
        process: names this process's file; no two that run at once may share it.

    Raises:
        UserError: the folder cannot be made, read or written.
    """

    def __init__(self, folder: Path, process: int):
        self._known: dict[str, Generation] = {}
        self._path = folder / f"{process}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("*.jsonl")):
                self._read(path)
            self._file = self._path.open("ab")
            self._file.write(b"\n" if self._file.tell() else b"")  # ends a line that a kill cut off
        except OSError as error:
            raise _unusable(error, self._path) from None

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> Generation | None:
        return self._known.get(key)

    def add(self, key: str, generation: Generation) -> None:
        """Keeps a response: it is in the file when this returns, or UserError says why not; what was kept stays."""
        try:
            self._file.write(json.dumps({"key": key} | asdict(generation)).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unusable(error, self._path) from None
        self._known[key] = generation

    def _read(self, path: Path) -> None:
        broken = 0
        with path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                    key = record.pop("key")
                    self._known[key] = Generation(**record)
                except (ValueError, TypeError, KeyError, AttributeError):
                    broken += bool(line.strip())
        if broken:
            print(f"'{path}': {broken} broken lines; their questions are asked again", file=sys.stderr, flush=True)


def request_key(asked: Any, videos: list[str], settings: Any) -> str:
    """Of everything that a response follows from; a video that was changed since makes another.

    Args:
        asked, settings: what JSON can hold: the messages, and how they are answered.

    Raises:
        UserError: a video is not there.
    """
    files = []
    for video in videos:
        try:
            stat = Path(video).stat()
        except OSError as error:
            raise UserError(f"video '{video}': {error.strerror}") from None
        files.append([video, stat.st_size, stat.st_mtime_ns])
    text = json.dumps([asked, files, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _unusable(error: OSError, path: Path) -> UserError:
    way_out = "make room" if error.errno in NO_SPACE else "see to it"
    return UserError(f"'{error.filename or path}': {error.strerror}: {way_out} and start again; what is in it is kept")
