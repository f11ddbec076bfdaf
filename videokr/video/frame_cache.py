"""Frames of the videos that were asked for last: what several rollouts or questions show is decoded once."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from videokr.budget import VideoBudget
from videokr.video.fast_path import is_fast
from videokr.video.frame_plan import FramePlan
from videokr.video.part import split_part
from videokr.video.reader import read_frames
from videokr.video.shared_work import SharedWork

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2**29  # fourteen videos of the budget of RL
THREADS_MAX = 8  # videos decoded at once by one process, of which a node has several
Frames = tuple["torch.Tensor", FramePlan]


class FrameCache:
    """Decodes in threads of its own, so that no thread waits that could do something else."""

    def __init__(self) -> None:
        pool = ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), THREADS_MAX), thread_name_prefix="decode")
        self._work: SharedWork[Frames] = SharedWork(pool, MAX_BYTES, lambda shown: shown[0].nbytes)

    def take_decodes(self) -> int:
        """How many videos were decoded since this was last asked."""
        return self._work.take_made()

    def read(self, path: Path, budget: VideoBudget, patch_size: int) -> "Future[Frames]":
        """As `videokr.video.reader.read_frames`; the frames are shared, and not to be written to."""
        stamp: object = object()  # shared with nobody
        if is_fast():
            with suppress(OSError):  # reading it says more
                status = split_part(path)[0].stat()
                stamp = status.st_size, status.st_mtime_ns
        return self._work.ask((path, stamp, budget, patch_size), lambda: read_frames(path, budget, patch_size))


@cache
def frame_cache() -> FrameCache:
    """This process's."""
    return FrameCache()
