"""The shipped tasks and groups of tasks, found and loaded as lmms-eval does."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from lmms_eval_tasks.stock import is_there, video_root, video_spellings
from videokr.errors import UserError
from videokr.evaluation.benchmarks import benchmark_of
from videokr.example import Example, parse_example

TASKS = Path(__file__).parent


def tasks_of(name: str) -> list[str]:
    """The task itself, or those of a group and of the groups in it.

    Raises:
        UserError: there is no such task or group.
    """
    import yaml

    index = _manager().task_index
    if name not in index:
        known = ", ".join(sorted(one for one in index if benchmark_of(one) in (None, one)))
        raise UserError(f"there is no task '{name}'; there are: {known}")
    if index[name]["type"] == "task":
        return [name]
    group = yaml.safe_load(Path(index[name]["yaml_path"]).read_text(encoding="utf-8"))
    return [task for member in group["task"] for task in tasks_of(member)]


def read_task(task: str, limit: int | None) -> list[Example]:
    """The questions of a task, its dataset downloaded where it is not there yet.

    Args:
        limit: how many questions are going to be asked; the videos of the others are not looked for.

    Raises:
        UserError: the dataset cannot be loaded or read, or a video is not there.
    """
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
    for example in examples[:limit]:
        for video in map(Path, example.videos):
            if not is_there(video):
                tried = ", ".join(f"'{spelling}'" for spelling in video_spellings(video))
                raise UserError(
                    f"{task}, question '{example.id}': its video is not there: tried {tried}; "
                    f"lmms-eval keeps videos below HF_HOME, which is '{video_root(os.environ, '.')}'"
                )
    return examples


@cache
def _manager() -> Any:
    from lmms_eval.tasks import TaskManager, eval_logger

    eval_logger.disable("lmms_eval")
    return TaskManager(include_path=str(TASKS), include_defaults=False)
