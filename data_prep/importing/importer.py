"""A source read once, and its records written or shown."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from data_prep.importing.caption_folder import FOLDER, LINKED_FOLDER, NO_CAPTION, NO_VIDEO
from data_prep.importing.columns import Columns
from data_prep.importing.record import RecordMaker
from data_prep.importing.source import Source
from data_prep.importing.summary import Summary
from data_prep.left_out import LeftOut
from data_prep.prepare.source import MISSING_VIDEO
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.outputs import written_aside

PREVIEW_RECORDS = 10
COUNTED_ALONE = (NO_CAPTION, NO_VIDEO, FOLDER, LINKED_FOLDER)  # nothing that was meant to be a record


@dataclass(frozen=True, slots=True)
class Importer:
    """The way from a source to records.

    Attributes:
        source: what is read.
        name: of it, as the user gave it.
        columns: that its rows are read by.
        maker: makes records of its rows.
        skip_invalid, skip_missing_video: leave such rows out, instead of stopping.
        left_out: gets one fault for every row left out.
    """

    source: Source
    name: str
    columns: Columns
    maker: RecordMaker
    skip_invalid: bool
    skip_missing_video: bool
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def no_record(self) -> str:
        """What is said where there is none."""
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.left_out.counts.most_common())
        return f"'{self.name}': no record in it (left out: {reasons or 'nothing'})"

    def write(self, output: Path) -> Summary:
        """Writes all records.

        Raises:
            UserError: a row cannot be made a record and is not to be left out; or there is no record.
        """
        summary = Summary()
        total, unit = self.source.total, self.source.unit
        with (
            written_aside(output) as aside,
            aside.open("wb") as out,
            tqdm(desc="importing", total=total, unit=unit, unit_scale=True, disable=None) as bar,
        ):
            for example, line in self._records(bar.update):
                out.write(line)
                summary.add(example)
            self.columns.refuse_absent(self.name)
            if not summary.records:
                raise UserError(self.no_record)
        return summary

    def preview(self) -> tuple[Summary, list[str]]:
        """The first records, as they would be written, or none."""
        summary, lines = Summary(), []
        with closing(self._records(lambda units: None)) as records:
            for example, line in islice(records, PREVIEW_RECORDS):
                summary.add(example)
                lines.append(line.decode())
        self.columns.refuse_absent_rows(self.name)
        return summary, lines

    def _records(self, advance: Callable[[int], Any]) -> Generator[tuple[Example, bytes]]:
        """Each example, and its line; a row that is none is left out, or ends the import by file, line and field."""
        for row in self.source.rows(advance):
            try:
                if isinstance(row.content, RecordError):
                    raise row.content
                example, record = self.maker.record_of(row.content)
            except RecordError as error:
                fault = row.located(error, self.name)
                self._refuse(fault)
                self.left_out.add(fault)
            else:
                yield example, orjson.dumps(record) + b"\n"

    def _refuse(self, fault: RecordError) -> None:
        is_missing = fault.reason == MISSING_VIDEO
        may_be_left_out = self.skip_missing_video if is_missing else self.skip_invalid
        if not may_be_left_out and fault.reason not in COUNTED_ALONE:
            flag = "--skip-missing-video" if is_missing else "--skip-invalid"
            raise UserError(f"{fault}; {flag} leaves such rows out")
