"""Video-MME: its rows as records."""

from typing import Any

from lmms_eval_tasks import stock


def read_row(row: stock.Row) -> dict[str, Any]:
    return {
        "id": row["question_id"],
        "question": row["question"],
        "options": stock.by_letter(row["options"]),
        "problem_type": "multiple choice",
        "answer": row["answer"],
        "video_path": f"data/{row['videoID']}.mp4",
        "subject": row["sub_category"],
        "discipline": row["domain"],
        "duration_bucket": row["duration"],
        "task_type": row["task_type"],
    }


process_docs = stock.process_docs("lmms-eval/Video-MME", "videomme", read_row)
