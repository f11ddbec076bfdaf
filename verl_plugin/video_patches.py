"""A video's patches: made once for all rollouts of a prompt, and carried to the trainer as the bytes that they are.

Stock verl has them made three times for each rollout in the agent loop's process: for the prompt, for the reward and
for the trainer (and in vLLM's for each: verl pull request #6245). They follow from the frames alone. It normalises them
there, and carries four bytes for each of a picture's to the trainer: through the queue, into the workers' memory, to
the device. Here the trainer's device makes of them what the model takes.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from verl.trainer.ppo.utils import need_critic

from videokr.video.fast_path import is_fast
from videokr.video.shared_work import SharedWork

PATCHES = "pixel_values_videos"
AS_THEY_ARE = {"do_rescale": False, "do_normalize": False}  # for a video processor
ENGINES = ("verl_plugin.engine", "verl_plugin.cpu.engine")  # external_lib of a run whose trainer normalises
STRATEGIES = ("fsdp", "fsdp2")
MAX_BYTES = 2**30  # of patches that are kept
THREADS = 2


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


class SharedVideoProcessor:
    """A video processor that gives the same patches again for frames it has seen: the very tensors, by identity."""

    def __init__(self, processor: Any, settings: Mapping[str, Any]):
        """A processor whose videos are shared among calls.

        Args:
            settings: that hold for every call.
        """
        self._processor, self._settings = processor, settings
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="patches")
        self._work: SharedWork[tuple[Any, Any]] = SharedWork(pool, MAX_BYTES, lambda made: _bytes_of(made[1]))

    def take_passes(self) -> int:
        """How many times videos were processed since this was last asked."""
        return self._work.take_made()

    def __call__(self, videos: Any = None, **settings: Any) -> Any:
        shown, settings = list(videos), {**settings, **self._settings}
        key = tuple(map(id, shown)), repr(sorted(settings.items())), None if is_fast() else object()
        # The frames are kept with what is made of them: no other tensor can get the address of one.
        _, made = self._work.ask(key, lambda: (shown, self._processor(videos=shown, **settings))).result()
        return type(made)(dict(made))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


def share_videos(processor: Any, **settings: Any) -> SharedVideoProcessor:
    """Puts it in place of a processor's own, once.

    Args:
        settings: that hold for every call.
    """
    if not isinstance(processor.video_processor, SharedVideoProcessor):
        processor.video_processor = SharedVideoProcessor(processor.video_processor, settings)
    shared: SharedVideoProcessor = processor.video_processor
    return shared


def _bytes_of(made: Any) -> int:
    return sum(value.nbytes for value in made.values() if hasattr(value, "nbytes"))
