"""A source read once, and its records written or shown."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from data_prep.importing.caption_folder import FOLDER, LINKED_FOLDER, NO_CAPTION, NO_VIDEO, CaptionFolder
from data_prep.importing.columns import SHOWN, Columns
from data_prep.importing.record import RecordMaker
from data_prep.importing.source import FileSource
from data_prep.left_out import LeftOut
from data_prep.prepare.source import MISSING_VIDEO
from data_prep.prepare.split import video_key
from videokr.errors import RecordError, UserError
from videokr.outputs import atomic_write

MAX_PREVIEW_RECORDS = 10
COUNTED_ALONE = (NO_CAPTION, NO_VIDEO, FOLDER, LINKED_FOLDER)  # nothing that was meant to be a record


@dataclass(slots=True)
class Importer:
    """The way from a source to records, which are counted."""

    source: FileSource | CaptionFolder
    name: str  # of the source, as the user gave it
    columns: Columns  # that its rows are read by
    maker: RecordMaker
    skip_invalid: bool  # leaves rows out that cannot be records, instead of stopping
    skip_missing_video: bool  # leaves rows out whose video is not there, instead of stopping
    left_out: LeftOut = field(default_factory=LeftOut)
    _kinds: Counter[str] = field(default_factory=Counter)
    _with_rationale: int = 0
    _with_rounds: int = 0
    _videos: set[int] = field(default_factory=set)

    def write(self, output: Path) -> None:
        """Writes all records.

        Raises:
            UserError: a row cannot be made a record and is not to be left out; or there is no record.
        """
        total, unit = self.source.total, self.source.unit
        with (
            atomic_write(output) as aside,
            aside.open("wb") as out,
            tqdm(desc="importing", total=total, unit=unit, unit_scale=True, disable=None) as bar,
        ):
            out.writelines(self._lines(lambda read: bar.update(read - bar.n)))
            self.columns.refuse_absent(self.name)
            if not self._kinds:
                raise UserError(self.no_record)

    def preview(self) -> list[bytes]:
        """The first records, as they would be written, or none."""
        with closing(self._lines(lambda read: None)) as lines:
            shown = list(islice(lines, MAX_PREVIEW_RECORDS))
        self.columns.refuse_absent_rows(self.name)
        return shown

    @property
    def no_record(self) -> str:
        """What is said where there is none."""
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.left_out.counts.most_common())
        return f"'{self.name}': no record in it (left out: {reasons or 'nothing'})"

    def report(self) -> dict[str, Any]:
        """What it came to so far, for a program."""
        taken: dict[str, dict[str, int]] = {}
        for own, shown in SHOWN.items():
            if places := {place: number for (other, place), number in self.columns.taken.items() if other == own}:
                taken[shown] = places
        filled = {place for _, place in self.columns.taken}
        return {
            "source": self.source.describe(),
            "records": self._kinds.total(),
            "kinds": dict(sorted(self._kinds.items())),
            "videos": len(self._videos),
            "with_rationale": self._with_rationale,
            "with_rounds": self._with_rounds,
            "without_rationale": self._kinds.total() - self._with_rationale,
            "left_out": dict(self.left_out.counts),
            "columns": taken,
            "not_used": dict(self.columns.unused),
            "nothing_in": [place for place in self.columns.asked if place not in filled],
        }

    def _lines(self, progress: Callable[[int], Any]) -> Generator[bytes]:
        """Each record; a row that is none is left out, or ends the import by file, line and field."""
        for row in self.source.rows(progress):
            try:
                if isinstance(row.content, RecordError):
                    raise row.content
                example, record = self.maker.record_of(row.content)
            except RecordError as error:
                fault = row.located(error, self.name)
                self._refuse(fault)
                self.left_out.add(fault)
                continue
            self._kinds[example.kind.value] += 1
            self._with_rationale += example.rationale is not None
            self._with_rounds += bool(example.rounds)
            self._videos.update(map(video_key, example.videos))
            yield orjson.dumps(record) + b"\n"

    def _refuse(self, fault: RecordError) -> None:
        is_missing = fault.reason == MISSING_VIDEO
        may_be_left_out = self.skip_missing_video if is_missing else self.skip_invalid
        if not may_be_left_out and fault.reason not in COUNTED_ALONE:
            flag = "--skip-missing-video" if is_missing else "--skip-invalid"
            raise UserError(f"{fault}; {flag} leaves such rows out")
