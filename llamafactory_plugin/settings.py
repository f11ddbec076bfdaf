"""The settings of a run: read, and looked through for what cannot work before the host loads anything."""

import os
from collections.abc import Iterator
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from llamafactory_plugin.data_sets import DATASETS, check_datasets, names_of, point_at_raw_files
from llamafactory_plugin.row_faults import DROP, FAIL, ON_BAD_VIDEO, ON_LONG_ROW, SKIP
from llamafactory_plugin.rows import NO_RATIONALE
from videokr.budget import BY_INDEX, SAMPLINGS, SFT_BUDGET, VideoBudget
from videokr.environment import check_wandb_login, install_command
from videokr.errors import UserError
from videokr.family import FAMILIES, find_family
from videokr.response import WITHOUT_RATIONALE

USAGE = "python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]"
TEXTS = ("model_name_or_path", *DATASETS, "dataset_dir", "media_dir", "output_dir")  # as typed, also where it is `1e3`
AS_TYPED = tuple(f"{key}=" for key in TEXTS)
VIDEO_SAMPLING = "video_sampling"  # see VideoBudget
OWN = {  # our own settings: see bad_videos.py, long_rows.py, rows.py; the first value is the default
    ON_BAD_VIDEO: (FAIL, SKIP),
    ON_LONG_ROW: (FAIL, DROP),
    VIDEO_SAMPLING: SAMPLINGS,
    NO_RATIONALE: (FAIL, *WITHOUT_RATIONALE),
}
STRATEGIES = ("save_strategy", "eval_strategy", "logging_strategy")
# Of which the host takes 0 for "not set", for "nothing to do", or as it is.
ABOVE_ZERO = (
    "cutoff_len", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate", "num_train_epochs",
    "max_samples", "lora_rank",
)  # fmt: skip
FLASH_ATTENTION, FA2, FA3, SDPA, AUTO = "flash_attn", "fa2", "fa3", "sdpa", "auto"


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
            raise UserError(f"{key} is '{config[key]}': {' or '.join(values)}")
    for key in ("model_name_or_path", "dataset", "output_dir"):
        if not config.get(key):
            raise UserError(f"{key} is not set: give {key}=... or put it into the configuration file")
    if config.get("stage", "sft") != "sft":
        raise UserError(f"stage is '{config['stage']}': sft is the only one whose rows are made here")
    if config.get("tokenized_path"):
        raise UserError(
            f"tokenized_path '{config['tokenized_path']}': the host would train what was tokenised there, whatever "
            "dataset, template and cutoff_len say; leave it out"
        )
    checkpoint = config.get("resume_from_checkpoint")
    if isinstance(checkpoint, str) and not Path(checkpoint).is_dir():
        raise UserError(f"resume_from_checkpoint '{checkpoint}' is not there: give a folder checkpoint-N of a run")
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
    check_data_arguments(config)
    check_evaluation(config)
    return with_attention(config | {"report_to": names_of(config, "report_to") or "none"})


def host_arguments() -> dict[str, Any]:
    """The type of every argument of the host's training, by its name."""
    from llamafactory import hparams as host

    classes = (host.ModelArguments, host.DataArguments, host.TrainingArguments, host.FinetuningArguments,
               host.GeneratingArguments)  # fmt: skip
    hints = [(get_type_hints(cls), cls.__dataclass_fields__) for cls in classes]
    return {name: types[name] for types, fields in hints for name in fields}


def check_types(config: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raises UserError where a value is of a kind or size that the host does not mean.

    By itself it takes any text for true, true for 1 and nothing for false, and meets what is no number when the model
    is loaded.
    """
    for key, value in config.items():
        if key in OWN:
            continue
        kind = arguments[key]
        kinds = set(get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,))
        choices = [choice for kind in kinds for choice in _choices(kind)]
        if choices and isinstance(value, str) and value not in choices:
            raise UserError(f"{key} is '{value}': one of {', '.join(sorted(map(str, choices)))}")
        if not choices and kinds <= {bool, int, float, type(None)} and not _is_of(value, kinds):
            needed = "true or false" if bool in kinds else "a number" if float in kinds else "a whole number"
            raise UserError(f"{key} is '{'' if value is None else value}': {needed} is needed")
        if key in ABOVE_ZERO and value is not None and value <= 0:
            raise UserError(f"{key} is {value}: a number above 0 is needed")


def _is_of(value: object, kinds: set[type]) -> bool:
    """Whether a value is of one of these kinds as it stands, or means the same: 3 for 3.0, 0 for false."""
    if type(value) is not int:
        return type(value) in kinds
    return bool(kinds & {int, float}) or (bool in kinds and value in (0, 1))


def _choices(kind: Any) -> list[Any]:
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [one.value for one in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


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


def check_data_arguments(config: dict[str, Any]) -> None:
    """Raises UserError where settings of the data exclude each other, by the host's own word."""
    from llamafactory.hparams import DataArguments
    from transformers import HfArgumentParser

    try:
        HfArgumentParser(DataArguments).parse_dict(config, allow_extra_keys=True)
    except ValueError as error:
        raise UserError(f"settings of the data: {error}") from None


def check_evaluation(config: dict[str, Any]) -> None:
    """Raises UserError where there is data to evaluate on and no evaluation, or the reverse."""
    has_data = bool(config.get("eval_dataset") or config.get("val_size"))
    strategy = config.get("eval_strategy", "no")
    if has_data and strategy == "no":
        raise UserError(
            "eval_dataset or val_size is set, and nothing is evaluated: add eval_strategy=steps eval_steps=100"
        )
    if strategy != "no" and not has_data:
        raise UserError(f"eval_strategy={strategy}: there is nothing to evaluate; set eval_dataset or val_size")


def with_attention(config: dict[str, Any]) -> dict[str, Any]:
    """`flash_attn: auto` as what is there: fa2 where it is installed for this machine's GPU, else sdpa.

    Raises:
        UserError: fa2 was asked for and is not there, where the host would take sdpa; or fa3, which it has for gpt-oss
            alone.
    """
    from transformers.utils import is_flash_attn_2_available

    asked, there = str(config.get(FLASH_ATTENTION) or AUTO), is_flash_attn_2_available()
    if asked == FA2 and not there:
        raise UserError(
            f"{FLASH_ATTENTION}={FA2}: flash-attn is not installed, or finds no GPU; {FLASH_ATTENTION}={AUTO} takes "
            f"{SDPA} where it is missing"
        )
    if asked == FA3:
        raise UserError(f"{FLASH_ATTENTION}={FA3}: LLaMA-Factory has none for video models; give {FA2} or {AUTO}")
    return {**config, FLASH_ATTENTION: (FA2 if there else SDPA) if asked == AUTO else asked}


def with_stream(config: dict[str, Any]) -> dict[str, Any]:
    """What a stream needs of the host; UserError where it has no end."""
    if not config.get("streaming"):
        return config
    if not config.get("max_steps", -1) > 0:
        raise UserError("streaming=true: a stream has no length that epochs could be counted by; set max_steps")
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
    template = config.get("template")
    ours = [family.template for family in FAMILIES.values()]
    if template not in ours:
        yield (
            f"template: {template} samples the frames of a video by rules of the host's own, not those of GRPO and "
            f"evaluation; {' and '.join(ours)} sample by the same"
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
