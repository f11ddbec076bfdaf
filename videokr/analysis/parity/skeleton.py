"""A checkpoint without its weights, with few layers: what a host makes of an example does not depend on them."""

import json
from pathlib import Path
from typing import Any

from videokr.errors import UserError

LAYERS = 4  # of the text model; not fewer than the vision layers that Qwen3-VL hands it
CONTEXT_TOKENS = 32_768  # prompt and response: the evaluation's; a demo's model has less
NEEDED = {
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "processor": ("processor_config.json", "preprocessor_config.json"),
}
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")


def write_skeleton(model: Path, folder: Path) -> None:
    """Writes the folder: a config.json of its own, and links to the other files but weights.

    Args:
        model: checkpoint folder of a covered family.

    Raises:
        UserError: it holds no tokenizer or processor, or its config.json lacks what the family has.
    """
    for what, names in NEEDED.items():
        if not any((model / name).is_file() for name in names):
            raise UserError(f"model '{model}': no {what} there ({' or '.join(names)})")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    try:
        shorten(config)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"model '{model}': its config.json is not that of a whole checkpoint: {error!r}") from None
    folder.mkdir()
    for path in model.iterdir():
        if path.is_file() and path.name != "config.json" and not path.name.endswith(WEIGHTS):
            (folder / path.name).symlink_to(path.resolve())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def shorten(config: dict[str, Any]) -> None:
    """Cuts a configuration to a few layers; older ones have the text model's settings at the top."""
    text, vision = config.get("text_config", config), config["vision_config"]
    text["num_hidden_layers"] = min(LAYERS, text["num_hidden_layers"])
    text["max_position_embeddings"] = CONTEXT_TOKENS
    if "layer_types" in text:
        text["layer_types"] = text["layer_types"][:LAYERS]
    for indexes in ("deepstack_visual_indexes", "fullatt_block_indexes"):
        if indexes in vision:
            vision["depth"] = min(len(vision[indexes]), vision["depth"])
            vision[indexes] = list(range(vision["depth"]))
