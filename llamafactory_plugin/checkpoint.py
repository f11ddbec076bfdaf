"""Where a run begins: at the last whole checkpoint of its output folder, or anew.

By itself the host takes the last checkpoint whether it is whole or not, and of whatever model and data it is; with
`overwrite_output_dir` it starts anew and lets the old checkpoints go one by one.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from safetensors import SafetensorError, safe_open
from torch import distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llamafactory_plugin.data_sets import data_files
from llamafactory_plugin.settings import TEXTS, run_budget
from videokr.errors import UserError
from videokr.generation_prompt import find_generation_prompt
from videokr.outputs import atomic_write
from videokr.training_card import (
    TrainingCard,
    compare_with_begun,
    make_training_card,
    read_own_card,
    write_training_card,
)
from videokr.video.proxy import video_reading

RESUME, ANEW = "resume_from_checkpoint", "overwrite_output_dir"  # the host's settings
NAME = re.compile(r"checkpoint-(\d+)")
STATE_FILE, LOG_FILE = "trainer_state.json", "trainer_log.jsonl"  # the host's; it writes the state last
ARCHIVES = (".pt", ".pth", ".bin")
NOT_WHOLE, AT_THE_END, BEYOND = "it is not whole", "it is at the last step", "max_steps or num_train_epochs end before"
NO_OPTIMIZER = "it holds no optimizer (save_only_model), or not all of it"
WAYS_OUT = f"give another output_dir, or {ANEW}=true to remove its checkpoints and start anew"
# What a change of does not change what is learnt: names and places (data and model are compared by content), output.
NOT_LEARNT = {
    *TEXTS, RESUME, ANEW, "overwrite_cache", "preprocessing_num_workers", "dataloader_num_workers", "ddp_timeout",
    "logging_steps", "save_steps", "save_strategy", "save_total_limit", "save_only_model", "plot_loss", "report_to",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins.

    Attributes:
        checkpoint: that the run goes on from; None where it starts anew.
        removed: checkpoints that go when training begins, and why.
        finished_at: step at which the run of the output folder ended, where nothing is left to be trained.
    """

    checkpoint: Path | None
    removed: Mapping[Path, str]
    finished_at: int | None = None

    def settings(self) -> dict[str, Any]:
        """For the host, which would otherwise look for itself."""
        return {RESUME: self.checkpoint and str(self.checkpoint), ANEW: self.checkpoint is None}


def find_start(config: Mapping[str, Any]) -> Start:
    """Looks where a run begins. It changes nothing, so that every worker finds the same.

    Raises:
        UserError: `resume_from_checkpoint` cannot be gone on from, or the output folder holds a run that is neither to
            be gone on with nor to be overwritten.
    """
    if not config.get("do_train"):
        return Start(None, {})
    folder, given = Path(config["output_dir"]), config.get(RESUME)
    inside = _checkpoints(folder)
    if given and given is not True:
        return _given_start(Path(str(given)), folder, config)
    if config.get(ANEW):
        return Start(None, dict.fromkeys(inside, f"{ANEW}=true"))
    state = _read_state(folder)
    if given is False and (inside or state):
        raise UserError(f"'{folder}' holds a run, and {RESUME} is false: {WAYS_OUT}")
    if state and (_is_over(state, config) or config.get("early_stopping_steps")):
        return Start(None, {}, finished_at=state["global_step"])
    faults = {path: _fault(path, config) for path in inside}
    broken = {path: fault for path, fault in faults.items() if fault == NOT_WHOLE}
    last = next((path for path, fault in faults.items() if fault not in (NOT_WHOLE, AT_THE_END)), None)
    if last and not faults[last]:
        return Start(last, broken)
    if state or len(broken) < len(faults):
        told = "; ".join(f"{path.name}: {fault}" for path, fault in faults.items() if fault) or "none"
        raise UserError(f"'{folder}' holds a run and no checkpoint to go on from ({told}): {WAYS_OUT}")
    return Start(None, broken)


def _given_start(path: Path, folder: Path, config: Mapping[str, Any]) -> Start:
    if fault := _fault(path, config):
        raise UserError(f"{RESUME} '{path}' cannot be gone on from: {fault}")
    is_own = path.resolve().parent == folder.resolve()
    if is_own and config.get(ANEW):
        raise UserError(f"{ANEW}=true would remove {RESUME} '{path}': leave one of them out")
    others = [each for each in _checkpoints(folder) if not is_own or _number(each) > _number(path)]
    if config.get(ANEW):
        return Start(path, dict.fromkeys(others, f"{ANEW}=true"))
    if kept := [each.name for each in others if _fault(each, config) != NOT_WHOLE]:
        raise UserError(
            f"'{folder}' holds {', '.join(kept)}, and going on from '{path}' would mix its own with them: remove them, "
            "or give another output_dir"
        )
    return Start(path, dict.fromkeys(others, NOT_WHOLE))


def card_of(config: dict[str, Any]) -> TrainingCard:
    """The training card of a run; its configuration is as the host gets it."""
    settings = {name: value for name, value in sorted(config.items()) if name not in NOT_LEARNT}
    settings["processes"] = int(os.environ.get("WORLD_SIZE", "1"))
    model, budget = str(config["model_name_or_path"]), run_budget(config)
    prompt = find_generation_prompt(model)
    return make_training_card("sft", budget, video_reading(), model, data_files(config), settings, prompt)


