"""SciVideoBench: its rows as records."""

from typing import Any

from lmms_eval_tasks import stock


def read_row(row: stock.Row) -> dict[str, Any]:
    options = row["options"]
    return {
        "question": row["question"],
        "options": stock.by_letter(options) if isinstance(options, list) else options,
        "problem_type": "multiple choice",
        "answer": row["answer"],
        "video_path": f"jove_{row['video_id']}.mp4",
        "subject": row.get("subject"),
        "discipline": row.get("category"),
        "task_type": row["question_type"],
    }


process_docs = stock.process_docs("groundmore/scivideobench", "scivideobench", read_row)
