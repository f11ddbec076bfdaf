"""The settings of a run: read, and looked through for what cannot work before the host loads anything."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from llamafactory_plugin.data_sets import DATASETS, check_datasets, names_of, point_at_raw_files
from llamafactory_plugin.rows import ALL, DROP, FAIL, LOSS_TURNS, NO_RATIONALE, ON_BAD_VIDEO, ON_LONG_ROW, SKIP
from videokr.budget import BY_INDEX, SAMPLINGS, SFT_BUDGET, VideoBudget
from videokr.dialogue import MAX_ROUNDS
from videokr.environment import check_wandb_login, install_command
from videokr.errors import UserError
from videokr.family import FAMILIES, find_family
from videokr.response import WITHOUT_RATIONALE

USAGE = "python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]"
TEXTS = ("model_name_or_path", *DATASETS, "dataset_dir", "media_dir", "output_dir")  # as typed, also where it is `1e3`
AS_TYPED = tuple(f"{key}=" for key in TEXTS)
VIDEO_SAMPLING = "video_sampling"  # see VideoBudget
OWN = {  # our own settings: see row_faults.py, rows.py; the first value is the default
    ON_BAD_VIDEO: (FAIL, SKIP),
    ON_LONG_ROW: (FAIL, DROP),
    VIDEO_SAMPLING: SAMPLINGS,
    NO_RATIONALE: (FAIL, *WITHOUT_RATIONALE),
    LOSS_TURNS: (ALL, *range(1, MAX_ROUNDS + 2)),
}
STRATEGIES = ("save_strategy", "eval_strategy", "logging_strategy")
FLASH_ATTENTION, FA2, SDPA, AUTO = "flash_attn", "fa2", "sdpa", "auto"


def read_config(argv: list[str]) -> dict[str, Any]:
    """The configuration file with the command line's `key=value` over it; UserError where one cannot be read."""
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
    texts = dict(override.split("=", 1) for override in overrides if override.startswith(AS_TYPED))
    try:
        others = OmegaConf.from_cli([override for override in overrides if not override.startswith(AS_TYPED)])
        config: Any = OmegaConf.to_container(OmegaConf.merge(OmegaConf.load(path), others, texts), resolve=True)
    except (YAMLError, OmegaConfBaseException, TypeError) as error:  # the last of a list in place of a mapping
        raise UserError(f"configuration '{path}': {' '.join(str(error).split())}") from None
    return {str(key): value for key, value in config.items()}


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as the host gets it.

    Raises:
        UserError: something in it cannot work, found before the host loads anything.
    """
    for key, values in OWN.items():
        if config.get(key, values[0]) not in values:
            raise UserError(f"{key} is '{config[key]}': {' or '.join(map(str, values))}")
    for key in ("model_name_or_path", "dataset", "output_dir"):
        if not config.get(key):
            raise UserError(f"{key} is not set: give {key}=... or put it into the configuration file")
    if config.get("stage", "sft") != "sft":
        raise UserError(f"stage is '{config['stage']}': sft is the only one whose rows are made here")
    checkpoint = config.get("resume_from_checkpoint")
    if isinstance(checkpoint, str) and not Path(checkpoint).is_dir():
        raise UserError(f"resume_from_checkpoint '{checkpoint}' is not there: give a folder checkpoint-N of a run")
    if config.get("tokenized_path"):
        raise UserError(
            f"tokenized_path '{config['tokenized_path']}': the host would train what was tokenised there, whatever "
            "dataset, template and cutoff_len say; leave it out"
        )
    path, template = str(config["model_name_or_path"]), config.get("template")
    family = find_family(path)
    if family and template in {other.template for other in FAMILIES.values()} - {family.template}:
        raise UserError(f"model '{path}' is of the family {family.name}, for which template '{template}' is wrong")
    config = config | {key: "no" for key in STRATEGIES if config.get(key) is False}  # YAML reads a bare `no` as false
    arguments = host_arguments()  # late: the host takes seconds to be imported
    unknown = sorted(set(config) - set(arguments) - set(OWN))
    if unknown:
        raise UserError(f"LLaMA-Factory has no argument {', '.join(unknown)}: check the spelling")
    check_types(config, arguments)
    Path(config["output_dir"]).mkdir(parents=True, exist_ok=True)
    config = with_stream(point_at_raw_files(config))
    check_datasets(config)
    if config.get(ON_LONG_ROW) == DROP:
        config["overwrite_cache"] = True  # rows are counted as they are tokenised
    check_packages(config)
    if (config.get("eval_dataset") or config.get("val_size")) and config.get("eval_strategy", "no") == "no":
        raise UserError(
            "eval_dataset or val_size is set, and nothing is evaluated: add eval_strategy=steps eval_steps=100"
        )
    keeps_state = bool(family and family.keeps_state)
    return with_attention(config | {"report_to": names_of(config, "report_to") or "none"}, keeps_state)


def host_arguments() -> dict[str, Any]:
    """The type of every argument of the host's training, by its name."""
    from llamafactory import hparams as host

    classes = (host.ModelArguments, host.DataArguments, host.TrainingArguments, host.FinetuningArguments,
               host.GeneratingArguments)  # fmt: skip
    hints = [(get_type_hints(cls), cls.__dataclass_fields__) for cls in classes]
    return {name: types[name] for types, fields in hints for name in fields}


