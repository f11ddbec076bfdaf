"""MLVU: its rows as records."""

from typing import Any

from lmms_eval_tasks import stock


def read_row(row: stock.Row) -> dict[str, Any]:
    question, options = stock.split_question(row["question"])
    return {
        "question": question,
        "options": options,
        "problem_type": "multiple choice",
        "answer": row["answer"],
        "video_path": row["video_name"],
        "task_type": row["task_type"],
    }


process_docs = stock.process_docs("sy1998/MLVU_dev", "mlvu", read_row)
