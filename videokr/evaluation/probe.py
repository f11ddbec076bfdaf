"""Shortcut probes: the same questions with less of their video, or another's, to see how much of a score needs it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from videokr.errors import UserError
from videokr.example import Example
from videokr.video.frame_plan import TEMPORAL_PATCH_FRAMES, FramePlan

if TYPE_CHECKING:
    import torch

FOUR = 4


class Probe(StrEnum):
    """What is shown in the place of the video."""

    BLIND = "blind"  # nothing: the question alone
    SINGLE = "single"  # one frame, drawn at random, as the publication chose its benchmark's questions
    FOUR = "four"  # four frames, evenly spread
    SHUFFLED = "shuffled"  # all frames, in an order drawn at random
    SWAPPED = "swapped"  # the video of another question


def read_probe(name: str) -> Probe | None:
    """Reads the name of a probe; UserError where there is no such one."""
    if not name:
        return None
    try:
        return Probe(name)
    except ValueError:
        raise UserError(f"probe '{name}' is not known: give one of {', '.join(Probe)}") from None


def probe_frames(
    probe: Probe, frames: "torch.Tensor", plan: FramePlan, rng: random.Random
) -> tuple["torch.Tensor", FramePlan]:
    """The frames that are shown, and the plan that tells their times.

    A single frame is shown as often as a temporal patch has frames. Frames that are shuffled keep the times of the
    places that they come to, so that nothing gives their order away.

    Args:
        frames: (frames, 3, height, width).
    """
    count = len(plan.indices)
    if probe is Probe.SINGLE:
        chosen = [rng.randrange(count)] * TEMPORAL_PATCH_FRAMES
    elif probe is Probe.FOUR:
        chosen = sorted({round(place * (count - 1) / (FOUR - 1)) for place in range(FOUR)})
        chosen += chosen[-1:] * (len(chosen) % TEMPORAL_PATCH_FRAMES)
    elif probe is Probe.SHUFFLED:
        return frames[rng.sample(range(count), count)], plan
    else:
        return frames, plan
    times = plan.times_ms and tuple(plan.times_ms[place] for place in chosen)
    return frames[chosen], replace(plan, indices=tuple(plan.indices[place] for place in chosen), times_ms=times)


def swap_videos(examples: Sequence[Example], seed: int) -> list[Example]:
    """Every question with another's video; questions about one video stay together, and no video keeps its own.

    UserError where all are about one video.
    """
    videos = sorted({example.videos for example in examples})
    if len(videos) < 2:
        raise UserError("probe 'swapped' needs questions about two videos or more")
    random.Random(seed).shuffle(videos)
    others = dict(zip(videos, [*videos[1:], videos[0]], strict=True))
    return [replace(example, videos=others[example.videos]) for example in examples]