def check_types(config: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raises UserError where a text, or nothing, stands for a number or a switch.

    By itself the host takes any text for true and nothing for false, and meets what is no number when the model is
    loaded.
    """
    for key, value in config.items():
        kind = arguments.get(key, str)
        kinds = set(get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,))
        is_missing = value is None and NoneType not in kinds
        if kinds <= {bool, int, float, NoneType} and (is_missing or isinstance(value, str)):
            needed = "true or false" if bool in kinds else "a number" if float in kinds else "a whole number"
            raise UserError(f"{key} is '{'' if value is None else value}': {needed} is needed")


def check_packages(config: dict[str, Any]) -> None:
    """Raises UserError where a setting asks for a package that is not installed; the host looks after the data."""
    from transformers.integrations import get_available_reporting_integrations, get_reporting_integration_callbacks

    for package, key, is_asked in (
        ("liger_kernel", "enable_liger_kernel", config.get("enable_liger_kernel")),
        ("bitsandbytes", "quantization_bit", config.get("quantization_bit")),
        ("bitsandbytes", "optim", "8bit" in str(config.get("optim"))),
        ("swanlab", "use_swanlab", config.get("use_swanlab")),
    ):
        if is_asked and not find_spec(package):
            raise UserError(f"{key}={config[key]} needs {package}: {install_command(package)}")
    for logger in names_of(config, "report_to"):
        try:
            get_reporting_integration_callbacks(logger)
        except ValueError as error:
            raise UserError(f"report_to={logger}: {error}") from None
        if logger not in ("none", "all", *get_available_reporting_integrations()):
            raise UserError(f"report_to={logger} needs {logger}: {install_command(logger)}")
        if logger == "wandb":
            check_wandb_login(os.environ)


def with_attention(config: dict[str, Any], keeps_state: bool = False) -> dict[str, Any]:
    """`flash_attn: auto` as what is there: fa2 where it is installed for this machine's GPU, else sdpa.

    Args:
        keeps_state: of the model's family: fa2 then takes flash-linear-attention besides, and packs want both.

    Raises:
        UserError: fa2 was asked for and is not there, where the host would take sdpa; or packs of a model that keeps a
            state, which would go over from row to row.
    """
    from transformers.utils import is_flash_attn_2_available

    asked, there = str(config.get(FLASH_ATTENTION) or AUTO), is_flash_attn_2_available()
    if keeps_state and asked in (FA2, AUTO) and there and not find_spec("fla"):
        if asked == FA2:
            raise UserError(
                f"{FLASH_ATTENTION}={FA2}: of this model the host wants flash-linear-attention, too: "
                f"{install_command('flash-linear-attention')}"
            )
        there = False
    packing = next((key for key in ("neat_packing", "packing") if config.get(key)), None)
    if keeps_state and packing and not (there and asked in (FA2, AUTO)):
        raise UserError(
            f"{packing}={config[packing]}: without flash-attn and flash-linear-attention each row of a pack would go "
            "on from the state of the one before; install both, or leave the setting out"
        )
    if asked == FA2 and not there:
        raise UserError(
            f"{FLASH_ATTENTION}={FA2}: flash-attn is not installed, or finds no GPU; {FLASH_ATTENTION}={AUTO} takes "
            f"{SDPA} where it is missing"
        )
    return {**config, FLASH_ATTENTION: (FA2 if there else SDPA) if asked == AUTO else asked}


def with_stream(config: dict[str, Any]) -> dict[str, Any]:
    """What a stream needs of the host."""
    if not config.get("streaming"):
        return config
    given = config.get("accelerator_config") or {}
    if isinstance(given, dict):  # else a file, which is left to the host
        # accelerate would send a batch's tensors on from the first process, and cannot: pixels and tokens differ in
        # their first dimension.
        given = {"dispatch_batches": False, **given}
    shards = max(1, config.get("dataloader_num_workers") or 0)  # the host cuts the stream into one a worker
    return {**config, "accelerator_config": given, "dataloader_num_workers": shards}


def remarks(config: dict[str, Any]) -> Iterator[str]:
    """What a reader of the log is to know of the configuration that the host gets."""
    costs = (
        ". flash-attn would spare packed rows a dense mask, and Qwen2.5-VL a third of the time (estimated for 8 H100)"
    )
    yield f"attention: {config[FLASH_ATTENTION]}{costs if config[FLASH_ATTENTION] == SDPA else ''}"
    ours = [family.template for family in FAMILIES.values()]
    if config.get("template") not in ours:
        yield (
            f"template: {config.get('template')} samples the frames of a video by rules of the host's own, not those "
            f"of GRPO and evaluation; {' and '.join(ours)} sample by the same"
        )


def run_budget(config: dict[str, Any], defaults: object = None) -> VideoBudget:
    """The frame budget of a run by its settings.

    Args:
        defaults: has as attributes what the configuration does not say; None: the host's own defaults.
    """
    from llamafactory.hparams import ModelArguments

    defaults = defaults or ModelArguments
    names = {"fps": "fps", "max_frames": "maxlen", "min_pixels": "min_pixels", "max_pixels": "max_pixels"}
    given = {ours: config.get(f"video_{its}", getattr(defaults, f"video_{its}")) for ours, its in names.items()}
    least, sampling = min(SFT_BUDGET.min_frames, given["max_frames"]), config.get(VIDEO_SAMPLING, BY_INDEX)
    return VideoBudget(min_frames=least, sampling=sampling, **given)
