"""What one epoch over a file costs with the shipped settings. Nothing here is a speed but what a user states."""

import math
from dataclasses import dataclass

from data_prep.stats.frames import Shown
from data_prep.stats.parameters import Parameters
from data_prep.stats.settings import GrpoSettings, SftSettings
from data_prep.stats.tokens import Mean, TokenLengths

# DeepSpeed ZeRO-3 in bf16 writes a gathered copy of all weights, for each trained parameter a float32 master and
# AdamW's two float32 moments, and frozen ones once more. verl's FSDP writes weights and two moments in one type.
WEIGHT_BYTES = 2
MASTER_AND_MOMENTS_BYTES = 12
FSDP_NUMBERS = 3


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of all rows that count and whose videos are known.

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
    """
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
class Disk:
    """
    Attributes:
        parameters, trained: of the model.
        checkpoint_bytes: one checkpoint; formula: how it comes about.
        saves: checkpoints written; kept: that are there at the end.
        end_bytes: on the disk at the end; most_bytes: at any time.
        keep_fewer: the setting that would keep fewer; None where one is set.
    """

    parameters: int
    trained: int
    checkpoint_bytes: int
    formula: str
    saves: int
    kept: int
    end_bytes: int
    most_bytes: int
    keep_fewer: str | None


@dataclass(frozen=True, slots=True)
class SftEpoch:
    """
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
    """
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
        rows: that count.
        videos: in them.
        shown: None without a manifest.
        family: whose video tokens count; None without a model.
        lengths, parameters: None without a model.
        gpus: None: as many as the settings of GRPO say.
        decode_rate: seconds of video that one CPU decodes in a second; None: not stated.
    """

    rows: int
    videos: int
    shown: Shown | None
    family: str | None
    lengths: TokenLengths | None
    parameters: Parameters | None
    gpus: int | None
    decode_rate: float | None

    def tokens(self) -> Tokens | None:
        own = self.shown.tokens.get(self.family) if self.shown and self.family else None
        if own is None:
            return None
        lengths = self.lengths
        return Tokens(
            rows=own.count,
            video=int(own.total),
            text=_times(lengths.text, own.count) if lengths else None,
            trained=_times(lengths.trained, own.count) if lengths and lengths.trained else None,
        )

    def decoding(self, share: float = 1.0) -> Decoding:
        """A row's videos are read once, for all rollouts of a prompt.

        Args:
            share: of the rows that are used.
        """
        shown = self.shown if self.shown and self.shown.frames else None
        seconds = shown.seconds * share if shown else None
        return Decoding(
            reads=round(self.videos * share),
            seconds=seconds,
            frames=round(shown.frames.total * share) if shown and shown.frames else None,
            cpu_hours=seconds / self.decode_rate / 3600 if seconds is not None and self.decode_rate else None,
        )


def sft_epoch(known: Known, settings: SftSettings, devices: int) -> SftEpoch:
    """
    Args:
        devices: where the user names none.
    """
    gpus = known.gpus or devices
    batch = settings.rows_a_device * settings.accumulation * gpus
    # transformers counts batches of all devices, the last of them filled up, and a step for each begun accumulation.
    steps = math.ceil(math.ceil(known.rows / (settings.rows_a_device * gpus)) / settings.accumulation)
    disk = _sft_disk(known.parameters, settings, steps) if known.parameters else None
    return SftEpoch(settings.file, gpus, known.rows, batch, steps, known.tokens(), known.decoding(), disk)


def grpo_epoch(known: Known, settings: GrpoSettings) -> GrpoEpoch:
    steps = known.rows // settings.batch_prompts
    prompts = steps * settings.batch_prompts
    rollouts = prompts * settings.rollouts
    return GrpoEpoch(
        settings=settings.file,
        gpus=known.gpus or settings.devices,
        rows=known.rows,
        batch_prompts=settings.batch_prompts,
        steps=steps,
        updates=steps * math.ceil(settings.batch_prompts / settings.mini_batch_prompts),
        rollouts=rollouts,
        generated_most=rollouts * settings.response_tokens,
        tokens=known.tokens(),
        decoding=known.decoding(prompts / known.rows if known.rows else 0.0),
        disk=_grpo_disk(known.parameters, settings, steps) if known.parameters else None,
    )


def _sft_disk(parameters: Parameters, settings: SftSettings, steps: int) -> Disk:
    total, trained = parameters.total, parameters.without(settings.frozen)
    frozen = total - trained
    checkpoint = WEIGHT_BYTES * total
    formula = f"{WEIGHT_BYTES} x {total:,} (bf16 weights)"
    if settings.saves_optimizer:
        checkpoint += MASTER_AND_MOMENTS_BYTES * trained + WEIGHT_BYTES * frozen
        formula += (
            f" + {MASTER_AND_MOMENTS_BYTES} x {trained:,} (trained: fp32 master and AdamW's two moments)"
            f" + {WEIGHT_BYTES} x {frozen:,} (frozen, bf16)"
        )
    saves = math.ceil(steps / settings.save_steps)  # the last step's among them
    kept = saves if settings.kept is None else min(saves, settings.kept)
    end = kept * checkpoint + WEIGHT_BYTES * total  # and the model itself
    most = max(end, min(saves, kept + 1) * checkpoint)  # the oldest goes when the newest is there
    return Disk(total, trained, checkpoint, formula, saves, kept, end, most, _unset(settings.kept, "save_total_limit"))


def _grpo_disk(parameters: Parameters, settings: GrpoSettings, steps: int) -> Disk:
    total = parameters.total
    checkpoint = FSDP_NUMBERS * settings.bytes_a_number * total
    formula = f"{FSDP_NUMBERS} x {settings.bytes_a_number} x {total:,} (weights and AdamW's two moments, in one type)"
    saves = math.ceil(steps / settings.save_steps) if settings.save_steps > 0 else 0
    kept = saves if settings.kept is None else min(saves, settings.kept)
    most = min(saves, max(kept, 2)) * checkpoint  # verl makes room before it saves, if it keeps two or more
    unset = _unset(settings.kept, "trainer.max_actor_ckpt_to_keep")
    return Disk(total, total, checkpoint, formula, saves, kept, kept * checkpoint, most, unset)


def _unset(kept: int | None, setting: str) -> str | None:
    return setting if kept is None else None


def _times(mean: Mean, rows: int) -> Mean:
    return Mean(mean.value * rows, None if mean.error is None else mean.error * rows)
