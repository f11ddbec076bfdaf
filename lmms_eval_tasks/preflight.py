"""Finds the user's mistakes before the host starts, and writes the tasks that it will run."""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lmms_eval_tasks import catalogue
from lmms_eval_tasks.benchmark import annotations_from_env, read_benchmark, root_from_env
from videokr.budget import EVAL_BUDGET, SAMPLINGS
from videokr.errors import UserError, exit_status
from videokr.evaluation.card import RunCard, installed_versions, questions_digest
from videokr.evaluation.judge import check_judge
from videokr.evaluation.judge_settings import Limits, Settings, read_settings
from videokr.evaluation.probe import Probe, read_probe, swap_videos
from videokr.example import Example, to_record
from videokr.family import context_tokens, find_family
from videokr.fingerprint import model_fingerprint
from videokr.outputs import atomic_write
from videokr.prompt import prompt_digest
from videokr.training_card import departures, read_training_card
from videokr.video.proxy import video_reading
from videokr.video.timeline import read_header

PREFIX = "videokr_"
EVAL_TASK = "videokr_eval"
SHARED = catalogue.TASKS / "_videokr.yaml"
EXTRACTOR = "videokr"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lmms_eval_tasks.preflight", description=__doc__)
    parser.add_argument("--model", required=True, help="checkpoint folder, or its name on the hub")
    parser.add_argument("--backend", default="vllm", help="vllm or hf")
    parser.add_argument("--tasks", required=True, help="names separated by commas")
    parser.add_argument("--fps", type=float, default=EVAL_BUDGET.fps)
    parser.add_argument("--max-frames", type=int, default=EVAL_BUDGET.max_frames)
    parser.add_argument("--max-pixels", type=int, default=EVAL_BUDGET.max_pixels, help="of one frame")
    parser.add_argument("--sampling", choices=SAMPLINGS, default=EVAL_BUDGET.sampling)
    parser.add_argument("--max-model-len", type=int, required=True, help="context that is asked for, in tokens")
    parser.add_argument("--probe", default="", help="what is shown in the place of the videos")
    parser.add_argument("--probe-seed", type=int, default=0)
    parser.add_argument("--gen-kwargs", default="", help="over the task's: name=value, separated by commas")
    parser.add_argument("--limit", help="as lmms-eval takes it: a number of questions, or a share below 1")
    parser.add_argument("--task-dir", type=Path, required=True, help="where the tasks and the run's card are written")
    options = parser.parse_args(arguments)

    if find_family(options.model):
        check_context(Path(options.model).expanduser(), options.max_model_len)
    check_generation(options.gen_kwargs)
    limit = None if options.limit is None else question_limit(options.limit)
    groups = own_tasks([name.strip() for name in options.tasks.split(",")])
    judge = read_settings(os.environ) if groups else None
    if judge is not None:
        Limits.from_env(os.environ)
        check_judge(judge)
    rows = {task: read_task(task, limit) for tasks in groups.values() for task in tasks}
    if read_probe(options.probe) is Probe.SWAPPED:
        rows = {
            task: [*swap_videos(examples[:limit], options.probe_seed), *examples[len(examples[:limit]) :]]
            for task, examples in rows.items()
        }
    for examples in rows.values():
        check_videos(examples[:limit])
    for task, examples in rows.items():
        write_task(examples, options.task_dir, task)
        print(f"{task}: {len(examples)} questions; judge: {judge.model if judge else 'none'}")
    for name, tasks in groups.items():
        if tasks != [name]:
            lines = [f"group: {name}", "task:", *(f"  - {task}" for task in tasks)]
            _write(options.task_dir / f"{name}.yaml", "\n".join(lines) + "\n")
    if rows:
        card = plan_card(options, rows, limit, judge)
        card.write(options.task_dir)
        model = Path(options.model).expanduser()
        training = read_training_card(model) if model.is_dir() else None
        unlike = departures(training, card.budget) if training else []
        if unlike and training:
            print(f"warning: '{model}' was trained otherwise ({training.stage}): {'; '.join(unlike)}", file=sys.stderr)
    return 0


