"""verl's merger of FSDP checkpoints, which merges an adapter, too: `python -m verl_plugin.merge merge ...`.

The host's own command line. verl 0.9.1 puts the adapter of a run with LoRA beside the weights, into lora_adapter/, and
writes the model before training under the name of the merged one (verl issues #7285, #4553).
"""

import json
import sys
from pathlib import Path

import torch
from verl.model_merger.base_model_merger import generate_config_from_args, parse_args
from verl.model_merger.fsdp_model_merger import FSDPModelMerger

from videokr.errors import UserError, exit_status
from videokr.fingerprint import model_fingerprint, report_changes
from videokr.moe_weights import saved_as_published
from videokr.training_card import read_training_card

ADAPTED, ADAPTER, WRAPPED = ".base_layer", ".lora_", "base_model.model."  # in peft's names


def merge_adapter(weights: dict[str, torch.Tensor], scale: float) -> dict[str, bool]:
    """Adds a LoRA adapter to the weights under it, in place, and gives all of them the model's own names.

    Args:
        weights: as verl saves them of a model that peft has wrapped.
        scale: lora_alpha / r.

    Returns:
        Of each tensor, whether it is now another.

    Raises:
        UserError: the adapter is not one of two matrices a layer, or its base is not there.
    """
    given = {name.removeprefix(WRAPPED): tensor for name, tensor in weights.items()}
    halves = {name: given.pop(name) for name in list(given) if ADAPTER in name}
    weights.clear()
    differs = {}
    for name, tensor in given.items():
        layer, _, kind = name.partition(ADAPTED)
        own = layer + kind
        weights[own] = tensor
        down, up = (halves.pop(f"{layer}{ADAPTER}{half}.default{kind}", None) for half in "AB")
        if down is not None and up is not None:
            weights[own] = (tensor.float() + scale * (up.float() @ down.float())).to(tensor.dtype)
        differs[own] = not torch.equal(tensor, weights[own])
    if halves:
        raise UserError(f"the adapter's '{min(halves)}' has no weights that it could be merged into")
    return differs


class Merger(FSDPModelMerger):
    """Says what differs from the model that the run began with; a merge in which nothing does fails."""

    def save_hf_model_and_tokenizer(self, state_dict: dict[str, torch.Tensor]) -> None:
        checkpoint = Path(self.config.local_dir)
        card = read_training_card(checkpoint.parent)
        if any(ADAPTER in name for name in state_dict):
            about = json.loads((checkpoint / "lora_train_meta.json").read_text(encoding="utf-8"))
            differs = merge_adapter(state_dict, about["lora_alpha"] / about["r"])
            print(report_changes(differs, (card and card.model) or "the model under the adapter"))
        elif card is None or card.model is None:
            print("not compared with the model before training: the run left no card that names it")
        elif not _is_as_it_was(card.model, card.model_fingerprint):
            print(f"not compared with the model before training: '{card.model}' is not there any more, or another now")
        else:
            model = self.get_transformers_auto_model_class().from_pretrained(card.model, dtype=torch.bfloat16)
            print(report_changes(differing(state_dict, model.state_dict()), card.model))
            del model
        with saved_as_published():
            super().save_hf_model_and_tokenizer(state_dict)


def differing(weights: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> dict[str, bool]:
    return {name: name not in before or not torch.equal(tensor, before[name]) for name, tensor in weights.items()}


def _is_as_it_was(model: str, fingerprint: str | None) -> bool:
    """Whether the base is still the model that the run began with.

    Args:
        fingerprint: None of a name on the hub.
    """
    folder = Path(model).expanduser()
    return fingerprint is None or (folder.is_dir() and model_fingerprint(folder) == fingerprint)


def main() -> int:
    Merger(generate_config_from_args(parse_args())).merge_and_save()
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
