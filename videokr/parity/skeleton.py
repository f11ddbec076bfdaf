"""A checkpoint without its weights, with few layers: what a host makes of an example does not depend on them."""

import json
from pathlib import Path
from typing import Any

LAYERS = 4  # of the text model; not fewer than the vision layers that Qwen3-VL hands it
CONTEXT_TOKENS = 32_768  # prompt and response: the evaluation's; a demo's model has less
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")


def write_skeleton(model: Path, folder: Path) -> None:
    """Writes the folder: a config.json of its own, and links to the other files but weights.

    Args:
        model: checkpoint folder of a covered family.
    """
    folder.mkdir()
    for path in model.iterdir():
        if path.is_file() and path.name != "config.json" and not path.name.endswith(WEIGHTS):
            (folder / path.name).symlink_to(path.resolve())
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    for text in (config, config.get("text_config", {})):
        _shorten(text)
    vision = config.get("vision_config", {})
    for indexes in ("deepstack_visual_indexes", "fullatt_block_indexes"):
        if indexes in vision:
            vision[indexes] = list(range(min(len(vision[indexes]), vision["depth"])))
            vision["depth"] = len(vision[indexes])
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _shorten(text: dict[str, Any]) -> None:
    if "num_hidden_layers" not in text:
        return
    text["num_hidden_layers"] = min(LAYERS, text["num_hidden_layers"])
    text["max_position_embeddings"] = CONTEXT_TOKENS
    if "layer_types" in text:
        text["layer_types"] = text["layer_types"][:LAYERS]
