"""Makes sure that a run goes on from the weights of its checkpoint.

transformers 5 saves Qwen2.5-VL under the names of its first release, and its `Trainer` loads a checkpoint (to go on
from it, or as the best model at the end) without the renaming that `from_pretrained` does: nothing fits, and the base
model is trained on after a warning (huggingface/transformers #43701, #48805; QwenLM/Qwen3-VL #1763).
"""

from typing import Any

from accelerate.state import AcceleratorState
from peft import PeftModel
from torch import nn, serialization
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightRenaming

from videokr.base_weights import some
from videokr.errors import UserError


class LoadedWeights(TrainerCallback):
    """Renames what the host loads into its model as `from_pretrained` does, and ends the run unless all of it fits.

    FSDP is left alone: accelerate keeps weights under the names that the model has in memory, and loads them strictly.
    """

    def __init__(self) -> None:
        self._is_watching = False
        self._loaded: set[int] = set()  # ids of parameters: of two that are tied only one is saved

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if args.device.type == "cpu":  # several processes ask for an optimizer at "cpu:0", which torch does not know
            serialization.register_package(0, _no_tag, _at_first_cpu)
        if getattr(AcceleratorState(), "fsdp_plugin", None):
            return
        self._is_watching, model = True, given["model"]
        renamings = [each for each in get_model_conversion_mapping(model) if isinstance(each, WeightRenaming)]

        def rename(module: nn.Module, weights: dict[str, Any], *_: Any) -> None:
            own = dict(module.named_parameters(remove_duplicate=False))
            for name in [name for name in weights if name not in own]:
                renamed = name
                for renaming in renamings:
                    renamed, _pattern = renaming.rename_source_key(renamed)
                weights[renamed] = weights.pop(name)
            refuse("are none of its own", [name for name in weights if name not in own])
            self._loaded |= {id(own[name]) for name in weights}

        model.register_load_state_dict_pre_hook(rename)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        if self._is_watching and args.resume_from_checkpoint:
            self._require_all(given["model"])

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self._is_watching and args.load_best_model_at_end and state.best_model_checkpoint:
            self._require_all(given["model"])

    def _require_all(self, model: nn.Module) -> None:
        """Of an adapter: all that is trained, which is all that its checkpoint holds."""
        parameters = model.named_parameters(remove_duplicate=False)
        is_adapter = isinstance(model, PeftModel)
        expected = [(name, id(each)) for name, each in parameters if each.requires_grad or not is_adapter]
        refuse("are missing", [name for name, parameter in expected if parameter not in self._loaded])
        self._loaded.clear()


def _no_tag(_: Any) -> None:
    return None


def _at_first_cpu(data: Any, place: str) -> Any:
    return data if place == "cpu:0" else None


def refuse(fault: str, names: list[str]) -> None:
    """Ends a run whose weights do not fit the model.

    Raises:
        UserError: there are such names.
    """
    if names:
        raise UserError(
            f"the checkpoint's weights do not fit the model: {len(names)} {fault} ({some(names)}); give a checkpoint "
            "of this model, or set overwrite_output_dir=true to start anew"
        )
