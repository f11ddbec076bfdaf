"""Counts how often a run of verl decodes and processes videos, the released host's and ours alike.

verl imports it in each of its processes (VERL_USE_EXTERNAL_MODULES); what happens is added to the file that
VIDEO_COUNTS names, a line each: what, process, bytes of what was made.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

VARIABLE = "VIDEO_COUNTS"
DECODE, PASS = "decode", "pass"


@dataclass(frozen=True)
class Count:
    what: str
    process: int
    bytes_made: int


def read_counts(path: Path) -> Iterator[Count]:
    for line in path.read_text().splitlines():
        what, process, made = line.split()
        yield Count(what, int(process), int(made))


def _counted(function: Callable[..., Any], what: str, frames_of: Callable[[Any], Any]) -> Callable[..., Any]:
    @wraps(function)
    def counting(*given: Any, **settings: Any) -> Any:
        made = function(*given, **settings)
        with Path(os.environ[VARIABLE]).open("a") as file:
            file.write(f"{what} {os.getpid()} {frames_of(made).nbytes}\n")
        return made

    return counting


def _frames(made: Any) -> Any:
    """Of what qwen-vl-utils returns: frames, or with them their metadata, and with those the frames a second."""
    while isinstance(made, tuple):
        made = made[0]
    return made


def install() -> None:
    import qwen_vl_utils
    from qwen_vl_utils import vision_process
    from transformers.video_processing_utils import BaseVideoProcessor

    from videokr.video import frame_cache

    fetch: Any = _counted(vision_process.fetch_video, DECODE, _frames)
    vision_process.fetch_video = qwen_vl_utils.fetch_video = fetch
    frame_cache.read_frames = _counted(frame_cache.read_frames, DECODE, _frames)  # type: ignore[assignment]
    BaseVideoProcessor.__call__ = _counted(BaseVideoProcessor.__call__, PASS, lambda made: made["pixel_values_videos"])


if VARIABLE in os.environ:
    install()
