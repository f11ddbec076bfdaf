"""The settings of a run: read, and looked through for what cannot work before the host loads anything."""

import json
import os
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from videokr.budget import SFT_BUDGET, VideoBudget
from videokr.errors import RecordError, UserError
from videokr.example import VIDEO_FIELDS, parse_example, read_records
from videokr.family import FAMILIES, find_family
from videokr.videos import resolve_video

USAGE = "python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]"
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
