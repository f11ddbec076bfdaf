"""What a checkpoint was trained with, kept beside it, so that an evaluation can say where it asks otherwise."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.outputs import written_aside
from videokr.prompt import prompt_digest

TRAINING_CARD = "videokr_training.json"


@dataclass(frozen=True, slots=True)
class TrainingCard:
    """
    Attributes:
        stage: `sft` or `rl`.
        prompt_sha256: `videokr.prompt.prompt_digest`.
        videos: `videokr.proxy.video_reading`; None of a card that is older than this.
    """

    stage: str
    prompt_sha256: str
    budget: VideoBudget
    videos: Mapping[str, bool] | None = None


def write_training_card(folder: Path, stage: str, budget: VideoBudget, videos: Mapping[str, bool]) -> None:
    """Writes the card of a run with the prompt of this version.

    Args:
        videos: `videokr.proxy.video_reading`, as the run starts.
    """
    card = TrainingCard(stage, prompt_digest(), budget, videos)
    with written_aside(folder / TRAINING_CARD) as aside:
        aside.write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def read_training_card(model: Path) -> TrainingCard | None:
    """The card of a checkpoint, or of the run whose folder it lies in; None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    for folder in (model, model.parent):
        path = folder / TRAINING_CARD
        if not path.is_file():
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            budget = VideoBudget(**record["budget"])
            return TrainingCard(record["stage"], record["prompt_sha256"], budget, record.get("videos"))
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"'{path}' is no training card: {error}; remove it, or train with this version") from None
    return None


def departures(card: TrainingCard, budget: VideoBudget) -> list[str]:
    """Where an evaluation asks otherwise than the checkpoint was trained; more pixels are the recipe's own.

    Args:
        budget: the evaluation's.
    """
    found = []
    if card.prompt_sha256 != prompt_digest():
        found.append("another prompt")
    for name in ("fps", "max_frames"):
        trained, asked = getattr(card.budget, name), getattr(budget, name)
        if trained != asked:
            found.append(f"{name} {asked:g} in the place of {trained:g}")
    if budget.max_pixels < card.budget.max_pixels:
        found.append(f"max_pixels {budget.max_pixels} in the place of {card.budget.max_pixels}")
    return found
