"""Trains through LLaMA-Factory with the VideoKR dataset template registered.

    python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]
    python -m llamafactory_plugin.torchrun --nproc_per_node N -m llamafactory_plugin.train CONFIG.yaml [key=value ...]

`dataset=` takes names out of `dataset_dir`/dataset_info.json, as the host does, or one raw VideoKR file:
`dataset=data/raw/VideoKR-COT-201K.jsonl`. Its videos are looked for below `media_dir`, by default the file's folder.

A registration made in a parent process does not reach the workers of LLaMA-Factory's own launcher, which starts its own
file anew under torchrun; hence this module, which every worker runs.
"""

import json
import os
import sys
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from videokr.budget import SFT_BUDGET, VideoBudget
from videokr.errors import RecordError, UserError, exit_status
from videokr.example import VIDEO_FIELDS, parse_example, read_records
from videokr.family import FAMILIES, find_family
from videokr.proxy import video_reading
from videokr.training_card import make_training_card, write_training_card
from videokr.video_file import VideoError
from videokr.videos import resolve_video

USAGE = "python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]"
CHECK = "--check"  # first: find the user's mistakes and stop, before there are as many workers as GPUs to say so
TEXTS = ("model_name_or_path", "dataset", "dataset_dir", "media_dir", "output_dir")  # as typed, also where it is `1e3`
RAW_SUFFIXES = (".jsonl", ".json")
ON_BAD_VIDEO, FAIL, SKIP = "on_bad_video", "fail", "skip"  # our own setting: see bad_videos.py
INFO_FOLDER = "dataset_info"  # below output_dir


def read_config(argv: list[str]) -> dict[str, Any]:
    """The configuration file with the command line's `key=value` over it.

    Raises:
        UserError: no such file, not YAML, or an argument that is no `key=value`.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if not argv or argv[0].startswith("-"):
        raise UserError(f"no configuration file given: {USAGE}")
    path, overrides = Path(argv[0]), argv[1:]
    if not path.is_file():
        raise UserError(f"configuration file '{path}' is not there: {USAGE}")
    for override in overrides:
        if "=" not in override:
            raise UserError(f"argument '{override}': expected key=value")
    given = [override.split("=", 1) for override in overrides]
    texts = {key: value for key, value in given if key in TEXTS}
    try:
        others = OmegaConf.from_cli([f"{key}={value}" for key, value in given if key not in TEXTS])
        merged = OmegaConf.merge(OmegaConf.load(path), others, texts)
        config = OmegaConf.to_container(merged, resolve=True)
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"configuration '{path}': {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise UserError(f"configuration '{path}': not a mapping of keys to values")
    return {str(key): value for key, value in config.items()}


def known_keys() -> set[str]:
    """Every key that the host's training arguments have."""
    from llamafactory.hparams import (
        DataArguments,
        FinetuningArguments,
        GeneratingArguments,
        ModelArguments,
        TrainingArguments,
    )

    classes = (ModelArguments, DataArguments, TrainingArguments, FinetuningArguments, GeneratingArguments)
    return {field.name for cls in classes for field in fields(cls)}


def check_model(path: str, template: str | None) -> None:
    """
    Raises:
        UserError: no model of a covered family, or one of another family than the template's.
    """
    family = find_family(path)
    if family and template in {other.template for other in FAMILIES.values()} - {family.template}:
        raise UserError(f"model '{path}' is of the family {family.name}, for which template '{template}' is wrong")


def point_at_raw_file(config: dict[str, Any]) -> dict[str, Any]:
    """Where `dataset` is a file, describes it to the host in a dataset_info.json below `output_dir`.

    The text is the same in every worker, so that they share one cache of converted rows.
    """
    dataset = str(config["dataset"])
    if not dataset.endswith(RAW_SUFFIXES):
        return config
    file = Path(dataset).absolute()
    if not file.is_file():
        raise UserError(f"dataset '{dataset}' is not there: give a VideoKR file, or a name in dataset_info.json")
    from llamafactory_plugin.converter import FORMAT
    from llamafactory_plugin.rows import DATASET_INFO_FILE

    folder = Path(config["output_dir"]) / INFO_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{DATASET_INFO_FILE}.{os.getpid()}"
    aside.write_text(json.dumps({file.stem: {"file_name": str(file), "formatting": FORMAT}}), encoding="utf-8")
    aside.rename(folder / DATASET_INFO_FILE)
    media_dir = config.get("media_dir") or str(file.parent)
    return {**config, "dataset": file.stem, "dataset_dir": str(folder), "media_dir": media_dir}


