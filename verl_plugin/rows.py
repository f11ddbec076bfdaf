"""verl's rows: one example as a record of its parquet files. Pure: no host is imported here."""

from collections.abc import Mapping, Sequence
from typing import Any

from videokr.dialogue import SYSTEM
from videokr.example import Example
from videokr.prompt import build_placeholder_prompt
from videokr.response import ANSWER_TAGS

DATA_SOURCE = "videokr"


def build_row(
    example: Example,
    videos: Sequence[str],
    split: str,
    index: int,
    budget: Mapping[str, float | str] | None = None,
    agentic: bool = False,
) -> dict[str, Any]:
    """One row.

    Args:
        videos: where each of the example's videos lies: a path or a `file://` address.
        split: `train` or `test`.
        index: the row's place in its file, from 0.
        budget: fields of a VideoBudget that this row fixes; what it leaves out is decided when the run starts.
        agentic: whether the system turn tells of the crop tool; see `videokr.dialogue`.
    """
    told = [{"role": "system", "content": SYSTEM}] if agentic else []
    return {
        "data_source": DATA_SOURCE,
        "prompt": [*told, {"role": "user", "content": build_placeholder_prompt(example)}],
        "videos": [{"video": video, **(budget or {})} for video in videos],
        "ability": "video_qa",
        "reward_model": {"style": "rule", "ground_truth": ANSWER_TAGS.format(example.answer)},
        "extra_info": {
            "problem_id": example.id,
            "problem_type": str(example.kind),
            "question": example.question,
            "options": list(example.options),
            "answer": example.answer,
            "clues": [list(span) for span in example.clues],
            "source_path": list(example.videos),
            "split": split,
            "index": index,
        },
    }


def row_schema(budget: Mapping[str, float | str]) -> Any:
    """The parquet schema of rows that fix these fields of the budget; a file's first rows do not decide it."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    other = {"fps": pa.float64(), "sampling": text}
    video = {"video": text} | {name: other.get(name, number) for name in budget}
    info = {
        "problem_id": text,
        "problem_type": text,
        "question": text,
        "options": pa.list_(text),
        "answer": text,
        "clues": pa.list_(pa.list_(pa.float64())),
        "source_path": pa.list_(text),
        "split": text,
        "index": number,
    }
    return pa.schema(
        {
            "data_source": text,
            "prompt": pa.list_(pa.struct({"role": text, "content": text})),
            "videos": pa.list_(pa.struct(video)),
            "ability": text,
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct(info),
        }
    )


def placed_rows(rows: Any, split: str, first_index: int) -> Any:
    """A pyarrow table of rows, in their split and numbered on from `first_index`."""
    import pyarrow as pa

    field = rows.schema.field("extra_info")
    info = dict(zip((inner.name for inner in field.type), rows["extra_info"].combine_chunks().flatten(), strict=True))
    info["split"] = pa.array([split] * len(rows), pa.string())
    info["index"] = pa.array(range(first_index, first_index + len(rows)), pa.int64())
    column = pa.StructArray.from_arrays(list(info.values()), fields=list(field.type))
    return rows.set_column(rows.schema.get_field_index(field.name), field, column)


def describe_row(row: Mapping[str, Any]) -> str:
    """A row as the host will see it, for a reader: its prompt, videos, and what the reward compares with."""
    videos = [f"[video] {', '.join(f'{name}={value}' for name, value in video.items())}" for video in row["videos"]]
    turns = [f"[{turn['role']}]\n{turn['content']}" for turn in row["prompt"]]
    return "\n".join([*videos, *turns, f"[ground truth] {row['reward_model']['ground_truth']}"])
