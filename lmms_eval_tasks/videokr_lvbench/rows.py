"""LVBench: its rows as records."""

from typing import Any

from lmms_eval_tasks import stock


def read_row(row: stock.Row) -> dict[str, Any]:
    question, options = stock.split_question(row["question"])
    skills = row.get("question_type") or ()  # a question may ask for several
    return {
        "question": question,
        "options": options or stock.by_letter(row.get("options") or ()),
        "problem_type": "multiple choice",
        "answer": row["answer"],
        "video_path": row["video_path"],
        "subject": row.get("type"),
        "task_type": skills if isinstance(skills, str) else ", ".join(sorted(skills)),
    }


process_docs = stock.process_docs("lmms-eval/LVBench", "lvbench", read_row)
