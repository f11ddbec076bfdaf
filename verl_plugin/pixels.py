"""A video's patches as the bytes that they are, until the trainer's device makes of them what the model takes.

Stock verl normalises in the agent loop, and carries four bytes for each of a picture's to the trainer: through the
queue, into the workers' memory, to the device.
"""

from typing import Any

import torch
from verl.trainer.ppo.utils import need_critic

PATCHES = "pixel_values_videos"
AS_THEY_ARE = {"do_rescale": False, "do_normalize": False}  # for a video processor
ENGINES = ("verl_plugin.engine", "verl_plugin.cpu.engine")  # external_lib of a run whose trainer normalises
STRATEGIES = ("fsdp", "fsdp2")


def is_normalised_by_trainer(config: Any) -> bool:
    """Whether a run's trainer runs the engine of ours that normalises.

    Args:
        config: of the whole run.
    """
    model, actor = config.actor_rollout_ref.model, config.actor_rollout_ref.actor
    return model.get("external_lib") in ENGINES and actor.strategy in STRATEGIES and not need_critic(config)


def normalised(patches: torch.Tensor, processor: Any) -> torch.Tensor:
    """What the processor would have made of them: the same to the last bit.

    Args:
        patches: uint8, (patches, channels * times * height * width of a patch).
        processor: of videos.

    Returns:
        float32, of the same shape and on the same device.
    """
    pictures = patches.view(len(patches), len(processor.image_mean), -1, processor.patch_size)
    made = processor.rescale_and_normalize(
        pictures,
        processor.do_rescale,
        processor.rescale_factor,
        processor.do_normalize,
        processor.image_mean,
        processor.image_std,
    )
    return made.to(torch.float32).view_as(patches)
