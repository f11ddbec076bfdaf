"""MMVU: its rows as records."""

from pathlib import Path
from typing import Any

from lmms_eval_tasks import stock
from videokr.example import Kind, parse_kind

# The benchmark's four disciplines.
SUBJECTS = {
    "Science": (
        "Astronomy", "Biology", "Chemistry", "Electromagnetism", "Geography", "Materials_Science", "Mechanics",
        "Modern_Physics", "Neurobiology", "Thermodynamics",
    ),
    "Engineering": (
        "Biomedical_Engineering", "Civil_Engineering", "Computer_Science", "Electrical_Engineering",
        "Electronics_and_Communication", "Mechanical_Engineering",
    ),
    "Healthcare": ("Basic_Medicine", "Clinical_Medicine", "Dentistry", "Pharmacy", "Preventive_Medicine"),
    "Humanities and Social Science": ("Art", "Economics", "History", "Law", "Literature", "Management"),
}  # fmt: skip
DISCIPLINES = {subject: discipline for discipline, subjects in SUBJECTS.items() for subject in subjects}


def read_row(row: stock.Row) -> dict[str, Any]:
    kind = parse_kind(row["question_type"], "question_type")
    choices = (row["choices"] or {}) if kind is Kind.MULTIPLE_CHOICE else {}  # an open question has empty ones
    subject = Path(str(row["video_path"])).parent.name
    return {
        "id": row["id"],
        "question": row["question"],
        "options": {letter: text for letter, text in choices.items() if text},
        "problem_type": kind.value,
        "answer": row["answer"],
        "video_path": row["video_path"],
        "subject": subject,
        "discipline": DISCIPLINES.get(subject),
    }


process_docs = stock.process_docs("lmms-eval/MMVU", "mmvu", read_row)