def check_datasets(config: dict[str, Any]) -> None:
    """
    Raises:
        UserError: dataset_info.json or an entry or its file is missing.
    """
    from llamafactory_plugin.rows import DATASET_INFO_FILE

    folder = str(config.get("dataset_dir", "data"))
    if folder == "ONLINE" or folder.startswith("REMOTE:"):
        return
    info = Path(folder) / DATASET_INFO_FILE
    if not info.is_file():
        raise UserError(
            f"'{info}' is not there: prepare the data with local_script/prepare_videokr_sft_data.py, set dataset_dir, "
            "or give a raw file as dataset=FILE.jsonl"
        )
    try:
        entries = json.loads(info.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"'{info}' is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise UserError(f"'{info}' is no mapping of dataset names to descriptions")
    given = config["dataset"]
    for name in given if isinstance(given, list) else str(given).split(","):
        entry = entries.get(name.strip())
        if entry is None:
            raise UserError(
                f"dataset '{name.strip()}' is not in '{info}', which has: {', '.join(entries) or 'nothing'}"
            )
        if "file_name" in entry and not (Path(folder) / entry["file_name"]).exists():
            raise UserError(f"dataset '{name.strip()}': file '{Path(folder) / entry['file_name']}' is not there")
    media_dir = config.get("media_dir")
    if media_dir and not Path(media_dir).is_dir():
        raise UserError(f"media_dir '{media_dir}' is not there: set it to the folder that holds the videos")


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as the host gets it.

    Raises:
        UserError: something in it cannot work, found before the host loads anything.
    """
    if config.get(ON_BAD_VIDEO, FAIL) not in (FAIL, SKIP):
        raise UserError(f"{ON_BAD_VIDEO} is '{config[ON_BAD_VIDEO]}': {FAIL} or {SKIP}")
    for key in ("model_name_or_path", "dataset", "output_dir"):
        if not config.get(key):
            raise UserError(f"{key} is not set: give {key}=... or put it into the configuration file")
    check_model(str(config["model_name_or_path"]), config.get("template"))
    Path(config["output_dir"]).mkdir(parents=True, exist_ok=True)
    config = point_at_raw_file(config)
    check_datasets(config)
    unknown = sorted(set(config) - known_keys() - {ON_BAD_VIDEO})  # last: the host takes seconds to be imported
    if unknown:
        raise UserError(f"LLaMA-Factory has no argument {', '.join(unknown)}: check the spelling")
    return config


def check_records(config: dict[str, Any]) -> None:
    """Reads every record that a raw file will be asked for, and looks for its videos.

    The host does so again, but can name neither file nor line, nor stop before it has loaded everything.

    Args:
        config: as the user gave it.

    Raises:
        RecordError: a record that SFT cannot train on; names file, line and field.
    """
    from tqdm import tqdm

    from llamafactory_plugin.rows import build_turns

    file = Path(str(config["dataset"]))
    if file.suffix not in RAW_SUFFIXES:
        return
    root = Path(config.get("media_dir") or file.parent)
    records = islice(read_records(file), config.get("max_samples"))
    for line, record in tqdm(records, desc="checking records", unit="row", disable=None):
        try:
            example = parse_example(record)
            build_turns(example)
            for video in example.videos:
                resolve_video(video, root)
        except RecordError as error:
            raise error.located(str(file), line) from None
        except UserError as error:
            raise RecordError(VIDEO_FIELDS[0], str(error)).located(str(file), line) from None


def run_budget(config: dict[str, Any]) -> VideoBudget:
    """The frame budget of a run: the configuration's, and the host's own defaults where it says nothing."""
    from llamafactory.hparams import ModelArguments

    defaults = {field.name: field.default for field in fields(ModelArguments)}
    names = {"fps": "fps", "max_frames": "maxlen", "min_pixels": "min_pixels", "max_pixels": "max_pixels"}
    given = {name: config.get(f"video_{key}", defaults[f"video_{key}"]) for name, key in names.items()}
    return VideoBudget(min_frames=min(SFT_BUDGET.min_frames, given["max_frames"]), **given)


def check_finished(output_dir: Path) -> None:
    """
    Raises:
        RuntimeError: the host ended without an error before its last step. A Qwen3-VL clip whose header promises more
            frames than it holds ends an epoch so (StopIteration in the loader, LLaMA-Factory 0.9.5).
    """
    state = json.loads((output_dir / "trainer_state.json").read_text(encoding="utf-8"))
    if state["global_step"] < state["max_steps"]:
        raise RuntimeError(f"training stopped at step {state['global_step']} of {state['max_steps']} without an error")


def train(argv: list[str]) -> int:
    given = read_config(argv)
    config = checked(given)
    videos = video_reading()
    if "RANK" not in os.environ:  # torchrun's workers are started after --check
        check_records(given)
    from datasets.exceptions import DatasetGenerationError
    from llamafactory.train.tuner import run_exp

    from llamafactory_plugin import converter, positions, templates
    from llamafactory_plugin.bad_videos import REPORT_FILE, BadVideos, noted
    from llamafactory_plugin.input_wait import InputWait

    output_dir, skip = Path(config["output_dir"]), config.pop(ON_BAD_VIDEO, FAIL) == SKIP
    first_process = os.environ.get("RANK", "0") == "0"
    if first_process:
        (output_dir / REPORT_FILE).unlink(missing_ok=True)
    converter.register()
    templates.register(skip)
    positions.install()
    try:
        run_exp(args=config, callbacks=[BadVideos(output_dir, skip), InputWait(output_dir)])
    except (VideoError, RuntimeError):
        # What a loader's worker raises comes back as its traceback; the worker has noted what it was.
        bad = noted(output_dir)
        if skip or not bad:
            raise
        print(file=sys.stderr)  # ends the line of the progress bar
        raise UserError(f"{bad[0]}, or set {ON_BAD_VIDEO}={SKIP}") from None
    except DatasetGenerationError as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise UserError(
            f"dataset '{config['dataset']}' is no table with one type a field: {cause}; "
            "local_script/prepare_videokr_sft_data.py takes it row by row"
        ) from None
    if config.get("do_train") and not config.get("early_stopping_steps") and first_process:
        check_finished(output_dir)
    if config.get("do_train") and first_process:
        card = make_training_card("sft", run_budget(config), videos, str(config["model_name_or_path"]), [], {})
        write_training_card(output_dir, card)
    if first_process and (bad := noted(output_dir)):
        print(f"{len(bad)} videos do not decode, and other rows were taken in their place:")
        for fault in bad:
            print(f"  {fault.path}: {fault.reason}")
    return 0


def main() -> int:
    if sys.argv[1:2] == [CHECK]:
        given = read_config(sys.argv[2:])
        checked(given)
        check_records(given)
        return 0
    return train(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(exit_status(main))
