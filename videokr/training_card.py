"""What a checkpoint was trained with, kept beside it, so that an evaluation can say where it asks otherwise."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.fingerprint import file_sha256, model_fingerprint
from videokr.outputs import atomic_write
from videokr.prompt import prompt_digest

TRAINING_CARD = "videokr_training.json"


@dataclass(frozen=True, slots=True)
class TrainingCard:
    """What a run trains: with which prompt, budget, model, data and settings.

    Attributes:
        stage: `sft` or `rl`.
        prompt_sha256: `videokr.prompt.prompt_digest`.
        videos: `videokr.video.proxy.video_reading`.
        model: that the run began with, as it was given.
        model_fingerprint: `videokr.fingerprint`, of a local folder; None of a name on the hub.
        data: SHA-256 of each file that is trained on, by its path.
        settings: that decide what is learnt, by the host's names.
        generation_prompt: that responses went on from; None of a name on the hub.
    The last six are None in a card that is older than they are.
    """

    stage: str
    prompt_sha256: str
    budget: VideoBudget
    videos: Mapping[str, bool] | None = None
    model: str | None = None
    model_fingerprint: str | None = None
    data: Mapping[str, str] | None = None
    settings: Mapping[str, Any] | None = None
    generation_prompt: str | None = None


def make_training_card(
    stage: str,
    budget: VideoBudget,
    videos: Mapping[str, bool],
    model: str,
    data: Iterable[Path],
    settings: Mapping[str, Any],
    generation_prompt: str | None = None,
) -> TrainingCard:
    """The card of a run that is about to start, with the prompt of this version; see `TrainingCard`.

    Args:
        model: a checkpoint folder, or a name on the hub.
        data: files that are trained on; each is read once.
    """
    folder = Path(model).expanduser()
    return TrainingCard(
        stage=stage,
        prompt_sha256=prompt_digest(),
        budget=budget,
        videos=videos,
        model=model,
        model_fingerprint=model_fingerprint(folder) if folder.is_dir() else None,
        data={str(path): file_sha256(path) for path in data},
        settings=settings,
        generation_prompt=generation_prompt,
    )


def write_training_card(folder: Path, card: TrainingCard) -> None:
    with atomic_write(folder / TRAINING_CARD) as aside:
        aside.write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_training_card(model: Path) -> TrainingCard | None:
    """The card of a checkpoint, or of the run whose folder it lies in; see `read_own_card`."""
    return read_own_card(model) or read_own_card(model.parent)


def read_own_card(folder: Path) -> TrainingCard | None:
    """The card that lies in a folder; None where there is none, and UserError where it cannot be read."""
    path = folder / TRAINING_CARD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return TrainingCard(**{**record, "budget": VideoBudget(**record["budget"])})
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"'{path}' is no training card: {error}; remove it, or train with this version") from None


def compare_with_begun(folder: Path, card: TrainingCard, decisive: Sequence[str] = ()) -> list[str]:
    """Holds a run that would go on from the checkpoints in a folder against the one that began there.

    Args:
        decisive: the host's names of settings that decide which weights a checkpoint has.

    Returns:
        What else differs, one line each: it may have been changed on purpose.

    Raises:
        UserError: the folder's run began with another model, other data or other weights to train, and going on would
            mix the two.
    """
    begun = read_own_card(folder)
    if begun is None or begun.model is None or begun.data is None:
        return ["the run in the folder left no card of its model and data, so they are not compared"]
    unlike = []
    if (begun.model_fingerprint or begun.model) != (card.model_fingerprint or card.model):
        now = "whose weights are others now" if begun.model == card.model else f"and not '{card.model}' as it is now"
        unlike.append(f"model '{begun.model}', {now}")
    if sorted(begun.data.values()) != sorted((card.data or {}).values()):
        unlike.append(f"data {_named(begun.data)}, and not {_named(card.data or {})}")
    before, given = begun.settings or {}, card.settings or {}
    changed = [name for name in sorted({*before, *given}) if before.get(name) != given.get(name)]
    unlike += [f"{name}={before.get(name)}, and not {given.get(name)}" for name in decisive if name in changed]
    if unlike:
        raise UserError(
            f"'{folder}' holds a run that began with {'; '.join(unlike)}: give another output folder to start a new "
            "run, or remove this one"
        )
    other = [f"{name}: {before.get(name)} before, {given.get(name)} now" for name in changed]
    if begun.prompt_sha256 != card.prompt_sha256:
        other.append("another prompt")
    if begun.budget != card.budget:
        other.append(f"budget: {asdict(begun.budget)} before, {asdict(card.budget)} now")
    return other


def departures(card: TrainingCard, budget: VideoBudget) -> list[str]:
    """Where an evaluation asks otherwise than the checkpoint was trained; more pixels are the recipe's own.

    Args:
        budget: the evaluation's.
    """
    found = ["another prompt"] if card.prompt_sha256 != prompt_digest() else []
    for name in ("fps", "max_frames"):
        trained, asked = getattr(card.budget, name), getattr(budget, name)
        if trained != asked:
            found.append(f"{name} {asked:g} in the place of {trained:g}")
    if budget.sampling != card.budget.sampling:
        found.append(f"frames even by {budget.sampling} in the place of {card.budget.sampling}")
    if budget.max_pixels < card.budget.max_pixels:
        found.append(f"max_pixels {budget.max_pixels} in the place of {card.budget.max_pixels}")
    return found


def _named(data: Mapping[str, str]) -> str:
    return ", ".join(f"'{name}' ({digest[:8]})" for name, digest in data.items())
