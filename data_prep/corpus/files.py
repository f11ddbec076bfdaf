"""What the steps have left in a corpus's folder, of one machine or of several."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from data_prep.corpus.ledger import NAME
from data_prep.corpus.review import Review
from data_prep.corpus.settings import Corpus
from data_prep.corpus.work import PROVENANCE, WHOLE, Work, output_of
from data_prep.left_out import LeftOut
from videokr.errors import RecordError, UserError
from videokr.example import Example
from videokr.jsonl import parse_record, read_records

# Steps over videos, and the names of their outputs.
SCREENINGS = (("collect", "collected"), ("relevance", "relevant"), ("moderation", "moderated"))


class Origin(BaseModel):
    """What a record says of one step in its provenance; see `Work.made_by`."""

    models: tuple[str, ...]
    prompt: str
    calls: tuple[str, ...]


_ORIGINS = TypeAdapter(dict[str, Origin])


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
            origins = _ORIGINS.validate_python(record.get(PROVENANCE, {}))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            where = ".".join(map(str, detail["loc"]))
            raise RecordError(
                PROVENANCE, "not as a step writes it", f"{where} {detail['msg']}", str(source), line
            ) from None
        except RecordError as error:
            raise error.located(str(source), line) from None
        yield Row(record, example, origins)


def source_of(corpus: Corpus, step: type[Work[Any]], given: Path | None) -> Path:
    """The file that is given, or that a step has written.

    Raises:
        UserError: the step has not written it.
    """
    source = given or output_of(corpus, step.name, WHOLE)
    if not given and not source.is_file():
        parts = _parts(corpus, step.name)
        way_out = f"cat {' '.join(map(str, parts))} > {source}" if parts else f"run `videokr corpus {step.step}` first"
        raise UserError(f"'{source}' is not there: {way_out}")
    return source


def ledgers_of(corpus: Corpus) -> list[Path]:
    """Every ledger: of the whole, and of shards."""
    whole = output_of(corpus, NAME, WHOLE)
    stem, _, suffix = NAME.partition(".")
    return [*([whole] if whole.is_file() else []), *_named(corpus, stem, suffix).values()]


def passed(corpus: Corpus, last: type[Review]) -> list[Passed]:
    """What became of the records in each step up to this one, in their order; those of videos, where they were run.

    Raises:
        UserError: files of one step contradict each other.
    """
    screened = [_passed(corpus, step, name, "videos") for step, name in SCREENINGS]
    asked = [_passed(corpus, step.step, step.name, "questions") for step in steps_to(last)]
    return [one for one in screened if one.kept is not None] + asked


def steps_to(last: type[Review]) -> list[type[Work[Any]]]:
    """Each step up to this one, in their order."""
    steps: list[type[Work[Any]]] = [last]
    while issubclass(steps[0], Review):
        steps.insert(0, steps[0].before)
    return steps


def _passed(corpus: Corpus, step: str, name: str, of: str) -> Passed:
    whole = output_of(corpus, name, WHOLE)
    outputs: Sequence[Path] = _parts(corpus, name)
    numbers = [_length(part) for part in outputs]
    if outputs and whole.is_file() and _length(whole) != sum(numbers):
        raise UserError(
            f"'{whole}' has {_length(whole)} records, and its parts have {sum(numbers)}: cat them again, or remove "
            "those of another run"
        )
    if not outputs and whole.is_file() and not _named(corpus, name, "jsonl"):
        outputs, numbers = [whole], [_length(whole)]
    dropped: Counter[str] = Counter()
    for output in outputs:
        listed = LeftOut.list_of(output)
        if listed.is_file():
            dropped.update(record["reason"] for _, record in read_records(listed))
    return Passed(step, of, sum(numbers) if outputs else None, dropped)


def _parts(corpus: Corpus, name: str) -> list[Path]:
    """The outputs of a step's shards, in order; none where one of them is not here.

    Raises:
        UserError: they are shards of different wholes.
    """
    found = _named(corpus, name, "jsonl")
    wholes = {number for _, number in found}
    if len(wholes) > 1:
        raise UserError(
            f"'{corpus.output}' has {name} in {' and in '.join(map(str, sorted(wholes)))} parts: remove one"
        )
    return list(found.values()) if wholes == {len(found)} else []


def _named(corpus: Corpus, stem: str, suffix: str) -> dict[tuple[int, int], Path]:
    """The files of shards: by the number of each, and how many there are."""
    pattern = re.compile(rf"{re.escape(stem)}\.(\d+)-of-(\d+)\.{suffix}")
    names = [(pattern.fullmatch(path.name), path) for path in corpus.output.glob("*")]
    return dict(sorted(((int(found[1]), int(found[2])), path) for found, path in names if found))


def _length(path: Path) -> int:
    with path.open("rb") as file:
        return sum(not line.isspace() for line in file)
