"""The model families that the recipe covers: `python -m videokr.family MODEL [RECIPE]` names a model's.

With the name of an SFT recipe (`train_videokr.sh`), a checkpoint folder that it is not for is refused.

How one is added: docs/families.md.
"""

import json
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from videokr.errors import UserError, exit_status

# Single tokens of all families.
VIDEO = "<|video_pad|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
END_OF_TURN = "<|im_end|>"  # after every message, the response among them
USER_TURN = f"<|im_start|>user\n{{}}{END_OF_TURN}\n"

HUB_ID = re.compile(r"[A-Za-z0-9_-][\w.-]*/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that the stages treat alike, and what they have to know of them.

    The chat template is the checkpoint's own, and with it who opens the thinking (`videokr.generation_prompt`) and how
    calls are written (`videokr.dialogue.write_calls`).

    Attributes:
        name: as the launchers take it; `videokr_` and the name is that of its chat template in LLaMA-Factory.
        model_types: `model_type` in a model's config.json; where there are two, the dense and the mixture of experts.
        host_template: LLaMA-Factory's own chat template, which ours goes on from.
        patch_size: side of a vision patch in pixels; with 16 the prompt holds the times of a video, with 14 the
            positions do (`videokr.video.frame_plan`).
        thinks: whether the prompt opens the thinking with every checkpoint, and not with some.
        keeps_state: whether layers carry a state along the tokens (Gated DeltaNet), and not attention alone.
        packs_with_flash_alone: whether verl needs flash-attn to pack its rows.
    """

    name: str
    model_types: tuple[str, ...]
    host_template: str
    patch_size: int
    thinks: bool = False
    keeps_state: bool = False
    packs_with_flash_alone: bool = False

    @property
    def template(self) -> str:
        return f"videokr_{self.name}"


FAMILIES = {
    family.name: family
    for family in (
        Family("qwen2_5vl", ("qwen2_5_vl",), "qwen2_vl", patch_size=14, packs_with_flash_alone=True),
        Family("qwen3vl", ("qwen3_vl", "qwen3_vl_moe"), "qwen3_vl_nothink", patch_size=16),
        Family("qwen3_5", ("qwen3_5", "qwen3_5_moe"), "qwen3_5_nothink", patch_size=16, thinks=True, keeps_state=True),
    )
}
BY_MODEL_TYPE = {model_type: family for family in FAMILIES.values() for model_type in family.model_types}


def family_of(model_path: Path) -> Family:
    """The family of a checkpoint folder.

    Raises:
        UserError: no config.json there, or a family that the recipe does not cover.
    """
    config = model_path / "config.json"
    if not config.is_file() and (model_path / "adapter_config.json").is_file():
        raise UserError(
            f"model '{model_path}' is an adapter alone: merge it into its base by "
            f"bash local_script/merge_videokr_checkpoint.sh {shlex.quote(str(model_path))}, and give that folder"
        )
    if not config.is_file():
        raise UserError(f"model '{model_path}': no config.json there; give a checkpoint folder in Hugging Face format")
    try:
        model_type = json.loads(config.read_text(encoding="utf-8"))["model_type"]
    except (ValueError, TypeError, KeyError):
        raise UserError(f"model '{model_path}': its config.json names no model_type") from None
    if not isinstance(model_type, str) or model_type not in BY_MODEL_TYPE:
        known = ", ".join(BY_MODEL_TYPE)
        raise UserError(f"model '{model_path}': model_type {model_type!r} is not covered; known: {known}")
    return BY_MODEL_TYPE[model_type]


def recipe_of(model_path: Path) -> str:
    """The SFT recipe of a checkpoint folder of a covered family: a mixture of experts has one of its own."""
    model_type = json.loads((model_path / "config.json").read_text(encoding="utf-8"))["model_type"]
    return BY_MODEL_TYPE[model_type].name + ("_moe" if model_type.endswith("_moe") else "")


def context_tokens(model_path: Path) -> int | None:
    """Tokens that a checkpoint of a covered family has positions for; None where it does not say."""
    config = json.loads((model_path / "config.json").read_text(encoding="utf-8"))
    text = config.get("text_config")
    stated = (text if isinstance(text, dict) else config).get("max_position_embeddings")
    return stated if isinstance(stated, int) else None


def find_family(model: str) -> Family | None:
    """The family of what a user gave as a model; None for a name on the hub, which is left to the host.

    Raises:
        UserError: neither a checkpoint folder of a covered family nor a name on the hub.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return family_of(path)
    if path.exists() or not HUB_ID.fullmatch(model):
        raise UserError(
            f"model '{model}' is not there: give a checkpoint folder, or a name on the hub such as "
            "Qwen/Qwen3-VL-8B-Instruct"
        )
    return None


def require_weights(model: str) -> None:
    """Raises UserError where what a user gave as a model is a folder without weights."""
    path = Path(model).expanduser()
    if path.is_dir() and not any(
        file.suffix == ".safetensors" or file.match("pytorch_model*") for file in path.iterdir()
    ):
        raise UserError(f"model '{model}': no weights there (*.safetensors)")


def main() -> int:
    if len(sys.argv) not in (2, 3):
        raise UserError("usage: python -m videokr.family MODEL [RECIPE]")
    model, recipe = sys.argv[1], sys.argv[2:]
    family = find_family(model)
    require_weights(model)
    if family and recipe:
        own = recipe_of(Path(model).expanduser())
        if recipe != [own]:
            raise UserError(f"model '{model}' is of {own}, not of {recipe[0]}: give train_videokr.sh {own}")
    print(f"{model}: {family.name if family else 'a name on the hub'}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
