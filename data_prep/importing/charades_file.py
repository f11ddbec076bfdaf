"""Charades-STA's text files: `VIDEO START END##SENTENCE` a line."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.json_file import Number
from data_prep.importing.text_file import encoding_of, opened_text
from videokr.errors import RecordError
from videokr.jsonl import LINE

_LINE = re.compile(r"(\S+) +(\d+(?:\.\d+)?) +(\d+(?:\.\d+)?) *##\s*(.*\S)\s*")


class CharadesFile:
    """A row a line: see `source.Reader`."""

    unit = "B"

    def __init__(self, path: Path, encoding: str | None):
        self.path, self.encoding = path, encoding_of(path, encoding)
        self.total: int | None = path.stat().st_size

    @classmethod
    def opens(cls, path: Path, encoding: str | None) -> bool:
        """Whether a file begins as such a one."""
        with opened_text(path, encoding_of(path, encoding), newline="\n") as (text, _):
            return _LINE.fullmatch(text.readline()) is not None

    def describe(self) -> str:
        return f"lines of Charades-STA, {self.encoding}"

    def records(self, progress: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `source.Reader`."""
        with opened_text(self.path, self.encoding, newline="\n") as (text, file):
            for number, line in enumerate(text, start=1):
                if found := _LINE.fullmatch(line):
                    video, start, end, sentence = found.groups()
                    yield number, {"video": video, "question": sentence, "answer": [[Number(start), Number(end)]]}
                elif line.strip():
                    yield number, RecordError(LINE, "not VIDEO START END##SENTENCE", repr(line[:80]))
                progress(file.tell())
