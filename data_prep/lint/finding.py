"""What every check is given and gives: a row of an annotation file, and the faults and doubts that it may have."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from videokr.errors import RecordError
from videokr.example import Example, parse_record
from videokr.fields import NAMING_FIELDS

EXCERPT = 90  # characters

# What the JSON report calls a finding, and what it says of the rows that it counts.
FAULTS = {  # of a row that should not go on as it is
    "unreadable": "cannot be read as an example",
    "tag-unclosed": "a tag of the response form is opened or closed alone",
    "tag-doubled": "a tag of the response form stands twice",
    "tag-misplaced": "a tag of the response form stands where it does not belong",
    "tag-broken": "a tag of the response form is misspelled",
    "repeated-option": "two options say the same",
    "answer-in-question": "the answer stands in the question",
    "no-rationale": "no reasoning, though the file's other rows have one",
    "short-rationale": "a reasoning of a few words only",
    "cut-rationale": "the reasoning breaks off",
    "repeated-rationale": "the reasoning says the same again and again",
    "not-english": "not English",
    "too-long": "longer than the token budget",
    "video-in-two-files": "the video is in another file, too",
    "id-twice": "the id is that of an earlier row of the file",
    "row-twice": "the same row again: question, options, answer and video",
    "two-answers": "the same question and options about the same video with another answer",
}
DOUBTS = {  # which may be meant
    "question-twice": "the same question about the same video, with other options or another order or kind",
    "question-in-two-files": "the same question and options in an earlier file",
    "unusual-option-count": "a number of options that the file hardly has otherwise",
    "group-missing": "no value in a field that the file's other rows have",
    "long-answer": "an open-ended answer that is longer than a final answer",
}
GRADES = {"fault": FAULTS, "doubt": DOUBTS}


class Flag(NamedTuple):
    """A finding in one row.

    Attributes:
        finding: its name in FAULTS or DOUBTS; "longest" is neither, and shows what a bias is made of.
        detail: what was found in this row.
        weight: how bad it is among its like; the highest are shown.
        field: of the record, where one is at fault.
        reason: the kind of it, where a finding has several.
    """

    finding: str
    detail: str
    weight: float = 0.0
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an annotation file: the raw record, and what it was read as.

    Attributes:
        line: or its place in a list, counted from 1.
        record: as the file has it; empty for what is no JSON object.
        example: None where it cannot be read.
        error: why it cannot.
    """

    line: int
    record: dict[str, Any]
    example: Example | None
    error: RecordError | None

    @property
    def id(self) -> str:
        """As the record has it, of its fields or its video; empty where it has none."""
        return self.example.id if self.example else self.given_id

    @property
    def given_id(self) -> str:
        """Of a field that is there to name the row; empty where there is none."""
        for name in NAMING_FIELDS:
            value = self.record.get(name)
            if isinstance(value, str | int | float) and str(value).strip():
                return str(value).strip()
        return ""


def read_row(line: int, record: Any) -> Row:
    raw = record if isinstance(record, dict) else {}
    try:
        return Row(line, raw, parse_record(record), None)
    except RecordError as error:
        return Row(line, raw, None, error)


def excerpt(text: str) -> str:
    """A text in one line, cut to EXCERPT characters."""
    text = " ".join(text[: 4 * EXCERPT].split())
    return text if len(text) <= EXCERPT else text[: EXCERPT - 3].rstrip() + "..."