def plan_card(
    options: argparse.Namespace, rows: Mapping[str, Sequence[Example]], limit: int | None, judge: Settings | None
) -> RunCard:
    """The card of the run that is about to start; it becomes the results' own when they are there."""
    folder = Path(options.model).expanduser()
    budget = replace(EVAL_BUDGET, fps=options.fps, sampling=options.sampling)
    return RunCard(
        model=options.model,
        model_fingerprint=model_fingerprint(folder) if folder.is_dir() else None,
        model_revision=None,
        backend=options.backend,
        prompt_sha256=prompt_digest(),
        budget=budget.bounded(options.max_frames, options.max_pixels),
        max_model_len=options.max_model_len,
        generation=options.gen_kwargs,
        probe=read_probe(options.probe),
        extractor=EXTRACTOR,
        judge=None if judge is None else judge.public(),
        seed=options.probe_seed if options.probe else 0,
        data={
            task: {
                "questions": len(examples[:limit]),
                "available": len(examples),
                "sha256": questions_digest(examples[:limit]),
            }
            for task, examples in rows.items()
        },
        versions=installed_versions(),
        videos=video_reading(),
    )


def own_tasks(names: Sequence[str]) -> dict[str, list[str]]:
    """The tasks that each name of ours among these stands for: itself, or those of a group.

    Raises:
        UserError: there is no such task or group, or a task is asked for twice.
    """
    own = [name for name in dict.fromkeys(names) if name.startswith(PREFIX)]
    groups = {name: [name] if name == EVAL_TASK else catalogue.tasks_of(name) for name in own}
    holders: dict[str, str] = {}
    for name, tasks in groups.items():
        for task in tasks:
            if task in holders:
                raise UserError(f"TASKS asks for '{task}' twice, in '{holders[task]}' and in '{name}': leave one out")
            holders[task] = name
    return groups


def read_task(task: str, limit: int | None) -> list[Example]:
    """The questions of a task of ours; the videos of those that are going to be asked are there.

    Raises:
        UserError: a file or a column is missing, or a dataset cannot be had.
    """
    if task == EVAL_TASK:
        return read_benchmark(root_from_env(os.environ), limit, annotations_from_env(os.environ))
    return catalogue.read_task(task, limit)


def question_limit(text: str) -> int | None:
    """How many questions are asked at most; None is all, where lmms-eval takes a share of them.

    Raises:
        UserError: not a number of questions, nor a share.
    """
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or float(text) == 0:
        raise UserError(f"LIMIT is '{text}': a number of questions, at least 1")
    return int(float(text)) or None


def check_context(model: Path, asked: int) -> None:
    """
    Raises:
        UserError: the model has positions for fewer tokens than are asked for.
    """
    own = context_tokens(model)
    if own is not None and asked > own:
        raise UserError(f"MAX_MODEL_LEN is {asked}, but model '{model}' has positions for {own} tokens: set it lower")


def check_generation(text: str) -> None:
    """
    Raises:
        UserError: not name=value, or no positive number of new tokens.
    """
    for setting in filter(None, text.split(",")):
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (name and equals and value):
            raise UserError(f"GEN_KWARGS has '{setting}': name=value is needed, separated by commas")
        if name == "max_new_tokens" and not re.fullmatch("0*[1-9][0-9]*", value, re.ASCII):
            raise UserError(f"GEN_KWARGS has '{setting}': a whole number of at least 1 is needed")


def check_videos(examples: Sequence[Example]) -> None:
    """Reads the header of every video; only decoding, later, finds damage further inside.

    Raises:
        UserError: a file that is not a video.
    """
    for path in dict.fromkeys(video for example in examples for video in example.videos):
        read_header(Path(path))


def write_task(examples: Sequence[Example], folder: Path, task: str = EVAL_TASK) -> None:
    """Writes the rows and, beside them, the shipped task with nothing changed but where it reads.

    A local file is then evaluated as the published one is, and without the hub.
    """
    rows = (folder / f"{task}.jsonl").absolute()
    shipped = catalogue.TASKS / task / f"{task}.yaml"
    _write(rows, "".join(json.dumps(to_record(example), ensure_ascii=False) + "\n" for example in examples))
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


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(exit_status(main))
