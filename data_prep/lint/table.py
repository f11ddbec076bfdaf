"""A few fixed-size numbers of every row, kept on disk, for what shows only between rows.

A row takes as many bytes there as `_ROW` has, and its id and question beside them; in memory is a column at a time.
"""

import struct
import tempfile
from array import array
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from data_prep.lint import rationales
from data_prep.lint.row import Row
from data_prep.lint.wording import excerpt, key, same_option, same_question
from videokr.example import Kind
from videokr.fields import GROUP_FIELDS, RATIONALE_FIELDS
from videokr.options import LETTERS
from videokr.video.paths import plain_path

_ROW = struct.Struct("<6QIHHBBB")
COLUMNS = (
    "question",
    "options",
    "order",
    "answer",
    "videos",
    "id",
    "line",
    "file",
    "size",
    "marks",
    "choices",
    "groups",
)
HAS_RATIONALE, ENDS_WELL, IS_CHOICE = 1, 2, 4  # of `marks`
LONGEST_ID = 200  # characters that are kept
_CHUNK_ROWS = 50_000


@dataclass(slots=True)
class Entries:
    """Of a piece of a file, as a worker process hands them over.

    Attributes:
        rows: one `_ROW` each.
        texts: id and question of each, `size` bytes in the row.
        several: the place of a row in the piece and the key of a video, for rows with more than one.
    """

    rows: bytearray = field(default_factory=bytearray)
    texts: bytearray = field(default_factory=bytearray)
    several: list[tuple[int, int]] = field(default_factory=list)

    def add(self, file: int, row: Row, flagged: Set[str]) -> None:
        """
        Args:
            flagged: fields of the row that have a finding already; the end of such a rationale is not looked at again.
        """
        example = row.example
        assert example
        is_choice = example.kind is Kind.MULTIPLE_CHOICE
        options = [same_option(option) for option in example.options]
        answer = options[LETTERS.index(example.answer)] if is_choice else same_question(example.answer)
        videos = sorted({plain_path(video) for video in example.videos})
        if len(videos) > 1:
            self.several += [(len(self.rows) // _ROW.size, key(video)) for video in videos]
        ends_well = RATIONALE_FIELDS[0] in flagged or rationales.ends_well(example.rationale or "")
        marks = HAS_RATIONALE * bool(example.rationale) + ENDS_WELL * ends_well + IS_CHOICE * is_choice
        text = f"{row.id[:LONGEST_ID]}\0{excerpt(example.question)}".encode()
        self.texts += text
        self.rows += _ROW.pack(
            key(same_question(example.question)),
            key(example.kind.value, *sorted(options)),
            key(example.kind.value, *options),
            key(answer),
            key(*videos),
            key(row.given_id) if row.given_id else 0,
            row.line,
            file,
            len(text),
            marks,
            len(options),
            sum(1 << place for place, name in enumerate(GROUP_FIELDS) if name in example.groups),
        )


class Place(NamedTuple):
    file: int
    line: int
    id: str
    question: str


class Table:
    """All rows that could be read, in the order of the files."""

    def __init__(self) -> None:
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115  (closed with this object)
        self._texts = tempfile.TemporaryFile()  # noqa: SIM115
        self._count = 0
        self._several_rows, self._several_keys = array("I"), array("Q")
        self._offsets: Any = None

    def __len__(self) -> int:
        return self._count

    def add(self, entries: Entries) -> None:
        self._rows.write(entries.rows)
        self._texts.write(entries.texts)
        for place, video in entries.several:
            self._several_rows.append(self._count + place)
            self._several_keys.append(video)
        self._count += len(entries.rows) // _ROW.size

    def column(self, name: str) -> Any:
        """One of COLUMNS as a numpy array."""
        import numpy as np

        types = np.dtype([(own, f"<{code}") for own, code in zip(COLUMNS, _CODES, strict=True)])
        out = np.empty(self._count, types[name])
        self._rows.seek(0)
        for first in range(0, self._count, _CHUNK_ROWS):
            chunk = np.frombuffer(self._rows.read(_CHUNK_ROWS * _ROW.size), types)
            out[first : first + len(chunk)] = chunk[name]
        return out

    def shown(self) -> tuple[Any, Any]:
        """The number of a row and the key of a video of it, for every video of every row."""
        import numpy as np

        several = np.frombuffer(self._several_rows, np.uint32)
        one = np.setdiff1d(np.arange(self._count, dtype=np.uint32), several)
        keys = self.column("videos")[one]
        return np.concatenate([one, several]), np.concatenate([keys, np.frombuffer(self._several_keys, np.uint64)])

    def place(self, number: int) -> Place:
        import numpy as np

        if self._offsets is None:
            self._offsets = np.cumsum(self.column("size"), dtype=np.uint64)
        self._rows.seek(number * _ROW.size)
        row = dict(zip(COLUMNS, _ROW.unpack(self._rows.read(_ROW.size)), strict=True))
        self._texts.seek(int(self._offsets[number]) - row["size"])
        name, _, question = self._texts.read(row["size"]).decode().partition("\0")
        return Place(row["file"], row["line"], name, question)

    def places(self, numbers: Any) -> Iterator[tuple[int, Place]]:
        for number in numbers.tolist():
            yield number, self.place(number)


_CODES = ["u8"] * 6 + ["u4", "u2", "u2", "u1", "u1", "u1"]
