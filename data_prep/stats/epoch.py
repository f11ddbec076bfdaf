"""What one epoch over a file costs with the shipped settings. Nothing here is a speed but what a user states."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from data_prep.stats import Stage
from data_prep.stats.checkpoint import Disk, grpo_disk, sft_disk
from data_prep.stats.tokens import Mean, TokenLengths
from data_prep.stats.videos import FrameStats
from videokr.family import Family

SFT_FILE, GRPO_FILE = "llamafactory_plugin/configs/{family}_sft.yaml", "verl_plugin/config/videokr_grpo.yaml"
Settings = Mapping[str, Any]  # as the host names them


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of all rows that count and whose videos are known.

    Attributes:
        rows: that these are of.
        video: that stand for patches; exact.
        text: of prompt, and in SFT response; trained: of the response. From a sample; None without a model.
    """

    rows: int
    video: int
    text: Mean | None
    trained: Mean | None


@dataclass(frozen=True, slots=True)
class Decoding:
    """What is decoded: a row's videos once, for all rollouts of a prompt.

    Attributes:
        reads: videos opened and decoded, a video as often as it is.
        seconds: of video in them; frames: that are shown. Of rows whose videos are known.
        cpu_hours: where the user states a rate.
    """

    reads: int
    seconds: float | None
    frames: int | None
    cpu_hours: float | None


@dataclass(frozen=True, slots=True)
class SftEpoch:
    """One epoch of SFT.

    Attributes:
        rows: that are trained on; batch_rows: a step.
        steps: of the optimizer.
    """

    settings: str
    gpus: int
    rows: int
    batch_rows: int
    steps: int
    tokens: Tokens | None
    decoding: Decoding
    disk: Disk | None


@dataclass(frozen=True, slots=True)
class GrpoEpoch:
    """One epoch of GRPO.

    Attributes:
        rows: prompts there are; the last ones that fill no batch are not asked.
        steps: of the run; updates: of the policy.
        rollouts: responses; generated_most: tokens of them together, at most.
    """

    settings: str
    gpus: int
    rows: int
    batch_prompts: int
    steps: int
    updates: int
    rollouts: int
    generated_most: int
    tokens: Tokens | None
    decoding: Decoding
    disk: Disk | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file, for its epoch.

    Attributes:
        rows: that count; videos: in them.
        shown: None without a manifest.
        family: whose video tokens count; lengths, parameters: of the model. None without one.
        gpus: None: as many as the settings of GRPO say.
        decode_rate: seconds of video that one CPU decodes in a second; None: not stated.
    """

    rows: int
    videos: int
    shown: FrameStats | None = None
    family: str | None = None
    lengths: TokenLengths | None = None
    parameters: Mapping[str, int] | None = None
    gpus: int | None = None
    decode_rate: float | None = None

    def tokens(self) -> Tokens | None:
        video = self.shown.tokens.get(self.family) if self.shown and self.family else None
        if video is None:
            return None
        text, trained = (self.lengths.text, self.lengths.trained) if self.lengths else (None, None)
        rows = video.count
        return Tokens(rows, int(video.total), text and text.times(rows), trained and trained.times(rows))

    def decoding(self, share: float = 1.0) -> Decoding:
        """What is decoded if this share of the rows is used."""
        reads = round(self.videos * share)
        if not self.shown or not self.shown.frames:
            return Decoding(reads, None, None, None)
        seconds = self.shown.seconds * share
        hours = seconds / self.decode_rate / 3600 if self.decode_rate else None
        return Decoding(reads, seconds, round(self.shown.frames.total * share), hours)


def epochs_of(stage: Stage, family: Family, known: Known) -> tuple[SftEpoch | None, GrpoEpoch | None]:
    """The epoch of a stage, with the settings files that the launchers read."""
    grpo = _read(GRPO_FILE)
    if stage is Stage.SFT:
        file = SFT_FILE.format(family=family.name)
        return sft_epoch(known, file, _read(file), _devices(grpo)), None
    return None, grpo_epoch(known, GRPO_FILE, grpo) if stage is Stage.RL else None


def sft_epoch(known: Known, file: str, settings: Settings, devices: int) -> SftEpoch:
    """Counts an epoch of SFT.

    Args:
        file: that the settings are from.
        devices: where the user names none.
    """
    gpus = known.gpus or devices
    rows, accumulation = settings["per_device_train_batch_size"] * gpus, settings["gradient_accumulation_steps"]
    # transformers counts batches of all devices, the last of them filled up, and a step for each begun accumulation.
    steps = math.ceil(math.ceil(known.rows / rows) / accumulation)
    disk = sft_disk(known.parameters, settings, steps) if known.parameters else None
    return SftEpoch(file, gpus, known.rows, rows * accumulation, steps, known.tokens(), known.decoding(), disk)


def grpo_epoch(known: Known, file: str, settings: Settings) -> GrpoEpoch:
    """Counts an epoch of GRPO."""
    data, model = settings["data"], settings["actor_rollout_ref"]
    batch = data["train_batch_size"]
    steps = known.rows // batch
    rollouts = steps * batch * model["rollout"]["n"]
    return GrpoEpoch(
        settings=file,
        gpus=known.gpus or _devices(settings),
        rows=known.rows,
        batch_prompts=batch,
        steps=steps,
        updates=steps * math.ceil(batch / model["actor"]["ppo_mini_batch_size"]),
        rollouts=rollouts,
        generated_most=rollouts * data["max_response_length"],
        tokens=known.tokens(),
        decoding=known.decoding(steps * batch / known.rows if known.rows else 0.0),
        disk=grpo_disk(known.parameters, settings, steps) if known.parameters else None,
    )


def _devices(settings: Settings) -> int:
    return int(settings["trainer"]["n_gpus_per_node"] * settings["trainer"]["nnodes"])


def _read(file: str) -> Settings:
    import yaml

    package, _, name = file.partition("/")
    settings: Settings = yaml.safe_load(files(package).joinpath(name).read_text(encoding="utf-8"))
    return settings
