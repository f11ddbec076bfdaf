"""Exact proxies: of a video and a budget the very frames that a model is shown, in a small file that reads fast.

A proxy is an MP4 of pictures that do not refer to each other (motion JPEG without chroma subsampling), at the size and
the times that the frame plan asks for. It says of which file it is, and is read in its place as long as that file is
the one it was made of. `videokr proxy build` makes them; `VIDEOKR_PROXIES=DIR` has all three stages read them.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.budget import BY_TIME, VideoBudget
from videokr.errors import UserError
from videokr.outputs import atomic_write
from videokr.video.fast_path import is_fast
from videokr.video.frame_plan import FramePlan, VideoHeader, plan_frames

if TYPE_CHECKING:
    import torch

FOLDER_VARIABLE = "VIDEOKR_PROXIES"
FORMAT = "videokr proxy 4"  # another number for whatever changes what is read of one
BEST, WORST = 1, 31  # of motion JPEG's scale; what is between them is a share of the size of BEST
DEFAULT_QUALITY = 2
TICKS = 90_000  # a second
EDGE_BYTES = 4_096  # of a file's two ends, which with its size and time tell it from others
SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class ProxyKey:
    """What a proxy is made for: a budget, and the side of a vision patch in pixels."""

    budget: VideoBudget
    patch_size: int

    @property
    def folder(self) -> str:
        """Of the proxies with this key: `patch16_fps2_frames4-128_pixels256-100352`."""
        frames = f"frames{self.budget.min_frames}-{self.budget.max_frames}"
        pixels = f"pixels{self.budget.min_pixels}-{self.budget.max_pixels}"
        by_time = f"_{BY_TIME}" if self.budget.sampling == BY_TIME else ""
        return f"patch{self.patch_size}_fps{self.budget.fps:g}_{frames}_{pixels}{by_time}"


@dataclass(frozen=True, slots=True)
class ProxyFolder:
    """A folder of proxies, which are read in the place of originals; it holds a folder for each key."""

    root: Path

    def path(self, video: Path, key: ProxyKey) -> Path:
        """Where the proxy of a video is, if there is one; it does not follow from the video's name.

        Raises:
            OSError: the video cannot be read.
        """
        status = video.stat()
        name = _fingerprint(video, status.st_size, status.st_mtime_ns)
        return self.root / key.folder / name[:2] / f"{name}{SUFFIX}"

    def read(self, video: Path, key: ProxyKey) -> "tuple[torch.Tensor, FramePlan] | None":
        """As `videokr.video.reader.read_frames`; None where there is no proxy that is whole and of this very file."""
        try:
            path, status = self.path(video, key), video.stat()
        except OSError:
            return None
        shown = read_proxy(path, (status.st_size, status.st_mtime_ns), key) if path.is_file() else None
        if shown is None:
            _say_once(key.folder)
        return shown


def proxy_folder() -> ProxyFolder | None:
    """As the environment has it, UserError where that is none; None, too, where the fast path to videos is off."""
    given = os.environ.get(FOLDER_VARIABLE)
    if not given or not is_fast():
        return None
    if not Path(given).is_dir():
        raise UserError(f"{FOLDER_VARIABLE}='{given}' is no folder: videokr proxy build makes one; or leave it unset")
    return ProxyFolder(Path(given))


def video_reading() -> dict[str, bool]:
    """How this process reads videos, for the card of a run: see `is_fast`, `proxy_folder`; no folder's name."""
    return {"fast": is_fast(), "proxies": proxy_folder() is not None}


def write_proxy(
    path: Path, frames: "torch.Tensor", plan: FramePlan, stamp: tuple[int, int], key: ProxyKey, quality: int
) -> None:
    """Writes a proxy, which appears whole or not at all.

    Args:
        frames: uint8, (frames, 3, height, width), RGB: as `read_frames` gives them.
        stamp: size in bytes and modification time in nanoseconds of the video.
        quality: BEST to WORST.
    """
    import av

    pictures = frames.permute(0, 2, 3, 1).contiguous().numpy()
    said = {"format": FORMAT, "source": stamp, "header": asdict(plan.header), "key": asdict(key)}
    with atomic_write(path) as aside:
        with av.open(str(aside), "w", format="mp4") as container:
            scale = {"qmin": str(quality), "qmax": str(quality)}
            stream: Any = container.add_stream("mjpeg", rate=1, options=scale)
            stream.height, stream.width, stream.pix_fmt = plan.height, plan.width, "yuvj444p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
            stream.codec_context.thread_count = 1
            packets = []
            for picture, time in zip(pictures, _ticks(plan), strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, TICKS)
                packets += stream.encode(frame)
            packets += stream.encode()
            container.metadata["comment"] = json.dumps(said | {"digest": _digest(said, packets)})
            container.mux(packets)
        with aside.open("rb+") as file:
            os.fsync(file.fileno())  # a name must not outlive a power failure that its content does not


