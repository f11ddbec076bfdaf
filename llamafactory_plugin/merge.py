"""Merges an adapter that SFT has trained into its base model: `python -m llamafactory_plugin.merge ADAPTER TARGET`.

By peft's own merge_and_unload. LLaMA-Factory's `export` asks for the base and the template anew, writes another type
than the base's, and does not say what has changed.
"""

import json
import sys
from pathlib import Path

from videokr import base_weights
from videokr.errors import UserError, exit_status
from videokr.family import find_family
from videokr.fingerprint import report_changes
from videokr.moe_weights import turn_always


def merge(adapter: Path, target: Path) -> None:
    """Writes the merged model, with the tokenizer and processor of the adapter's folder.

    Args:
        adapter: `output_dir` of a run with finetuning_type=lora, or a checkpoint of it.
        target: folder to write.

    Raises:
        UserError: the base model is not there or lacks weights, or the adapter changes nothing of it.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor

    config = adapter / "adapter_config.json"
    try:
        base = json.loads(config.read_text(encoding="utf-8"))["base_model_name_or_path"]
        find_family(base)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{config}' names no base model: {error}") from None
    except UserError as error:
        raise UserError(f"adapter '{adapter}': its base {error}") from None
    with base_weights.required():
        model = AutoModelForImageTextToText.from_pretrained(base, dtype="auto")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    after = merged.state_dict()
    print(report_changes({name: not torch.equal(tensor, after[name]) for name, tensor in before.items()}, base))
    turn_always(merged._weight_conversions)  # by which transformers writes what it has loaded
    merged.save_pretrained(target)
    AutoProcessor.from_pretrained(adapter).save_pretrained(target)


def main() -> int:
    if len(sys.argv) != 3:
        raise UserError("usage: python -m llamafactory_plugin.merge ADAPTER TARGET")
    merge(Path(sys.argv[1]), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
