"""A source read once, and its records written or shown."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from data_prep.importing.caption_folder import FOLDER, LINKED_FOLDER, NO_CAPTION, NO_VIDEO
from data_prep.importing.columns import Columns
from data_prep.importing.importer import Importer
from data_prep.importing.row import Source
from data_prep.importing.summary import Summary
from data_prep.left_out import LeftOut
from data_prep.prepare.source import MISSING_VIDEO
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.outputs import written_aside

PREVIEW = 10  # records
COUNTED_ALONE = (NO_CAPTION, NO_VIDEO, FOLDER, LINKED_FOLDER)  # nothing that was meant to be a record


@dataclass(frozen=True, slots=True)
class Import:
    """
    Attributes:
        source: what is read.
        name: of it, as the user gave it.
        columns: that its rows are read by.
        importer: makes records of its rows.
        skip_invalid, skip_missing_video: leave such rows out, instead of stopping.
        left_out: gets one fault for every row left out.
    """

    source: Source
    name: str
    columns: Columns
    importer: Importer
    skip_invalid: bool
    skip_missing_video: bool
    left_out: LeftOut

    def records(self, advance: Callable[[int], Any]) -> Generator[tuple[Example, bytes], None, None]:
        """Each example, and its line.

        Raises:
            UserError: a row cannot be made a record and is not to be left out; names file, line and field.
        """
        for row in self.source.rows(advance):
            try:
                if isinstance(row.content, RecordError):
                    raise row.content
                example, record = self.importer.record_of(row.content)
            except RecordError as error:
                fault = row.located(error, self.name)
                self._refuse(fault)
                self.left_out.add(fault)
            else:
                yield example, orjson.dumps(record) + b"\n"

    def write(self, output: Path) -> Summary:
        """
        Raises:
            UserError: see `records`; or there is no record.
        """
        summary = Summary()
        total, unit = self.source.total, self.source.unit
        with (
            written_aside(output) as aside,
            aside.open("wb") as out,
            tqdm(desc="importing", total=total, unit=unit, unit_scale=True, disable=None) as bar,
        ):
            for example, line in self.records(bar.update):
                out.write(line)
                summary.add(example)
            if absent := self.columns.absent:
                raise UserError(f"--column: no row of '{self.name}' has {', '.join(map(repr, absent))}")
            self.columns.refuse_absent_rows(self.name)
            if not summary.records:
                reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.left_out.counts.most_common())
                raise UserError(f"'{self.name}': no record in it (left out: {reasons or 'nothing'})")
        return summary

    def preview(self) -> tuple[Summary, list[bytes]]:
        """The first records, as they would be written."""
        summary, lines = Summary(), []
        with closing(self.records(lambda units: None)) as records:
            for example, line in islice(records, PREVIEW):
                summary.add(example)
                lines.append(line)
        self.columns.refuse_absent_rows(self.name)
        return summary, lines

    def _refuse(self, fault: RecordError) -> None:
        if fault.reason in COUNTED_ALONE:
            return
        if fault.reason == MISSING_VIDEO:
            may_be_left_out, flag = self.skip_missing_video, "--skip-missing-video"
        else:
            may_be_left_out, flag = self.skip_invalid, "--skip-invalid"
        if not may_be_left_out:
            raise UserError(f"{fault}; {flag} leaves such rows out")