def read_proxy(path: Path, stamp: tuple[int, int], key: ProxyKey) -> "tuple[torch.Tensor, FramePlan] | None":
    """Frames and plan of a proxy; None where it is of another file or key, or not whole.

    Args:
        stamp: as of `write_proxy`.
    """
    import av
    import numpy as np
    import torch

    with _opened(path) as container:
        if container is None:
            return None
        said, packets = _said(container), list(_packets(container))
        if said.pop("digest", None) != _digest(said, packets):
            return None
        plan, decoder = _plan_of(said, stamp, key), container.streams.video[0].codec_context
        if plan is None or decoder is None:
            return None
        stamps = [None if packet.pts is None else round(packet.pts * packet.time_base * TICKS) for packet in packets]
        if stamps != _ticks(plan):
            return None
        frames = np.empty((len(packets), 3, plan.height, plan.width), np.uint8)
        for shown, packet in zip(frames, packets, strict=True):
            try:
                pictures = decoder.decode(packet)
            except av.FFmpegError:  # the pictures are whole, but not what the file says of them
                return None
            if [(picture.height, picture.width) for picture in pictures] != [(plan.height, plan.width)]:
                return None
            shown[:] = pictures[0].to_ndarray(format="rgb24").transpose(2, 0, 1)
    return torch.from_numpy(frames), plan


def proxy_fits(path: Path, stamp: tuple[int, int], key: ProxyKey) -> bool:
    """Whether a proxy is of this very file and key, and ends where it should; its pictures are not looked at."""
    if not path.is_file():
        return False
    with _opened(path) as container:
        plan = _plan_of(_said(container), stamp, key) if container else None
        return plan is not None and container.streams.video[0].frames == len(plan.indices)


def _said(container: Any) -> dict[str, Any]:
    """What a proxy says of itself; nothing where it is none."""
    try:
        said = json.loads(container.metadata.get("comment", ""))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _plan_of(said: Mapping[str, Any], stamp: tuple[int, int], key: ProxyKey) -> FramePlan | None:
    """The plan that a proxy was made by, if it was made of a file like this."""
    if (said.get("format"), said.get("source"), said.get("key")) != (FORMAT, list(stamp), asdict(key)):
        return None
    try:
        header = VideoHeader(**said["header"])
        times = header.times_ms and tuple(header.times_ms)  # a list in JSON
        return plan_frames(replace(header, times_ms=times), key.budget, key.patch_size)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, UserError):  # a damaged header
        return None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """None where it is no video that can be opened."""
    import av

    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, UnicodeDecodeError):
        container = None
    with container or nullcontext():
        if container is None or not container.streams.video:
            yield None
        else:
            container.streams.video[0].thread_count = 1
            yield container


def _packets(container: Any) -> Iterator[Any]:
    """As far as they are there."""
    import av

    try:
        yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)
    except av.FFmpegError:
        return


def _digest(said: Mapping[str, Any], packets: Iterable[Any]) -> str:
    digest = blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16)
    for packet in packets:
        digest.update(packet)
    return digest.hexdigest()


def _ticks(plan: FramePlan) -> list[int]:
    """When each frame is shown. One that is shown twice is so a tick later: no container holds a time twice."""
    times: list[int] = []
    for seconds in plan.seconds:
        time = round(seconds * TICKS)
        times.append(max(time, times[-1] + 1) if times else time)
    return times


@lru_cache(maxsize=1_024)
def _fingerprint(video: Path, size_bytes: int, mtime_ns: int) -> str:
    with video.open("rb") as file:
        head = file.read(EDGE_BYTES)
        file.seek(max(0, size_bytes - EDGE_BYTES))
        stamp = f"{size_bytes} {mtime_ns}".encode()
        return blake2b(head + file.read(EDGE_BYTES) + stamp, digest_size=16).hexdigest()


@cache
def _say_once(folder: str) -> None:
    print(f"note: not every video has a proxy {folder}: originals are read there", file=sys.stderr, flush=True)
