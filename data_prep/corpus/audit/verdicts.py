"""What annotators say of records: their files read, and what they come to together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_prep.corpus.audit.sample import find
from data_prep.corpus.ledger import Ledger
from data_prep.corpus.review import Made
from data_prep.corpus.settings import first_fault
from videokr.errors import UserError

RIGHT, WRONG, UNCLEAR, OPEN = "right", "wrong", "unclear", "open"
KINDS = {
    "answer": "the answer is wrong",
    "question": "the question has no answer, or several",
    "options": "another option is right too, or one gives itself away",
    "rationale": "a step of the rationale is wrong",
    "video": "it can be answered without the video",
    "other": "something else is wrong",
}
VERDICTS = {RIGHT: "right", **KINDS, UNCLEAR: "unclear"}  # as the page offers them: a kind is a record that is wrong


class Entry(BaseModel):
    """What a person entered about a record.

    Attributes:
        record: its id.
        digest: of what the page showed; see `digest_of`.
    """

    model_config = ConfigDict(extra="forbid")

    record: str
    digest: str
    note: str


class Judged(Entry):
    """A verdict."""

    verdict: Annotated[str, Field(pattern=f"^(?:{'|'.join(VERDICTS)})$")]


Entered = TypeVar("Entered", bound=Entry)


class Saved(BaseModel, Generic[Entered]):
    """A file that a page has saved."""

    model_config = ConfigDict(extra="forbid")

    annotator: Annotated[str, Field(min_length=1)]
    step: str
    records: list[Entered]


def read_saved(path: Path, step: str, entry: type[Entered]) -> Saved[Entered]:
    """Reads a file that a page of a step has saved.

    Raises:
        UserError: it is not there, is none, or is of another step.
    """
    try:
        saved = Saved[entry].model_validate_json(path.read_bytes())  # type: ignore[valid-type]
    except FileNotFoundError:
        raise UserError(f"'{path}' is not there: give a file that the page has saved") from None
    except ValidationError as error:
        field, fault = first_fault(error)
        raise UserError(f"'{path}' is none that the page has saved: {field or 'the file'}: {fault}") from None
    if saved.step != step:
        raise UserError(f"'{path}' was saved by a page of '{saved.step}', and not of '{step}'")
    return saved


def unknown(path: Path, entry: Entry, source: Path) -> UserError:
    return UserError(
        f"'{path}' speaks of record '{entry.record}', which '{source}' has not got as the page showed it: give the "
        "file that the page was made of, or make the page again"
    )


def keep(paths: Sequence[Path], step: str, source: Path, ledger: Ledger) -> int:
    """Takes files of verdicts into the ledger, all or none; the same file again changes nothing.

    Returns:
        How many verdicts took the place of another one by the same annotator.

    Raises:
        UserError: a file cannot be read, speaks of a record that `source` has not got, or says two things of one.
    """
    saved = [(path, read_saved(path, step, Judged)) for path in paths]
    known = find(source, {entry.digest for _, file in saved for entry in file.records})
    rows = []
    for path, file in saved:
        said: dict[str, str] = {}
        for entry in file.records:
            if entry.digest not in known:
                raise unknown(path, entry, source)
            if said.setdefault(entry.digest, entry.verdict) != entry.verdict:
                raise UserError(f"'{path}' has two verdicts on record '{entry.record}': take one of them out")
            kind = entry.verdict if entry.verdict in KINDS else ""
            verdict = WRONG if kind else entry.verdict
            row = known[entry.digest].example.id
            rows.append((step, row, entry.digest, file.annotator, verdict, kind, entry.note))
    return ledger.keep_verdicts(rows)


@dataclass(frozen=True, slots=True)
class Opinions:
    """What annotators said of one record.

    Attributes:
        verdicts: right, wrong or unclear, by annotator.
        kinds: of error, by annotator; "" where it is none.
    """

    made: Made
    verdicts: Mapping[str, str]
    kinds: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """What more than half of them say; open where there is none."""
        verdict, number = Counter(self.verdicts.values()).most_common(1)[0]
        return verdict if 2 * number > len(self.verdicts) else OPEN

    @property
    def differs(self) -> bool:
        return len(set(self.verdicts.values())) > 1


def opinions(step: str, source: Path, ledger: Ledger) -> tuple[list[Opinions], int]:
    """What was said of a file's records, and how many records were judged that it has no more."""
    said: dict[str, list[tuple[str, str, str]]] = {}
    for _, digest, annotator, verdict, kind, _ in ledger.verdicts(step):
        said.setdefault(digest, []).append((annotator, verdict, kind))
    known = find(source, said)
    found = [
        Opinions(made, {name: verdict for name, verdict, _ in said[digest]}, {n: kind for n, _, kind in said[digest]})
        for digest, made in known.items()
    ]
    return found, len(said) - len(known)


def alpha(said: Sequence[Opinions]) -> float | None:
    """Krippendorff's alpha of the verdicts as names: any number of annotators, each of whom may have left some out.

    None where it is not defined: no record has two verdicts, or all of those verdicts are the same.
    """
    from nltk.metrics.agreement import AnnotationTask

    triples = [
        (annotator, str(number), verdict)
        for number, one in enumerate(said)
        if len(one.verdicts) > 1
        for annotator, verdict in one.verdicts.items()
    ]
    if len({verdict for _, _, verdict in triples}) < 2:
        return None
    return float(AnnotationTask(triples).alpha())
