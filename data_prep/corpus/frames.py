"""The frames of a video as a model on a server is sent them."""

import asyncio
import base64
import copy
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.corpus.ledger import Ledger
from videokr.budget import EVAL_BUDGET, VideoBudget
from videokr.errors import RecordError
from videokr.example import VIDEO_FIELDS
from videokr.video.reader import decode, plan_video
from videokr.video.timeline import VideoError, read_timeline

PATCH_SIZE = 16  # frames are multiples of 32 pixels, as Qwen3-VL takes them
JPEG_QUALITY = 90


class Frames:
    """Of one video; decoded when a call is sent and not before, if the ledger knows them already.

    Attributes:
        digest: SHA-256 of the pixels of all its frames.
        seconds: into the video, of each that is shown.
    """

    def __init__(self, path: Path, budget: VideoBudget, digest: str, seconds: Sequence[float]):
        self._path, self._budget = path, budget
        self.digest, self.seconds = digest, tuple(seconds)
        self._places = tuple(range(len(self.seconds)))  # of those that are shown
        self._urls: list[str] = []  # of all, and the same list for whatever is chosen of them

    def chosen(self, places: Sequence[int], seconds: Sequence[float]) -> "Frames":
        """Some of them, by their places, each told to be at a time."""
        some = copy.copy(self)
        some._places, some.seconds = tuple(places), tuple(seconds)
        return some

    @property
    def names(self) -> list[str]:
        """What stands for each picture in a key."""
        return [f"{self.digest}/{place}" for place in self._places]

    async def urls(self) -> list[str]:
        """Each picture as a data URL."""
        if self._places and not self._urls:
            self._urls[:] = (await asyncio.to_thread(_read, self._path, self._budget))[2]
        return [self._urls[place] for place in self._places]

    @classmethod
    async def of(cls, name: str, path: Path, budget: VideoBudget, ledger: Ledger) -> "Frames":
        """The frames of a video that is called `name`.

        Raises:
            VideoError: it cannot be decoded.
        """
        facts = path.stat()
        file = f"{name} {facts.st_size} {facts.st_mtime_ns} {budget}"
        if known := ledger.frames(file):
            return cls(path, budget, *known)
        digest, seconds, urls = await asyncio.to_thread(_read, path, budget)
        ledger.keep_frames(file, digest, tuple(seconds))
        frames = cls(path, budget, digest, seconds)
        frames._urls = urls
        return frames


NO_FRAMES = Frames(Path(), EVAL_BUDGET, "", ())  # of a call that is about no video


def undecodable(error: VideoError, source: Path, line: int) -> RecordError:
    """What is said of a row whose video has no frames to show."""
    return RecordError(VIDEO_FIELDS[0], "cannot be decoded", error.reason, str(source), line)


def _read(path: Path, budget: VideoBudget) -> tuple[str, list[float], list[str]]:
    from PIL import Image

    from videokr.video.colours import Rgb
    from videokr.video.orientation import upright

    timeline = read_timeline(path, with_packets=True)
    plan = plan_video(path, timeline.facts.header, budget, PATCH_SIZE)
    to_rgb = Rgb()
    shown: dict[int, tuple[bytes, str]] = {}

    def show(index: int, frame: Any) -> None:
        picture = Image.fromarray(upright(to_rgb(frame), frame))
        picture = picture.resize((plan.width, plan.height), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=JPEG_QUALITY)
        url = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        shown[index] = hashlib.sha256(picture.tobytes()).digest(), url

    decode(path, timeline, plan.indices, show)
    digest = hashlib.sha256(b"".join(shown[index][0] for index in plan.indices))
    return digest.hexdigest(), plan.seconds, [shown[index][1] for index in plan.indices]
