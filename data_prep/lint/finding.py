"""The faults and doubts that a row may have, and one that was found."""

from typing import NamedTuple

from data_prep.check.spans import OUTSIDE, REVERSED, TITLES, WHOLE

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
    REVERSED: TITLES[REVERSED],
    OUTSIDE: TITLES[OUTSIDE],
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
    WHOLE: TITLES[WHOLE],
}
GRADES = {"fault": FAULTS, "doubt": DOUBTS}


class Flag(NamedTuple):
    """A finding in one row."""

    finding: str  # its name in FAULTS or DOUBTS; "longest" is neither, and shows what a bias is made of
    detail: str  # what was found in this row
    weight: float = 0.0  # how bad it is among its like; the highest are shown
    field: str = ""  # of the record, where one is at fault
    reason: str = ""  # the kind of it, where a finding has several


def excerpt(text: str) -> str:
    """A text in one line, cut to EXCERPT characters."""
    text = " ".join(text[: 4 * EXCERPT].split())
    return text if len(text) <= EXCERPT else text[: EXCERPT - 3].rstrip() + "..."
