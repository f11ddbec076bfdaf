"""The rows of lmms-eval's own datasets as records in the published field names: a reader a benchmark.

At the end stands what the tasks' YAML names as `process_docs`.
"""

from functools import partial
from pathlib import Path
from typing import Any

from lmms_eval_tasks.stock import CONFIG, Row, by_letter, process_docs
from lmms_eval_tasks.subtitles import longvideobench_cues, videomme_cues, with_subtitles
from videokr.errors import RecordError
from videokr.evaluation.question_groups import FORMS
from videokr.evaluation.videotemp_bench import read_choice_row, read_grounding_row
from videokr.options import LETTERS, split_question
from videokr.response import Kind, parse_kind

Record = dict[str, Any]

LONGVIDEOBENCH_OPTIONS = 5
PADDING = "N/A"  # stands for the options that a question of LongVideoBench has less than others

# MMVU's four disciplines.
MMVU_SUBJECTS = {
    "Science": (
        "Astronomy Biology Chemistry Electromagnetism Geography Materials_Science Mechanics Modern_Physics "
        "Neurobiology Thermodynamics"
    ).split(),
    "Engineering": (
        "Biomedical_Engineering Civil_Engineering Computer_Science Electrical_Engineering "
        "Electronics_and_Communication Mechanical_Engineering"
    ).split(),
    "Healthcare": "Basic_Medicine Clinical_Medicine Dentistry Pharmacy Preventive_Medicine".split(),
    "Humanities and Social Science": "Art Economics History Law Literature Management".split(),
}
MMVU_DISCIPLINES = {subject: discipline for discipline, subjects in MMVU_SUBJECTS.items() for subject in subjects}

# VideoMMMU's six disciplines; each with the folder of its videos and its subjects.
VIDEOMMMU_SUBJECTS = {
    "Art and Design": ("Art", "Art Art_Theory Design Music".split()),
    "Business": ("Business", "Accounting Economics Finance Manage Marketing".split()),
    "Science": ("Science", "Biology Chemistry Geography Math Physics".split()),
    "Health and Medicine": ("Medicine", (
        "Basic_Medical_Science Clinical_Medicine Diagnostics_and_Laboratory_Medicine Pharmacy Public_Health"
    ).split()),
    "Humanities and Social Science": ("Humanities", "History Literature Psychology Sociology".split()),
    "Tech and Engineering": ("Engineering", (
        "Agriculture Architecture_and_Engineering Computer_Science Electronics Energy_and_Power Materials "
        "Mechanical_Engineering"
    ).split()),
}  # fmt: skip
VIDEOMMMU_PLACES = {
    subject: (discipline, folder)
    for discipline, (folder, subjects) in VIDEOMMMU_SUBJECTS.items()
    for subject in subjects
}

# Where the videos of each of MVBench's subtasks lie; its rows do not say it.
MVBENCH_FOLDERS = {
    "action_antonym": "ssv2_video_mp4",
    "action_count": "perception/videos",
    "action_localization": "sta/sta_video_segment",
    "action_prediction": "star/Charades_segment",
    "action_sequence": "star/Charades_segment",
    "character_order": "perception/videos",
    "counterfactual_inference": "clevrer/video_validation",
    "egocentric_navigation": "vlnqa",
    "episodic_reasoning": "tvqa/video_fps3_hq_segment",
    "fine_grained_action": "Moments_in_Time_Raw/videos",
    "fine_grained_pose": "nturgbd_convert",
    "moving_attribute": "clevrer/video_validation",
    "moving_count": "clevrer/video_validation",
    "moving_direction": "clevrer/video_validation",
    "object_existence": "clevrer/video_validation",
    "object_interaction": "star/Charades_segment",
    "object_shuffle": "perception/videos",
    "scene_transition": "scene_qa/video",
    "state_change": "perception/videos",
    "unexpected_action": "FunQA_test/test",
}


def read_longvideobench(row: Row) -> Record:
    options = by_letter([row[f"option{number}"] for number in range(LONGVIDEOBENCH_OPTIONS)])
    return {
        "id": row["id"],
        "question": row["question"],
        "options": {letter: text for letter, text in options.items() if text != PADDING},
        "answer": dict(enumerate(LETTERS)).get(row["correct_choice"]),
        "video_path": row["video_path"],
        "subject": row.get("topic_category"),
        "duration_bucket": row["duration_group"],
        "task_type": row["question_category"],
    }


def read_lvbench(row: Row) -> Record:
    question, options = split_question(row["question"])
    skills = row.get("question_type") or ()  # a question may ask for several
    return {
        "question": question,
        "options": options or by_letter(row.get("options") or ()),
        "answer": row["answer"],
        "video_path": row["video_path"],
        "subject": row.get("type"),
        "task_type": skills if isinstance(skills, str) else ", ".join(sorted(skills)),
    }


