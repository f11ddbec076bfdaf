"""What can be found, in which grade, and what it is called: the catalogue that report and checks share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Grade(StrEnum):
    """How sure a finding is, and what it is of."""

    FAULT = "fault"  # of a row, which should not go on as it is
    DOUBT = "doubt"  # of a row, which may be meant
    BIAS = "bias"  # of a corpus; no single row is at fault


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Attributes:
        name: as JSON has it.
        title: as the report has it; of the rows that it counts.
    """

    name: str
    grade: Grade
    title: str


class Flag(NamedTuple):
    """A finding in one row.

    Attributes:
        finding: the name of a Finding.
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


_FAULTS = {
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
_DOUBTS = {
    "question-twice": "the same question about the same video, with other options or another order or kind",
    "question-in-two-files": "the same question and options in an earlier file",
    "unusual-option-count": "a number of options that the file hardly has otherwise",
    "group-missing": "no value in a field that the file's other rows have",
    "long-answer": "an open-ended answer that is longer than a final answer",
}
_BIASES = {
    "letter": "one letter is right too often",
    "longest": "the longest option is right too often, or too seldom",
    "above": "all or none of the above is right too often, or too seldom",
}

FINDINGS = {
    name: Finding(name, grade, title)
    for grade, titles in ((Grade.FAULT, _FAULTS), (Grade.DOUBT, _DOUBTS), (Grade.BIAS, _BIASES))
    for name, title in titles.items()
}


def of_grade(grade: Grade) -> list[str]:
    """The names of the findings of a grade, in their order."""
    return [finding.name for finding in FINDINGS.values() if finding.grade is grade]