def compare(start: Start, config: Mapping[str, Any], card: TrainingCard) -> list[str]:
    """Holds a run that goes on against the one that began.

    Returns:
        What a user is told of the start, one line each.

    Raises:
        UserError: the run is of another model or other data, or cannot be told to be of the same.
    """
    folder = Path(config["output_dir"])
    lines = [f"'{path}' is removed: {why}" for path, why in start.removed.items()]
    if start.checkpoint is None and start.finished_at is None:
        return lines
    begun_in = start.checkpoint.resolve().parent if start.checkpoint else folder
    begun = read_own_card(begun_in)
    if (begun is None or begun.data is None) and not isinstance(config.get(RESUME), str):
        raise UserError(
            f"'{folder}' holds a run that left no card of its model and data, so that nothing tells whether it is this "
            f"one: give {RESUME}=CHECKPOINT to go on from one of its checkpoints; otherwise {WAYS_OUT}"
        )
    differences = [f"  {line}" for line in compare_with_begun(begun_in, card, ["finetuning_type"])]
    if start.finished_at is not None:
        is_over = f"the run in '{folder}' is finished, at step {start.finished_at}: nothing is trained"
        return [f"{is_over}; more num_train_epochs or max_steps go on, {ANEW}=true starts anew", *differences]
    return [*lines, f"going on from '{start.checkpoint}'", *differences]


class Begin(TrainerCallback):
    """Leaves in the output folder what belongs to the run, and its card, when training begins.

    Args:
        card: in the first process; None in the others.
    """

    def __init__(self, start: Start, card: TrainingCard | None):
        self._start, self._card = start, card
        self._begun_at = 0

    def on_init_end(self, *_: Any, **__: Any) -> None:
        """Raises UserError where nodes do not begin at one checkpoint, and would wait for each other for ever."""
        if distributed.is_initialized():
            found: list[Any] = [None] * distributed.get_world_size()
            distributed.all_gather_object(found, str(self._start.checkpoint))
            if len(set(found)) > 1:
                raise UserError(f"the nodes would begin at {', '.join(sorted(set(found)))}: give all one output_dir")

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        self._begun_at = state.global_step
        if self._card is None:
            return
        # The host has let all wait for each other since, so that none looks for its start any more.
        folder = Path(args.output_dir)
        for path in self._start.removed:
            shutil.rmtree(path)
        (folder / STATE_FILE).unlink(missing_ok=True)
        if (folder / LOG_FILE).is_file():
            _cut_log(folder / LOG_FILE, state.global_step)
        write_training_card(folder, self._card)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **_: Any
    ) -> None:
        """Counts the steps since the start alone: the host divides their loss, and their time, by all of the run's."""
        if "train_loss" not in logs or not self._begun_at:
            return
        share = 1 - self._begun_at / state.global_step
        for told in (logs, state.log_history[-1]):
            loss = told.pop("train_loss")
            if share:
                told["train_loss"] = loss / share
            for name in ("train_samples_per_second", "train_steps_per_second"):
                told[name] *= share


def _cut_log(path: Path, last_step: int) -> None:
    """Takes out of the log the steps that are trained again, and a line that a kill broke off."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["current_steps"] <= last_step:
                kept.append(line + "\n")
        except ValueError:
            continue
    with atomic_write(path) as aside:
        aside.write_text("".join(kept), encoding="utf-8")


def _checkpoints(folder: Path) -> list[Path]:
    """The newest first."""
    found = [path for path in folder.glob("checkpoint-*") if NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number, reverse=True)


def _number(checkpoint: Path) -> int:
    found = NAME.fullmatch(checkpoint.resolve().name)
    return int(found[1]) if found else 0


def _read_state(folder: Path) -> dict[str, Any]:
    """What the host keeps of a run; empty where there is none, or it broke off while it was written."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return state


def _is_over(state: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether nothing is left to be trained, by the settings as they are now."""
    steps = int(config.get("max_steps") or -1)
    if steps > 0:
        return bool(state["global_step"] >= steps)
    return bool(state["epoch"] >= float(config.get("num_train_epochs", 3.0)))


def _fault(checkpoint: Path, config: Mapping[str, Any]) -> str | None:
    """Why the run cannot go on exactly from a checkpoint; None where it can."""
    if not _is_whole(checkpoint):
        return NOT_WHOLE
    names = [path.name for path in checkpoint.iterdir()]
    has_optimizer = "scheduler.pt" in names and any(name.startswith("optimizer") for name in names)
    if not has_optimizer and not any(name.startswith("global_step") for name in names):  # DeepSpeed's
        return NO_OPTIMIZER
    state = _read_state(checkpoint)
    if not _is_over(state, config):
        return None
    if state["global_step"] < state["max_steps"] or 0 < (config.get("max_steps") or 0) < state["global_step"]:
        return BEYOND
    # In the middle of an epoch the host would train one step more; from the checkpoint before it trains the same again.
    return AT_THE_END if state["epoch"] % 1 else None


def _is_whole(checkpoint: Path) -> bool:
    """Files of torch are zip archives, which end with their directory; safetensors tell how long they are."""
    files = [path for path in checkpoint.rglob("*") if path.is_file()]
    if not _read_state(checkpoint) or not all(is_zipfile(path) for path in files if path.suffix in ARCHIVES):
        return False
    try:
        for path in files:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt"):
                    pass
            elif path.name.endswith(".index.json"):
                shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
                if set(shards) - {each.name for each in files}:
                    return False
    except (SafetensorError, ValueError):
        return False
    return True
