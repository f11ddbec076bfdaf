"""Finds the user's mistakes before the host starts, and writes the tasks that it will run."""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lmms_eval_tasks.benchmark import GENERATION_NAMES
from lmms_eval_tasks.catalogue import own_tasks, read_task, write_group, write_task
from lmms_eval_tasks.not_asked import Places, check_videos, too_long, without_video
from videokr.budget import EVAL_BUDGET, SAMPLINGS, VideoBudget
from videokr.dialogue import SYSTEM, write_calls
from videokr.errors import UserError, exit_status
from videokr.evaluation.answer import form_from_env
from videokr.evaluation.card import (
    CARD_FILE,
    COMPARABLE,
    RunCard,
    differences,
    installed_versions,
    questions_digest,
    read_card,
)
from videokr.evaluation.judge import check_judge
from videokr.evaluation.judge_settings import JUDGE_VARIABLES, OFF, Limits, Settings, read_settings
from videokr.evaluation.probe import Probe, read_probe, swap_videos
from videokr.evaluation.wording import wording_from_env
from videokr.example import Example
from videokr.family import context_tokens, find_family
from videokr.fingerprint import model_fingerprint
from videokr.generation_prompt import load_processor
from videokr.prompt import prompt_digest
from videokr.response import Kind
from videokr.reward import check_typed
from videokr.training_card import departures, read_training_card
from videokr.video.proxy import video_reading


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
    parser.add_argument("--seed", type=int, default=0, help="of what the model draws")
    parser.add_argument("--gen-kwargs", default="", help="over the task's: name=value, separated by commas")
    parser.add_argument("--limit", type=int, help="ask only the first N questions of each task")
    parser.add_argument("--skip-missing", action="store_true", help="go on where videos are not there")
    parser.add_argument("--task-dir", type=Path, required=True, help="where the tasks and the run's card are written")
    options = parser.parse_args(arguments)

    if find_family(options.model):
        check_context(Path(options.model).expanduser(), options.max_model_len)
    limit = options.limit
    names = [name.strip() for name in options.tasks.split(",")]
    groups = own_tasks(names)
    check_generation(options.gen_kwargs, are_ours=len(groups) == len(names))
    if groups:
        check_typed("the rule for open answers", "run bash local_script/setup_env.sh eval")
    if os.environ.get("SYSTEM_PROMPT"):
        say_wording([name for name in names if name not in groups])
    judge = read_settings(os.environ) if groups else None
    if groups and judge is None:
        say_no_judge(os.environ)
    if judge is not None:
        Limits.from_env(os.environ)
        judge = check_judge(judge)
    read = {task: read_task(task, limit) for tasks in groups.values() for task in tasks}
    rows = {task: examples for task, (examples, _) in read.items()}
    missing = {video: tried for _, of_task in read.values() for video, tried in of_task.items()}
    if read_probe(options.probe) is Probe.SWAPPED:
        rows = {
            task: [*swap_videos(examples[:limit], options.probe_seed), *examples[len(examples[:limit]) :]]
            for task, examples in rows.items()
        }
    questions = {task: examples[:limit] for task, examples in rows.items()}
    not_asked = without_video(questions, missing, options.skip_missing)
    check_videos(questions, not_asked)
    not_asked |= too_long(
        questions, not_asked, budget_of(options), options.max_model_len,
        model=options.model, fps=options.fps, max_frame_num=options.max_frames, max_pixels=options.max_pixels,
        sampling=options.sampling, probe=options.probe, probe_seed=options.probe_seed,
    )  # fmt: skip
    for task, examples in rows.items():
        of_task = {place: verdict for (name, place), verdict in not_asked.items() if name == task}
        write_task(examples, options.task_dir, task, of_task)
        print(f"{task}: {len(examples)} questions; judge: {judge.model if judge else 'none'}")
    for name, tasks in groups.items():
        if tasks != [name]:
            write_group(name, tasks, options.task_dir)
    if rows:
        card = plan_card(options, rows, not_asked, judge)
        refuse_other_run(options.task_dir.parent, card)
        card.write(options.task_dir)
        model = Path(options.model).expanduser()
        training = read_training_card(model) if model.is_dir() else None
        unlike = departures(training, card.budget) if training else []
        if unlike and training:
            print(f"warning: '{model}' was trained otherwise ({training.stage}): {'; '.join(unlike)}", file=sys.stderr)
    return 0


