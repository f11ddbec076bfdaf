"""verl's rows: one example as a record of its parquet files. Pure: no host is imported here."""

from collections.abc import Mapping, Sequence
from typing import Any

from videokr.example import Example
from videokr.prompt import build_placeholder_prompt
from videokr.response import ANSWER_TAGS

DATA_SOURCE = "videokr"


def build_row(
    example: Example, videos: Sequence[str], split: str, index: int, budget: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """One row.

    Args:
        videos: where each of the example's videos lies: a path or a `file://` address.
        split: `train` or `test`.
        index: the row's place in its file, from 0.
        budget: fields of a VideoBudget that this row fixes; what it leaves out is decided when the run starts.
    """
    return {
        "data_source": DATA_SOURCE,
        "prompt": [{"role": "user", "content": build_placeholder_prompt(example)}],
        "videos": [{"video": video, **(budget or {})} for video in videos],
        "ability": "video_qa",
        "reward_model": {"style": "rule", "ground_truth": ANSWER_TAGS.format(example.answer)},
        "extra_info": {
            "problem_id": example.id,
            "problem_type": str(example.kind),
            "question": example.question,
            "options": list(example.options),
            "answer": example.answer,
            "source_path": list(example.videos),
            "split": split,
            "index": index,
        },
    }