def read_mlvu(row: Row) -> Record:
    question, options = split_question(row["question"])
    return {
        "question": question,
        "options": options,
        "answer": row["answer"],
        "video_path": row["video_name"],
        "task_type": row["task_type"],
    }


def read_mmvu(row: Row) -> Record:
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
        "discipline": MMVU_DISCIPLINES.get(subject),
    }


def read_mvbench(row: Row) -> Record:
    subtask, candidates, answer = row[CONFIG], row["candidates"], row["answer"]
    if answer not in candidates:
        raise RecordError("answer", "is none of the candidates", repr(answer))
    return {
        "id": f"{subtask}_{Path(row['video']).stem}",
        "question": row["question"],
        "options": by_letter(candidates),
        "answer": LETTERS[candidates.index(answer)],
        "video_path": f"{MVBENCH_FOLDERS[subtask]}/{row['video']}",
        "task_type": subtask,
    }


def read_scivideobench(row: Row) -> Record:
    options = row["options"]
    return {
        "question": row["question"],
        "options": by_letter(options) if isinstance(options, list) else options,
        "answer": row["answer"],
        "video_path": f"jove_{row['video_id']}.mp4",
        "subject": row.get("subject"),
        "discipline": row.get("category"),
        "task_type": row["question_type"],
    }


def read_videomme(row: Row) -> Record:
    return {
        "id": row["question_id"],
        "question": row["question"],
        "options": by_letter(row["options"]),
        "answer": row["answer"],
        "video_path": f"data/{row['videoID']}.mp4",
        "subject": row["sub_category"],
        "discipline": row["domain"],
        "duration_bucket": row["duration"],
        "task_type": row["task_type"],
    }


def read_videomme_v2(row: Row) -> Record:
    form, level = str(row["group_type"]), str(row["level"])
    if form not in FORMS:
        form += f" {''.join(str(row['group_structure']).split())}"
    if form not in FORMS:
        raise RecordError("group_structure", f"is none of {', '.join(FORMS)}", form)
    return {
        "id": row["question_id"],
        "question": row["question"],
        "options": row["options"],
        "answer": row["answer"],
        "video_path": f"{row['video_id']}.mp4",
        "subject": row["second_head"],
        "discipline": None if level == "None" else f"level {level}",
        "task_type": form,
    }


def read_videoholmes(row: Row) -> Record:
    return {
        "id": f"{row['video ID']}_{row['Question ID']}",
        "question": row["Question"],
        "options": row["Options"],
        "answer": row["Answer"],
        "video_path": f"videos_cropped/{row['video ID']}.mp4",
        "task_type": row["Question Type"],
    }


def read_videommmu(row: Row) -> Record:
    subject = "_".join(str(row["id"]).split("_")[1:-1])  # validation_Art_Theory_3
    if subject not in VIDEOMMMU_PLACES:
        raise RecordError("id", "names no subject of the benchmark", repr(row["id"]))
    discipline, folder = VIDEOMMMU_PLACES[subject]
    options = () if row.get("question_type") == "open" else row["options"] or ()
    track = row[CONFIG].lower()
    return {
        "id": f"{row['id']}_{track}",
        "question": row["question"],
        "options": by_letter(options),
        "problem_type": (Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED).value,
        "answer": row["answer"],
        "video_path": f"{folder}/{row['id']}.mp4",
        "subject": subject,
        "discipline": discipline,
        "task_type": track,
    }


_LONGVIDEOBENCH = ("longvideobench/LongVideoBench", "datasets/longvideobench/videos", read_longvideobench)
_VIDEOMME = ("lmms-eval/Video-MME", "videomme", read_videomme)
_VIDEOTEMP = ("Kwai-Keye/VideoTemp-Bench", "videotemp_bench")

longvideobench = process_docs(*_LONGVIDEOBENCH)
longvideobench_subtitles = process_docs(*_LONGVIDEOBENCH, partial(with_subtitles, longvideobench_cues))
lvbench = process_docs("lmms-eval/LVBench", "lvbench", read_lvbench)
mlvu = process_docs("sy1998/MLVU_dev", "mlvu", read_mlvu)
mmvu = process_docs("lmms-eval/MMVU", "mmvu", read_mmvu)
mvbench = process_docs("OpenGVLab/MVBench", "mvbench_video", read_mvbench)
scivideobench = process_docs("groundmore/scivideobench", "scivideobench", read_scivideobench)
videoholmes = process_docs("TencentARC/Video-Holmes", "video_holmes", read_videoholmes)
videotemp = process_docs(*_VIDEOTEMP, read_choice_row)
videotemp_grounding = process_docs(*_VIDEOTEMP, read_grounding_row)
videomme = process_docs(*_VIDEOMME)
videomme_subtitles = process_docs(*_VIDEOMME, partial(with_subtitles, videomme_cues))
videomme_v2 = process_docs("MME-Benchmarks/Video-MME-v2", "videomme_v2", read_videomme_v2)
videommmu = process_docs("lmms-eval/VideoMMMU", "video_mmmu", read_videommmu)
