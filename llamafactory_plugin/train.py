"""Trains through LLaMA-Factory with the VideoKR dataset template registered.

    python -m llamafactory_plugin.train CONFIG.yaml [key=value ...]
    python -m videokr.torchrun --nproc_per_node N -m llamafactory_plugin.train CONFIG.yaml [key=value ...]

`dataset=` and `eval_dataset=` take names out of `dataset_dir`/dataset_info.json, as the host does, and raw VideoKR
files: `dataset=data/raw/VideoKR-COT-201K.jsonl`. Their videos are looked for below `media_dir`, by default the file's
folder.

A registration made in a parent process does not reach the workers of LLaMA-Factory's own launcher, which starts its own
file anew under torchrun; hence this module, which every worker runs.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llamafactory_plugin.data_sets import check_records
from llamafactory_plugin.rows import ALL, DROP, FAIL, LOSS_TURNS, NO_RATIONALE, ON_BAD_VIDEO, ON_LONG_ROW, SKIP
from llamafactory_plugin.settings import VIDEO_SAMPLING, checked, read_config, remarks
from videokr import base_weights
from videokr.budget import BY_INDEX
from videokr.errors import UserError, exit_status
from videokr.video.timeline import VideoError

CHECK = "--check"  # first: find the user's mistakes and stop, before there are as many workers as GPUs to say so


def train(argv: list[str]) -> int:
    is_check = argv[:1] == [CHECK]
    given = read_config(argv[is_check:])
    config = checked(given)
    is_first = os.environ.get("RANK", "0") == "0"
    from llamafactory_plugin.checkpoint import Begin, card_of, compare, find_start

    start = find_start(config)
    card = card_of(config) if is_first or is_check else None
    told = compare(start, config, card) if card else []
    if not is_check:
        say(told)
    if start.finished_at is not None:
        return 0
    if is_check or "RANK" not in os.environ:  # torchrun's workers are started after --check
        check_records(given)
    if is_check:
        return 0
    from datasets.exceptions import DatasetGenerationError
    from llamafactory.train.tuner import run_exp

    from llamafactory_plugin import converter, packing, row_faults, templates
    from llamafactory_plugin.input_wait import InputWait
    from llamafactory_plugin.loaded_weights import LoadedWeights

    output_dir, skip = Path(config["output_dir"]), config.pop(ON_BAD_VIDEO, FAIL) == SKIP
    drop = config.pop(ON_LONG_ROW, FAIL) == DROP
    if is_first:
        say(remarks(config))
        (output_dir / row_faults.LONG_ROWS).unlink(missing_ok=True)
        if not (skip and start.checkpoint):
            (output_dir / row_faults.BAD_VIDEOS).unlink(missing_ok=True)
    without_rationale = config.pop(NO_RATIONALE, FAIL)
    converter.register(None if without_rationale == FAIL else without_rationale)
    templates.register(skip, config.pop(VIDEO_SAMPLING, BY_INDEX))
    packing.install()
    turns = config.pop(LOSS_TURNS, ALL)
    row_faults.install(output_dir, skip, drop, None if turns == ALL else turns)
    if config.get("do_train"):
        config |= start.settings()
    refuse_what_the_host_refuses(config)
    try:
        callbacks = [Begin(start, card), LoadedWeights(), row_faults.DroppedRows(), InputWait(output_dir)]
        with base_weights.required():
            run_exp(dict(config), callbacks)
    except (VideoError, RuntimeError) as error:
        # What a loader's worker raises comes back as its traceback; the worker has noted what it was.
        bad, long = row_faults.bad_videos(output_dir), row_faults.long_rows(output_dir)
        if isinstance(error, VideoError):
            bad = bad or [error]
        print(file=sys.stderr)  # ends the line of the progress bar
        if long and (not drop or row_faults.NO_ROW_LEFT in str(error)):
            raise long[0] from None
        if skip or not bad:
            raise
        raise UserError(f"{bad[0]}, or set {ON_BAD_VIDEO}={SKIP}") from None
    except UserError as error:  # a loader's worker hands on its traceback, of which the last line is the error
        said = str(error).rstrip().rpartition("\n")[2]
        raise UserError(said.removeprefix(f"{UserError.__module__}.{UserError.__qualname__}: ")) from None
    except DatasetGenerationError as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise UserError(
            f"dataset '{config['dataset']}' is no table with one type a field: {cause}; "
            "local_script/prepare_videokr_sft_data.py takes it row by row"
        ) from None
    if not is_first:
        return 0
    if config.get("do_train") and not config.get("early_stopping_steps"):
        check_finished(output_dir)
    if drop and config.get("streaming"):  # whose rows are tokenised as they are trained
        row_faults.say_dropped_rows(output_dir)
    if bad := row_faults.bad_videos(output_dir):
        print(f"{len(bad)} videos do not decode, and other rows were taken in their place:")
        for fault in bad:
            print(f"  {fault.path}: {fault.reason}")
    return 0


def say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def check_finished(output_dir: Path) -> None:
    """Raises RuntimeError where the host ended without an error before its last step.

    A Qwen3-VL clip whose header promises more frames than it holds ends an epoch so (StopIteration in the loader,
    LLaMA-Factory 0.9.5).
    """
    state = json.loads((output_dir / "trainer_state.json").read_text(encoding="utf-8"))
    if state["global_step"] < state["max_steps"]:
        raise RuntimeError(f"training stopped at step {state['global_step']} of {state['max_steps']} without an error")


def refuse_what_the_host_refuses(config: dict[str, Any]) -> None:
    """Raises UserError where the host's arguments cannot be made of these settings, or it finds no such model."""
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    try:
        model, *_ = get_train_args(dict(config))
    except (ValueError, TypeError, AssertionError, ImportError) as error:  # the last of deepspeed's package
        is_of_gpus = "use_cpu" in str(error) or "deepspeed" in str(error)
        way = "; without a GPU: bf16=false use_cpu=true deepspeed=null" if is_of_gpus else ""
        raise UserError(f"LLaMA-Factory does not take these settings: {' '.join(str(error).split())}{way}") from None
    if not Path(model.model_name_or_path).is_dir():
        try:
            load_tokenizer(model)
        except OSError as error:
            cause = str(error.__cause__ or error).strip().partition("\n")[0]
            raise UserError(f"model '{model.model_name_or_path}' is no folder, and no hub gives it: {cause}") from None


def main() -> int:
    return train(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(exit_status(main))
