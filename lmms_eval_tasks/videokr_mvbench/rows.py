"""MVBench: its rows as records, and one `process_docs` a subtask, named like it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmms_eval_tasks import stock
from videokr.errors import RecordError
from videokr.options import LETTERS

if TYPE_CHECKING:
    from datasets import Dataset

# Where the videos of each subtask lie; its rows do not say it.
FOLDERS = {
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


def read_row(row: stock.Row, subtask: str) -> dict[str, Any]:
    candidates, answer = row["candidates"], row["answer"]
    if answer not in candidates:
        raise RecordError("answer", "is none of the candidates", repr(answer))
    return {
        "id": f"{subtask}_{Path(row['video']).stem}",
        "question": row["question"],
        "options": stock.by_letter(candidates),
        "problem_type": "multiple choice",
        "answer": LETTERS[candidates.index(answer)],
        "video_path": f"{FOLDERS[subtask]}/{row['video']}",
        "task_type": subtask,
    }


def __getattr__(subtask: str) -> Callable[["Dataset"], "Dataset"]:
    """What the YAML of a subtask names as `!function ...rows.SUBTASK`."""
    if subtask not in FOLDERS:
        raise AttributeError(f"module '{__name__}' has no attribute '{subtask}'")
    return stock.process_docs("OpenGVLab/MVBench", "mvbench_video", partial(read_row, subtask=subtask))
