"""The data sets of a run: raw files described to the host, and every record looked through before it loads any."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from llamafactory_plugin.rows import (
    DATASET_INFO_FILE,
    DROP,
    FAIL,
    MAX_TOKENS,
    NO_RATIONALE,
    ON_LONG_ROW,
    build_turns,
)
from videokr.errors import RecordError, UserError
from videokr.example import VIDEO_FIELDS, parse_example
from videokr.jsonl import read_records
from videokr.outputs import atomic_write
from videokr.response import WITHOUT_RATIONALE_NOTE
from videokr.video.paths import resolve_video

DATASETS = ("dataset", "eval_dataset")
FORMAT = "videokr"  # of a raw file in dataset_info.json: see converter.py
RAW_SUFFIXES = (".jsonl", ".json")
INFO_FOLDER = "dataset_info"  # below output_dir


def names_of(config: dict[str, Any], key: str) -> list[str]:
    """Data sets as the host takes them: a list, or a text with commas."""
    given = config.get(key) or []
    return [str(name).strip() for name in (given if isinstance(given, list) else str(given).split(","))]


def raw_files(config: dict[str, Any]) -> list[str]:
    """Every raw file among the data sets, in order."""
    return [name for key in DATASETS for name in names_of(config, key) if name.endswith(RAW_SUFFIXES)]


def point_at_raw_files(config: dict[str, Any]) -> dict[str, Any]:
    """Where a data set is a file, describes it to the host in a dataset_info.json below `output_dir`.

    The text is the same in every worker, so that they share one cache of converted rows.
    """
    files = {name: Path(name).absolute() for name in raw_files(config)}
    if not files:
        return config
    folder = str(config.get("dataset_dir", "data"))
    named = [name for key in DATASETS for name in names_of(config, key) if name not in files]
    entries = {name: entry_of(read_dataset_info(folder), name, folder) for name in named}
    labels: dict[str, str] = {}
    for name, file in files.items():
        if not file.is_file():
            raise UserError(f"dataset '{name}' is not there: give a VideoKR file, or a name in dataset_info.json")
        if (file.parent / DATASET_INFO_FILE).is_file():
            for prepared, entry in read_dataset_info(str(file.parent)).items():
                if entry.get("file_name") == file.name:
                    raise UserError(f"'{name}' is prepared already: give DATASET_DIR={file.parent} dataset={prepared}")
        label, number = file.stem, 2
        while label in entries:
            label, number = f"{file.stem}_{number}", number + 1
        labels[name] = label
        root = Path(config.get("media_dir") or file.parent).absolute()
        entries[label] = {"file_name": str(file), "formatting": FORMAT, "folder": str(root)}
    info_folder = Path(config["output_dir"]) / INFO_FOLDER
    with atomic_write(info_folder / DATASET_INFO_FILE, waits=True) as aside:
        aside.write_text(json.dumps(entries), encoding="utf-8")
    pointed = {key: ",".join(labels.get(name, name) for name in names_of(config, key)) for key in DATASETS}
    media_dir = config.get("media_dir") or (folder if named else None)
    return {**config, **{key: names or None for key, names in pointed.items()},
            "dataset_dir": str(info_folder), "media_dir": media_dir}  # fmt: skip


def read_dataset_info(folder: str) -> dict[str, Any]:
    """The entries of a folder's dataset_info.json by name; UserError where it is not there, or not JSON."""
    info = Path(folder) / DATASET_INFO_FILE
    if not info.is_file():
        raise UserError(
            f"'{info}' is not there: prepare the data with local_script/prepare_videokr_sft_data.py, set dataset_dir, "
            "or give a raw file as dataset=FILE.jsonl"
        )
    try:
        entries: dict[str, Any] = json.loads(info.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"'{info}' is not JSON: {error}") from None
    return entries


def entry_of(entries: dict[str, Any], name: str, folder: str) -> dict[str, Any]:
    """A data set's entry, with its file as an absolute path; UserError where one of the two is not there."""
    if name not in entries:
        has = ", ".join(entries) or "nothing"
        raise UserError(f"dataset '{name}' is not in dataset_info.json of '{folder}', which has: {has}")
    entry: dict[str, Any] = entries[name]
    if "file_name" not in entry:
        return entry
    file = Path(folder).absolute() / entry["file_name"]
    if not file.exists():
        raise UserError(f"dataset '{name}': file '{file}' is not there")
    return entry | {"file_name": str(file)}


def data_files(config: dict[str, Any]) -> list[Path]:
    """The files of the data sets that a run trains on; of those on a hub none.

    Args:
        config: as the host gets it.
    """
    folder = str(config.get("dataset_dir", "data"))
    if not (Path(folder) / DATASET_INFO_FILE).is_file():  # ONLINE, REMOTE:
        return []
    found = [entry_of(read_dataset_info(folder), name, folder) for name in names_of(config, "dataset")]
    paths = [Path(entry["file_name"]) for entry in found if "file_name" in entry]
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def check_datasets(config: dict[str, Any]) -> None:
    """Raises UserError where a data set or its videos' folder is not there, or was prepared for longer rows."""
    folder = str(config.get("dataset_dir", "data"))
    if folder == "ONLINE" or folder.startswith("REMOTE:"):
        return
    entries = read_dataset_info(folder)
    for name in [name for key in DATASETS for name in names_of(config, key)]:
        tokens = entry_of(entries, name, folder).get(MAX_TOKENS, 0)
        if tokens > config.get("cutoff_len", tokens) and config.get(ON_LONG_ROW, FAIL) == FAIL:
            raise UserError(
                f"dataset '{name}' was prepared with --max-tokens {tokens}, and cutoff_len is {config['cutoff_len']}: "
                f"raise cutoff_len, prepare it again, or leave longer rows out with {ON_LONG_ROW}={DROP}"
            )
    media_dir = config.get("media_dir")
    if media_dir and not Path(media_dir).is_dir():
        raise UserError(f"media_dir '{media_dir}' is not there: set it to the folder that holds the videos")


def check_records(config: dict[str, Any]) -> None:
    """Reads every record that raw files will be asked for, and looks for its videos.

    The host does so again, but can name neither file nor line, nor stop before it has loaded everything.

    Args:
        config: as the user gave it.

    Raises:
        RecordError: a record that SFT cannot train on; names file, line and field.
    """
    from tqdm import tqdm

    given, count = config.get(NO_RATIONALE, FAIL), 0
    for file in map(Path, dict.fromkeys(raw_files(config))):
        root = Path(config.get("media_dir") or file.parent)
        records = islice(read_records(file), config.get("max_samples"))
        for line, record in tqdm(records, desc="checking records", unit="row", disable=None):
            try:
                example = parse_example(record)
                build_turns(example, None if given == FAIL else given)
                count += example.rationale is None
                for video in example.videos:
                    resolve_video(video, root)
            except RecordError as error:
                raise error.located(str(file), line) from None
            except UserError as error:
                raise RecordError(VIDEO_FIELDS[0], str(error)).located(str(file), line) from None
    if count:
        print(f"{count:,} records have no rationale ({NO_RATIONALE}={given}): {WITHOUT_RATIONALE_NOTE}")
