"""A model's parameters and shapes, counted on its real class without a weight: by published size or from a folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_prep.stats.epoch import PARTS, part_of
from videokr.errors import UserError
from videokr.family import FAMILIES, Family, family_of

# Published configurations (their shapes alone), what makers say of GPUs, and what is not known before a run.
FIGURES: Mapping[str, Any] = json.loads(files("data_prep.plan").joinpath("figures.json").read_text(encoding="utf-8"))
FULL = "full_attention"  # in a configuration's layer_types


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What the arithmetic needs of a model.

    Attributes:
        parameters: by `stats.epoch.PARTS`; tied weights once.
        multiplied: by the same parts, the weights that a token, in the tower a patch, is multiplied with.
        attention: (layers with full attention, width of queries, width of keys); vision_attention: (layers, width).
    """

    family: Family
    parameters: Mapping[str, int]
    multiplied: Mapping[str, float]
    is_mixture: bool
    layers: int
    hidden: int
    vocabulary: int
    attention: tuple[int, int, int]
    vision_attention: tuple[int, int]

    @property
    def total(self) -> int:
        return sum(self.parameters.values())


def model_size(model: str) -> ModelSize:
    """Counts a model: a size of FIGURES, or a checkpoint folder of which config.json is read.

    Raises:
        UserError: neither; its config.json describes no model; or there is no torch to count with.
    """
    try:
        import torch
        from huggingface_hub.errors import StrictDataclassError
        from transformers import AutoConfig, AutoModelForImageTextToText, logging
    except ModuleNotFoundError as error:
        raise UserError(f"plan needs {error.name}: take the environment of local_script/setup_env.sh sft") from None
    folder = Path(model).expanduser()
    if shapes := FIGURES["sizes"].get(model):
        family = FAMILIES[model.partition("/")[0]]
        shapes = {"model_type": family.model_types["num_experts" in shapes["text_config"]], **shapes}
    elif folder.is_dir():
        family, shapes = family_of(folder), json.loads((folder / "config.json").read_text(encoding="utf-8"))
    else:
        raise UserError(f"--model '{model}' is no folder and no known size: {', '.join(FIGURES['sizes'])}")
    shown = logging.get_verbosity()
    logging.set_verbosity_error()  # of kernels, which counting needs not
    try:
        # What is left out would be a default's. In Qwen2.5-VL's first files the text's shapes stand outside.
        if any(
            "hidden_size" not in part for part in (shapes.get("vision_config", ()), shapes.get("text_config", shapes))
        ):
            raise ValueError("vision_config or text_config has no hidden_size")
        with torch.device("meta"):
            made = AutoModelForImageTextToText.from_config(config := AutoConfig.for_model(**shapes))
    except (StrictDataclassError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        fault = " ".join(str(error).split())
        raise UserError(f"--model '{model}': its config.json cannot be read as a model's: {fault}") from None
    finally:
        logging.set_verbosity(shown)
    text, vision = config.text_config, config.vision_config
    chosen = getattr(text, "num_experts_per_tok", 0) / getattr(text, "num_experts", 1)
    parameters, multiplied = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0.0)
    for name, weight in made.named_parameters():
        part = part_of(name.split("."))
        parameters[part] += weight.numel()
        is_table = "embed" in name.split(".")[-2] and weight.dim() == 2
        if weight.dim() > 1 and (not is_table or (part == PARTS[0] and config.tie_word_embeddings)):
            multiplied[part] += weight.numel() * (chosen if ".experts." in name else 1)
    kinds = getattr(text, "layer_types", None) or [FULL] * text.num_hidden_layers
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    attention = kinds.count(FULL), text.num_attention_heads * head, text.num_key_value_heads * head
    of_vision = vision.depth, vision.hidden_size
    shape = text.num_hidden_layers, text.hidden_size, text.vocab_size
    return ModelSize(family, parameters, multiplied, chosen > 0, *shape, attention, of_vision)
