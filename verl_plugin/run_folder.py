"""The folder of a GRPO run: what a run that starts there goes on from, and what an earlier one left.

verl goes on from the last checkpoint in a folder, whatever model and data it is given now, and writes over the
rollouts of the steps that it does again. Here a run goes on from its own folder alone, and what lies beyond the step
it goes on from is set aside: nothing is lost, and no two runs are mixed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verl_plugin.dataset import run_budget
from verl_plugin.registration import METRICS_PATH
from videokr.errors import UserError
from videokr.generation_prompt import find_generation_prompt
from videokr.outputs import atomic_write
from videokr.training_card import (
    TRAINING_CARD,
    TrainingCard,
    compare_with_begun,
    make_training_card,
    read_training_card,
    write_training_card,
)
from videokr.video.proxy import video_reading

TRACKER = "latest_checkpointed_iteration.txt"  # verl's: the last checkpoint that is whole
CHECKPOINT = "global_step_{}"
_CHECKPOINT = re.compile(r"global_step_(\d+)")
_SHARD = re.compile(r"model_world_size_(\d+)_rank_\d+\.pt")
_DUMP = re.compile(r"(\d+)\.jsonl")  # of the rollouts of a step
# Of verl's configuration; what decides what is learnt, by section.
_LEARNT = {
    "algorithm": "adv_estimator filter_groups.enable norm_adv_by_std_in_grpo",
    "actor_rollout_ref.actor": (
        "clip_ratio_high clip_ratio_low entropy_coeff freeze_vision_tower fsdp_config.model_dtype kl_loss_coef "
        "kl_loss_type loss_agg_mode optim.lr optim.lr_scheduler_type optim.weight_decay policy_loss.loss_mode "
        "ppo_epochs ppo_mini_batch_size use_kl_loss"
    ),
    "actor_rollout_ref.model": "lora_alpha lora_rank",
    "actor_rollout_ref.rollout": "n temperature top_k top_p",
    "data": "max_prompt_length max_response_length seed shuffle train_batch_size train_max_samples",
    "reward": "custom_reward_function",
    "trainer": "total_epochs total_training_steps",
}
SETTINGS = [f"{section}.{name}" for section, names in _LEARNT.items() for name in names.split()]


def take_up(config: Any, environment: Mapping[str, str]) -> int | None:
    """Gets the run's folder ready, and says in the first lines what the run goes on from.

    Returns:
        The step that the run goes on from, 0 of a new one; None where the run is finished and nothing is to be done.

    Raises:
        UserError: the checkpoint to go on from is not there, is of another number of GPUs, or is of a run that began
            with another model or other data.
    """
    trainer = config.trainer
    folder = Path(str(trainer.default_local_dir))
    checkpoint = _checkpoint(trainer, folder)
    card = _card(config)
    step = kept = 0
    if checkpoint is not None:
        step = int(checkpoint.name.rpartition("_")[2])
        kept = step if checkpoint.parent.resolve() == folder.resolve() else 0
        differing = compare_with_begun(checkpoint.parent, card, ["actor_rollout_ref.model.lora_rank"])
        last = _last_step(config)
        if last is not None and step >= last and not trainer.val_only:
            _say_finished(folder, step)
            return None
        _check_shards(checkpoint, trainer.n_gpus_per_node * trainer.nnodes)
        print(f"going on from step {step} of '{checkpoint.parent}' (trainer.resume_mode={trainer.resume_mode})")
        for line in differing:
            print(f"  since it began: {line}")
    if trainer.val_only:
        return step
    if kept and trainer.resume_mode == "resume_path":  # back to a step before the last
        with atomic_write(folder / TRACKER) as aside:
            aside.write_text(str(kept), encoding="utf-8")
    places = _set_aside(trainer, folder, kept, environment)
    if places:
        print(f"what an earlier run left beyond step {kept} is set aside in {', '.join(map(str, places))}")
    folder.mkdir(parents=True, exist_ok=True)
    begun = read_training_card(folder)
    if not kept or begun is None or begun.model is None:
        write_training_card(folder, card)
    return step


def say_if_nothing_was_left(config: Any, step: int) -> None:
    """Says so after a run that found, once it had counted its prompts, that it was at its last step already.

    Args:
        step: that it went on from.
    """
    trainer = config.trainer
    if step and trainer.save_freq > 0 and not trainer.val_only:
        folder = Path(str(trainer.default_local_dir))
        if _last_saved(folder) == step:
            _say_finished(folder, step)


def _say_finished(folder: Path, step: int) -> None:
    print(
        f"finished: '{folder}' is at step {step}, the last of this run, and nothing is left to train; to go on, raise "
        "trainer.total_epochs (TOTAL_EPOCHS) or trainer.total_training_steps"
    )


def _check_shards(checkpoint: Path, gpus: int) -> None:
    found = (_SHARD.fullmatch(path.name) for path in (checkpoint / "actor").glob("*.pt"))
    saved = {int(shard[1]) for shard in found if shard}
    if saved and gpus not in saved:
        raise UserError(
            f"'{checkpoint}' was saved by {' or '.join(map(str, sorted(saved)))} GPUs, and this run has {gpus}: go on "
            "with as many, or merge it and start a new run from what it is merged into"
        )


def _last_saved(folder: Path) -> int | None:
    """The step of the last whole checkpoint, as verl notes it; None where there is none."""
    tracker = folder / TRACKER
    if not tracker.is_file():
        return None
    noted = tracker.read_text(encoding="utf-8").strip()
    if not noted.isdigit() or not (folder / CHECKPOINT.format(noted)).is_dir():
        raise UserError(
            f"'{tracker}' names checkpoint '{noted}', which is not there: write the step of one that is, or remove "
            "the file to start anew"
        )
    return int(noted)


def _checkpoint(trainer: Any, folder: Path) -> Path | None:
    """What verl goes on from."""
    mode, given = trainer.resume_mode, trainer.resume_from_path
    if mode == "disable":
        return None
    if mode == "auto":
        step = _last_saved(folder)
        return None if step is None else folder / CHECKPOINT.format(step)
    path = Path(str(given))
    if not given or not _CHECKPOINT.fullmatch(path.name) or not path.is_dir():
        raise UserError(f"trainer.resume_from_path={given}: give a folder of a checkpoint, .../global_step_N")
    trainer.resume_from_path = str(path)  # verl reads the step off the end, which a slash hides
    return path


def _card(config: Any) -> TrainingCard:
    from omegaconf import OmegaConf

    chosen = {name: OmegaConf.select(config, name) for name in SETTINGS}
    settings = {
        name: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for name, value in chosen.items()
    }
    model = str(config.actor_rollout_ref.model.path)
    prompt = find_generation_prompt(model, **dict(config.data.get("apply_chat_template_kwargs") or {}))
    files = _train_files(config)
    return make_training_card("rl", run_budget(config.data), video_reading(), model, files, settings, prompt)


def _train_files(config: Any) -> list[Path]:
    """The local files that the run trains on.

    Raises:
        UserError: one is not there.
    """
    given = config.data.train_files
    files = [Path(path) for path in ([given] if isinstance(given, str) else given) if "://" not in path]
    for path in files:
        if not path.is_file():
            raise UserError(f"data.train_files '{path}' is not there: prepare it, or give another")
    return files


def _last_step(config: Any) -> int | None:
    """The step that a run ends at, if no prompt is dropped; None where that is not to be seen from its files."""
    import pyarrow.parquet as pq

    files = _train_files(config)
    if not files or any(path.suffix != ".parquet" for path in files):
        return None
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    if config.data.train_max_samples > 0:
        rows = min(rows, config.data.train_max_samples)
    steps: int = rows // config.data.train_batch_size * config.trainer.total_epochs
    stated = config.trainer.total_training_steps
    return steps if stated is None else min(steps, stated)


def _set_aside(trainer: Any, folder: Path, kept: int, environment: Mapping[str, str]) -> list[Path]:
    """Moves what an earlier run left beyond a step, into a folder beside it.

    Args:
        kept: the step; 0 of a new run, to which nothing there belongs.

    Returns:
        The folders that something was moved to.
    """
    beyond = _numbered(folder, _CHECKPOINT, kept + 1)
    if not kept:
        beyond += [path for path in (folder / TRACKER, folder / TRAINING_CARD) if path.exists() and beyond]
    places = [_moved(beyond)]
    if trainer.rollout_data_dir:
        places.append(_moved(_numbered(Path(trainer.rollout_data_dir), _DUMP, kept + 1)))
    if trainer.validation_data_dir:
        first = kept if trainer.val_before_train else kept + 1
        places.append(_moved(_numbered(Path(trainer.validation_data_dir), _DUMP, first)))
    if environment.get(METRICS_PATH):
        places.append(_moved_lines(Path(environment[METRICS_PATH]), kept))
    return [place for place in places if place]


def _numbered(folder: Path, name: re.Pattern[str], first: int) -> list[Path]:
    """What is called after a step, from the first on."""
    if not folder.is_dir():
        return []
    matches = ((path, name.fullmatch(path.name)) for path in folder.iterdir())
    return sorted(path for path, match in matches if match and int(match[1]) >= first)


def _moved(paths: Sequence[Path]) -> Path | None:
    if not paths:
        return None
    place = _room(paths[0].parent)
    for path in paths:
        path.rename(place / path.name)
    return place


def _moved_lines(metrics: Path, kept: int) -> Path | None:
    """Moves lines of later steps, and the end of one that was cut."""
    if not metrics.is_file():
        return None
    lines = metrics.read_bytes().splitlines(keepends=True)
    own = [bool(kept) and _step_logged(line) <= kept for line in lines]
    if all(own):
        return None
    place = _room(metrics.parent)
    (place / metrics.name).write_bytes(b"".join(line for line, is_own in zip(lines, own, strict=True) if not is_own))
    with atomic_write(metrics) as aside:
        aside.write_bytes(b"".join(line for line, is_own in zip(lines, own, strict=True) if is_own))
    return place


def _step_logged(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return float("inf")


def _room(parent: Path) -> Path:
    """A new folder for what is set aside."""
    number = 1
    while (parent / f"earlier-{number}").exists():
        number += 1
    place = parent / f"earlier-{number}"
    place.mkdir()
    return place
