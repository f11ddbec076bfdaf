"""The rows of VideoTemp-Bench (arXiv 2602.07801), as records in the published field names.

A row has `videos`, `question` with the options as lines `A. text`, `answer` (a letter), `duration` in seconds and
`timestamp`, where the answer is seen. It is asked twice: which option is right, and when the answer is to be seen.
"""

from collections.abc import Mapping
from typing import Any

from videokr.example import parse_example
from videokr.options import LETTERS
from videokr.response import Kind

DURATIONS = {"<3 min": 3 * 60, "3-10 min": 10 * 60, "10-20 min": 20 * 60}  # with where each ends, in seconds
LONGEST = ">20 min"
DURATION_BUCKETS = (*DURATIONS, LONGEST)
# What its scripts open, from the root of the repository: the data set is to be put there.
PUBLISHED_FOLDER = "eval/videotemp/data/"


def duration_bucket(seconds: float) -> str:
    return next((name for name, end in DURATIONS.items() if seconds < end), LONGEST)


def read_choice_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The question of a row, with where its answer is seen as the clue."""
    return {
        "question": row["question"],
        "problem_type": Kind.MULTIPLE_CHOICE.value,
        "answer": row["answer"],
        "video_path": row["videos"][0].removeprefix(PUBLISHED_FOLDER),
        "clue": row["timestamp"],
        "duration_bucket": duration_bucket(row["duration"]),
    }


def read_grounding_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """When the answer is seen, asked with the question and the text of the right option, as the benchmark does."""
    choice = read_choice_row(row)
    asked = parse_example(choice)
    return {
        "question": (
            "When does the video show the answer to this question?\n"
            f"Question: {asked.question}\nAnswer: {asked.options[LETTERS.index(asked.answer)]}"
        ),
        "problem_type": Kind.GROUNDING.value,
        "answer": row["timestamp"],
        "video_path": choice["video_path"],
        "duration_bucket": choice["duration_bucket"],
    }
