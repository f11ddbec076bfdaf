"""What the steps have left in a corpus's folder, of one machine or of several."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from data_prep.corpus.provenance import PROVENANCE, Origin, origins_of
from data_prep.corpus.review import Review
from data_prep.corpus.screening import Moderation, Relevance
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import WHOLE, named, output_of, parts_of
from data_prep.corpus.work import Work
from data_prep.left_out import LeftOut
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.jsonl import parse_record, read_records

# Steps over videos, and the names of their outputs.
SCREENINGS = (Relevance.before, Moderation.before, (Moderation.step, Moderation.name))


@dataclass(frozen=True, slots=True)
class Row:
    """A record, what is asked in it, and its origin by step."""

    record: dict[str, Any]
    example: Example
    origins: dict[str, Origin]

    @property
    def calls(self) -> list[str]:
        """The keys of all its calls."""
        return [key for origin in self.origins.values() for key in origin.calls]


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of the records that a step went over.

    Attributes:
        of: what its records are: videos, or questions.
        kept: how many; None where not all of the step's files are here.
        dropped: how many, by reason.
    """

    step: str
    of: str
    kept: int | None
    dropped: Counter[str]

    @property
    def records(self) -> int | None:
        """How many it went over."""
        return None if self.kept is None else self.kept + self.dropped.total()


def read_rows(source: Path) -> Iterator[Row]:
    """The records of a file.

    Raises:
        UserError: the file is not there or holds nothing.
        RecordError: a record cannot be read, or its id stands for another one already.
    """
    lines: dict[str, int] = {}
    for line, record in read_records(source):
        try:
            example = parse_record(record)
            first = lines.setdefault(example.id, line)
            if first != line:
                raise RecordError("id", "comes twice", f"'{example.id}', first in line {first}")
            origins = origins_of(record)
        except RecordError as error:
            raise error.located(str(source), line) from None
        yield Row(record, example, origins)


def passed(corpus: Corpus, last: type[Review]) -> list[Passed]:
    """What became of the records in each step up to this one, in their order; those of videos, where they were run.

    Raises:
        UserError: files of one step contradict each other.
    """
    screened = [_passed(corpus, step, name, "videos") for step, name in SCREENINGS]
    asked = [_passed(corpus, step.step, step.name, "questions") for step in steps_to(last)]
    return [one for one in screened if one.kept is not None] + asked


def strangers(corpus: Corpus, last: type[Review]) -> Iterator[str]:
    """Says of each step up to this one whose records are not made of those of the step before, as these are now."""
    for before, step in pairwise(steps_to(last)):
        source, output = (output_of(corpus, one.name, WHOLE) for one in (before, step))
        if not (source.is_file() and output.is_file()):
            continue
        known = {_made(record, ()) for _, record in read_records(source)}
        if number := sum(_made(record, (step.step,)) not in known for _, record in read_records(output)):
            yield (
                f"warning: {number:,} records of '{output}' are not made of '{source}' as it is now: run "
                f"`videokr corpus {step.step}` and the steps behind it again"
            )


def _made(record: dict[str, Any], without: Collection[str]) -> int:
    """Stands for what a record was made by."""
    made = {step: one for step, one in record.get(PROVENANCE, {}).items() if step not in without}
    return hash(orjson.dumps(made, option=orjson.OPT_SORT_KEYS))


def steps_to(last: type[Review]) -> list[type[Work[Any]]]:
    """Each step up to this one, in their order."""
    steps: list[type[Work[Any]]] = [last]
    while issubclass(steps[0], Review):
        steps.insert(0, steps[0].before)
    return steps


def _passed(corpus: Corpus, step: str, name: str, of: str) -> Passed:
    whole = output_of(corpus, name, WHOLE)
    outputs: Sequence[Path] = parts_of(whole)
    numbers = [_length(part) for part in outputs]
    if outputs and whole.is_file() and _length(whole) != sum(numbers):
        raise UserError(
            f"'{whole}' has {_length(whole)} records, and its parts have {sum(numbers)}: cat them again, or remove "
            "those of another run"
        )
    if not outputs and whole.is_file() and not named(whole):
        outputs, numbers = [whole], [_length(whole)]
    dropped: Counter[str] = Counter()
    for output in outputs:
        listed = LeftOut.list_of(output)
        if listed.is_file():
            dropped.update(record["reason"] for _, record in read_records(listed))
    return Passed(step, of, sum(numbers) if outputs else None, dropped)


def _length(path: Path) -> int:
    with path.open("rb") as file:
        return sum(not line.isspace() for line in file)
