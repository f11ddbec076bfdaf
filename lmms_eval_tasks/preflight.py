"""Finds the user's mistakes before the host starts, and writes the task that it will run."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lmms_eval_tasks.benchmark import annotations_from_env, read_benchmark, root_from_env, write_rows, write_text
from videokr.errors import UserError, exit_status
from videokr.example import Example
from videokr.family import context_tokens, find_family
from videokr.judge import sync_judge
from videokr.video_file import read_header

TASK = "videokr_eval"
SHIPPED_TASK = Path(__file__).parent / TASK / f"{TASK}.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lmms_eval_tasks.preflight", description=__doc__)
    parser.add_argument("--model", required=True, help="checkpoint folder, or its name on the hub")
    parser.add_argument("--tasks", required=True, help="names separated by commas")
    parser.add_argument("--max-model-len", type=int, required=True, help="context that is asked for, in tokens")
    parser.add_argument("--gen-kwargs", default="", help="over the task's: name=value, separated by commas")
    parser.add_argument("--limit", help="as lmms-eval takes it: a number of questions, or a share below 1")
    parser.add_argument("--task-dir", type=Path, required=True, help="where the task is written")
    options = parser.parse_args(arguments)

    if find_family(options.model):
        check_context(Path(options.model).expanduser(), options.max_model_len)
    check_generation(options.gen_kwargs)
    limit = None if options.limit is None else question_limit(options.limit)
    if TASK in map(str.strip, options.tasks.split(",")):
        examples = read_benchmark(root_from_env(os.environ), limit, annotations_from_env(os.environ))
        check_videos(examples[:limit])
        grader = sync_judge.from_env(os.environ)
        if grader is not None:
            grader.check()
        write_task(examples, options.task_dir)
        print(f"{TASK}: {len(examples)} questions; judge: {grader.model if grader else 'none'}")
    return 0


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


def write_task(examples: Sequence[Example], folder: Path) -> None:
    """Writes the rows and, beside them, the shipped task with nothing changed but where it reads.

    A local file is then evaluated as the published one is, and without the hub.
    """
    rows = (folder / f"{TASK}.jsonl").absolute()
    write_rows(examples, rows)
    write_text(
        folder / f"{TASK}.yaml",
        f"task: {TASK}\n"
        f"include: {_quoted(SHIPPED_TASK)}\n"
        "dataset_path: json\n"
        f"dataset_kwargs:\n  data_files:\n    test: {_quoted(rows)}\n"
        "process_docs: null\n",
    )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(exit_status(main))
