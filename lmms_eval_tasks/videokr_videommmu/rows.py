"""VideoMMMU: its rows as records, and one `process_docs` a track."""

from functools import partial
from typing import Any

from lmms_eval_tasks import stock
from videokr.errors import RecordError

# The benchmark's six disciplines; each with the folder of its videos and its subjects.
SUBJECTS = {
    "Art and Design": ("Art", ("Art", "Art_Theory", "Design", "Music")),
    "Business": ("Business", ("Accounting", "Economics", "Finance", "Manage", "Marketing")),
    "Science": ("Science", ("Biology", "Chemistry", "Geography", "Math", "Physics")),
    "Health and Medicine": (
        "Medicine",
        (
            "Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy",
            "Public_Health",
        ),
    ),
    "Humanities and Social Science": ("Humanities", ("History", "Literature", "Psychology", "Sociology")),
    "Tech and Engineering": (
        "Engineering",
        (
            "Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics", "Energy_and_Power",
            "Materials", "Mechanical_Engineering",
        ),
    ),
}  # fmt: skip
PLACES = {subject: (discipline, folder) for discipline, (folder, subjects) in SUBJECTS.items() for subject in subjects}


def read_row(row: stock.Row, track: str) -> dict[str, Any]:
    subject = "_".join(str(row["id"]).split("_")[1:-1])  # validation_Art_Theory_3
    if subject not in PLACES:
        raise RecordError("id", "names no subject of the benchmark", repr(row["id"]))
    discipline, folder = PLACES[subject]
    options = () if row.get("question_type") == "open" else row["options"] or ()
    return {
        "id": f"{row['id']}_{track}",
        "question": row["question"],
        "options": stock.by_letter(options),
        "problem_type": "multiple choice" if options else "open-ended",
        "answer": row["answer"],
        "video_path": f"{folder}/{row['id']}.mp4",
        "subject": subject,
        "discipline": discipline,
        "task_type": track,
    }


perception, comprehension, adaptation = (
    stock.process_docs("lmms-eval/VideoMMMU", "video_mmmu", partial(read_row, track=track))
    for track in ("perception", "comprehension", "adaptation")
)