def say_wording(others: Sequence[str]) -> None:
    """Prints what stands around a question.

    Args:
        others: the tasks of the run that are not ours.

    Raises:
        UserError: there are others, whose wording is not ours to choose.
    """
    if others:
        raise UserError(f"SYSTEM_PROMPT is for tasks of VideoKR, and TASKS has '{others[0]}': leave one out")
    wording = wording_from_env(os.environ)
    print(f"system prompt: {wording.system!r}; behind a question: {wording.instructions[Kind.MULTIPLE_CHOICE]!r}")


def say_no_judge(environment: Mapping[str, str]) -> None:
    """Warns where variables of a judge are set, and none is asked for want of credentials."""
    given = sorted(name for name in JUDGE_VARIABLES if environment.get(name, "").strip())
    if given and environment.get("VIDEOKR_USE_VLM_JUDGE", "").strip() != OFF:
        print(
            f"warning: {', '.join(given)} set, and no judge is asked: it needs the key"
            " of its API_TYPE (and Azure its address); docs/evaluation.md, Judge",
            file=sys.stderr,
        )


def check_generation(text: str, are_ours: bool = True) -> None:
    """Looks whether lmms-eval can read what the run generates with.

    Args:
        are_ours: whether all tasks are, of which the names of all settings are known.

    Raises:
        UserError: not name=value, an unknown name, or no positive number of new tokens.
    """
    for setting in filter(None, text.split(",")):
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (name and equals and value):
            raise UserError(f"GEN_KWARGS has '{setting}': name=value is needed, separated by commas")
        if are_ours and name not in GENERATION_NAMES:
            raise UserError(f"GEN_KWARGS has '{name}', which is no setting: {', '.join(GENERATION_NAMES)}")
        if name == "max_new_tokens" and not re.fullmatch("0*[1-9][0-9]*", value, re.ASCII):
            raise UserError(f"GEN_KWARGS has '{setting}': a whole number of at least 1 is needed")


def refuse_other_run(folder: Path, card: RunCard) -> None:
    """Looks whether a folder holds the results of a run that was asked otherwise, which these would replace.

    Raises:
        UserError: it does; says what differs.
    """
    if (folder / CARD_FILE).is_file():
        unlike = differences(read_card(folder), card, (*COMPARABLE, "generation", "sampling_seed"))
        if unlike:
            raise UserError(
                f"'{folder}' holds a run that was asked otherwise ({'; '.join(unlike)}): give this one a RUN_NAME "
                "or an OUTPUT_PATH of its own"
            )


def plan_card(
    options: argparse.Namespace, rows: Mapping[str, Sequence[Example]], not_asked: Places, judge: Settings | None
) -> RunCard:
    """The card of the run that is about to start; it becomes the results' own when they are there."""
    folder = Path(options.model).expanduser()
    wording = wording_from_env(os.environ)
    system, limit = wording.system, options.limit
    if system == SYSTEM:
        system = write_calls(SYSTEM, load_processor(options.model).chat_template)
    return RunCard(
        model=options.model,
        model_fingerprint=model_fingerprint(folder) if folder.is_dir() else None,
        model_revision=None,
        backend=options.backend,
        prompt_sha256=prompt_digest(wording.instructions),
        budget=budget_of(options),
        max_model_len=options.max_model_len,
        generation=options.gen_kwargs,
        probe=read_probe(options.probe),
        extractor=form_from_env(os.environ),
        judge=None if judge is None else judge.public(),
        seed=options.probe_seed if options.probe else 0,
        data={
            task: {
                "questions": len(examples[:limit]),
                "available": len(examples),
                "sha256": questions_digest(examples[:limit]),
                **Counter(verdict.value for (name, _), verdict in not_asked.items() if name == task),
            }
            for task, examples in rows.items()
        },
        versions=installed_versions(),
        videos=video_reading(),
        system_prompt=system,
        sampling_seed=options.seed,
        wording=wording.name,
    )


def budget_of(options: argparse.Namespace) -> VideoBudget:
    budget = replace(EVAL_BUDGET, fps=options.fps, sampling=options.sampling)
    return budget.bounded(options.max_frames, options.max_pixels)


def check_context(model: Path, asked: int) -> None:
    """Looks whether the model has positions for the context that is asked for.

    Raises:
        UserError: the model has positions for fewer tokens than are asked for.
    """
    own = context_tokens(model)
    if own is not None and asked > own:
        raise UserError(f"MAX_MODEL_LEN is {asked}, but model '{model}' has positions for {own} tokens: set it lower")


if __name__ == "__main__":
    sys.exit(exit_status(main))
