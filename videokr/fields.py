"""The names that a record's fields have in the field's files, and what one of them holds."""

import math
from collections.abc import Mapping
from typing import Any

from videokr.errors import RecordError

ID_FIELDS = ("id", "problem_id", "file_name")
QUESTION_FIELDS = ("question", "prompt", "problem")
OPTION_FIELDS = ("options", "option", "choices", "choice", "candidates")
KIND_FIELDS = ("problem_type", "question_type")
RATIONALE_FIELDS = ("think", "process")
ANSWER_FIELDS = ("solution", "answer", "correct_answer", "ground_truth", "correct_choice", "answer_id", "answer_idx")
VIDEO_FIELDS = (
    "videos", "video_path", "path", "video", "video_file", "file_name", "video_name", "video_id", "vid_name",
)  # fmt: skip
NAMING_FIELDS = tuple(name for name in ID_FIELDS if name not in VIDEO_FIELDS)  # these name a row and nothing else
PUBLISHED_FIELDS = frozenset(
    (*ID_FIELDS, *QUESTION_FIELDS, *OPTION_FIELDS, *KIND_FIELDS, *ANSWER_FIELDS, *VIDEO_FIELDS)
)
GROUP_FIELDS = ("dataset", "subject", "discipline", "source", "duration_bucket", "task_type")

LABEL_FIELD = "task_type"  # the group that a kind goes to which is none of ours: `findNeedle`, `OCR`
CONVERSATION_FIELDS = ("conversations", "messages")


def present(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the spellings that holds something; blank text, not-a-number and empty lists hold nothing."""
    for name in names:
        value = record.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            if value and not value.isspace():
                return name
        elif isinstance(value, float):
            if not math.isnan(value):
                return name
        elif value != [] and value != {}:
            return name
    return None


def text_of(name: str, value: object) -> str:
    """A field's text or number as text, stripped; RecordError where it is neither, or cannot be written as UTF-8."""
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError(name, "not text", type(value).__name__)
        value = str(value)
    text = value.strip()
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RecordError(name, "half of a surrogate pair stands in the text", ascii(text[:80])) from None
    return text
