"""The shipped tasks and groups of tasks: found and loaded as lmms-eval does, and written for a run."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lmms_eval_tasks.benchmark import annotations_from_env, read_benchmark, root_from_env
from lmms_eval_tasks.stock import is_there, video_root, video_spellings
from lmms_eval_tasks.task import NOT_ASKED_FIELD
from videokr.errors import UserError
from videokr.evaluation.benchmarks import benchmark_of
from videokr.evaluation.verdict import Verdict
from videokr.example import Example, parse_example, to_record
from videokr.outputs import atomic_write

TASKS = Path(__file__).parent / "tasks"
SHARED = TASKS / "_videokr.yaml"
PREFIX, EVAL_TASK = "videokr_", "videokr_eval"


def own_tasks(names: Sequence[str]) -> dict[str, list[str]]:
    """The tasks that each name of ours among these stands for: itself, or those of a group.

    Raises:
        UserError: there is no such task or group, or a task is asked for twice.
    """
    own = [name for name in dict.fromkeys(names) if name.startswith(PREFIX)]
    groups = {name: [name] if name == EVAL_TASK else _tasks_of(name) for name in own}
    holders: dict[str, str] = {}
    for name, tasks in groups.items():
        for task in tasks:
            if task in holders:
                raise UserError(f"TASKS asks for '{task}' twice, in '{holders[task]}' and in '{name}': leave one out")
            holders[task] = name
    return groups


def _tasks_of(name: str) -> list[str]:
    """The task itself, or those of a group and of the groups in it."""
    import yaml

    index = _manager().task_index
    if name not in index:
        known = ", ".join(sorted(one for one in index if benchmark_of(one) in (None, one)))
        raise UserError(f"there is no task '{name}'; there are: {known}")
    if index[name]["type"] == "task":
        return [name]
    group = yaml.safe_load(Path(index[name]["yaml_path"]).read_text(encoding="utf-8"))
    return [task for member in group["task"] for task in _tasks_of(member)]


def read_task(task: str, limit: int | None) -> tuple[list[Example], dict[str, str]]:
    """The questions of a task of ours, its dataset downloaded where it is not there yet.

    Args:
        limit: how many questions are going to be asked; the videos of the others are not looked for.

    Returns:
        The questions, and by path the videos that are not there, with the places that were tried.

    Raises:
        UserError: the dataset cannot be loaded or read.
    """
    if task == EVAL_TASK:
        return read_benchmark(root_from_env(os.environ), limit, annotations_from_env(os.environ))
    from lmms_eval.tasks import get_task_dict
    from tenacity import RetryError

    manager = _manager()
    try:
        loaded = get_task_dict([task], manager, task_type="chat")[task]
    except RetryError as error:  # the host tries five times, whatever the mistake
        cause = error.last_attempt.exception()
        if isinstance(cause, UserError):
            raise cause from None
        reason = f"{type(cause).__name__}: {(str(cause).strip().splitlines() or [''])[0]}"
        raise UserError(
            f"the dataset of task '{task}' cannot be loaded ({reason}); it is downloaded from the hub, into HF_HOME "
            f"('{video_root(os.environ, '.')}'): check the network, and `hf auth login`"
        ) from None
    examples = [parse_example(row) for row in loaded.eval_docs]
    missing = {}
    for video in dict.fromkeys(Path(video) for example in examples[:limit] for video in example.videos):
        if not is_there(video):
            tried = ", ".join(f"'{spelling}'" for spelling in video_spellings(video))
            missing[str(video)] = f"'{video.name}' (tried {tried})"
    return examples, missing


def write_task(
    examples: Sequence[Example], folder: Path, task: str = EVAL_TASK, not_asked: Mapping[int, Verdict] | None = None
) -> None:
    """Writes the rows and, beside them, the shipped task with nothing changed but where it reads.

    A local file is then evaluated as the published one is, and without the hub.

    Args:
        not_asked: the places of questions that are not asked, and what becomes of them.
    """
    rows = (folder / f"{task}.jsonl").absolute()
    shipped = TASKS / f"{task}.yaml"
    verdicts = not_asked or {}
    records = (to_record(one) | {NOT_ASKED_FIELD: verdicts.get(place, "")} for place, one in enumerate(examples))
    _write(rows, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    _write(
        folder / f"{task}.yaml",
        f"task: {task}\n"
        f"include: {_quoted(shipped if shipped.is_file() else SHARED)}\n"
        "dataset_path: json\n"
        "dataset_name: null\n"
        f"dataset_kwargs:\n  data_files:\n    test: {_quoted(rows)}\n"
        "test_split: test\n"
        "process_docs: null\n",
    )


def write_group(name: str, tasks: Sequence[str], folder: Path) -> None:
    lines = [f"group: {name}", "task:", *(f"  - {task}" for task in tasks)]
    _write(folder / f"{name}.yaml", "\n".join(lines) + "\n")


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@cache
def _manager() -> Any:
    from lmms_eval.tasks import TaskManager, eval_logger

    eval_logger.disable("lmms_eval")
    return TaskManager(include_path=str(TASKS), include_defaults=False)
