"""What `videokr decontaminate` has removed of a file, read from what it wrote."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data_prep.decontamination.command import MATCHES
from data_prep.decontamination.match import REMOVED, Kind
from videokr.errors import UserError
from videokr.jsonl import parse_record, read_records
from videokr.video.paths import plain_path


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed.

    Attributes:
        cleaned: the file of the records that stayed.
        records: that were removed.
        matches: by the name of their kind, those whose records stayed, too.
    """

    cleaned: Path
    records: int
    matches: Counter[str]


def removal(source: Path, folder: Path) -> Removal:
    """Holds a file against what decontamination has left of it.

    Args:
        folder: the `--output` of `videokr decontaminate --train SOURCE`.

    Raises:
        UserError: it is not there, or is of another state of the file.
    """
    cleaned, listed = folder / source.name, folder / MATCHES
    for path in (cleaned, listed):
        if not path.is_file():
            raise UserError(f"'{path}' is not there: run videokr decontaminate --train {source} --output {folder}")
    matches = [match for _, match in read_records(listed)] if listed.stat().st_size else []
    videos = {match["train"] for match in matches if match["kind"] in REMOVED}
    lines = {match["line"] for match in matches if match["kind"] == Kind.QUESTION}
    left = (record for _, record in read_records(cleaned))
    due = next(left, None)
    removed = 0
    for line, record in read_records(source):
        if record == due:
            due = next(left, None)
        elif line in lines or not videos.isdisjoint(map(plain_path, parse_record(record).videos)):
            removed += 1
        else:
            break
    else:
        if due is None:
            return Removal(cleaned, removed, Counter(match["kind"] for match in matches))
    raise UserError(f"'{cleaned}' is of another '{source}': run videokr decontaminate again")
