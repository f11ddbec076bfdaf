"""A processor's work on a video, done once for all rollouts of a prompt.

Stock verl has a video's patches made three times for each rollout in the agent loop's process: for the prompt, for the
reward and for the trainer (and in vLLM's for each: verl pull request #6245). They follow from the frames alone.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from videokr.video.fast_path import is_fast
from videokr.video.shared_work import SharedWork

MAX_BYTES = 2**30  # of patches that are kept
THREADS = 2


class SharedVideoProcessor:
    """A video processor that gives the same patches again for frames it has seen: the very tensors, by identity."""

    def __init__(self, processor: Any, settings: Mapping[str, Any]):
        """
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
