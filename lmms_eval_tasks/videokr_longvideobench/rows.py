"""LongVideoBench: its rows as records."""

from typing import Any

from lmms_eval_tasks import stock
from videokr.options import LETTERS

PADDING = "N/A"  # stands for the options that a question has less than others
OPTIONS = 5


def read_row(row: stock.Row) -> dict[str, Any]:
    options = stock.by_letter([row[f"option{number}"] for number in range(OPTIONS)])
    return {
        "id": row["id"],
        "question": row["question"],
        "options": {letter: text for letter, text in options.items() if text != PADDING},
        "problem_type": "multiple choice",
        "answer": dict(enumerate(LETTERS)).get(row["correct_choice"]),
        "video_path": row["video_path"],
        "subject": row.get("topic_category"),
        "duration_bucket": row["duration_group"],
        "task_type": row["question_category"],
    }


process_docs = stock.process_docs("longvideobench/LongVideoBench", "datasets/longvideobench/videos", read_row)
