"""Proxies of many videos, built in worker processes; those that are there and fit are not built again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from data_prep.engine import Failure, Workers, run
from videokr.errors import UserError
from videokr.video.paths import resolve_video
from videokr.video.proxy import SUFFIX, ProxyFolder, ProxyKey, proxy_fits, read_proxy, write_proxy
from videokr.video.reader import read_original
from videokr.video.timeline import VideoError

if TYPE_CHECKING:
    import torch

PSNR_MIN = 25.0  # dB; a proxy further from its frames than motion JPEG takes them is not what was meant


class Built(NamedTuple):
    """What became of one proxy.

    Attributes:
        reason: why there is no proxy; None: there is.
        size_bytes: of it.
        psnr_db: over all its frames; None where it was there already. Infinite where they are the same.
    """

    reason: str | None
    size_bytes: int = 0
    psnr_db: float | None = None


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds a proxy, in whatever process.

    Attributes:
        root: folder that video paths start from.
        folder: of proxies.
        quality: see `videokr.video.proxy.write_proxy`.
        verifies: whether the pictures of proxies that are there are looked at, too.
    """

    root: Path
    folder: ProxyFolder
    key: ProxyKey
    quality: int
    verifies: bool = False

    def build(self, video: str) -> Built:
        """Decodes a video, writes its proxy, and reads that again; nothing of it where one is there that fits."""
        try:
            file = resolve_video(video, self.root)
        except UserError:
            return Built("is not in the folder")
        try:
            path, stamp = self._place(file)
        except OSError as error:
            return Built(f"cannot be read: {error.strerror}")
        if proxy_fits(path, stamp, self.key) and (not self.verifies or read_proxy(path, stamp, self.key)):
            return Built(None, path.stat().st_size)
        try:
            frames, plan = read_original(file, self.key.budget, self.key.patch_size)
        except VideoError as error:
            return Built(f"cannot be decoded: {error.reason}")
        try:
            write_proxy(path, frames, plan, stamp, self.key, self.quality)
        except UserError:  # see `atomic_write`
            return Built("another process writes it")
        read = read_proxy(path, stamp, self.key)
        psnr_db = None if read is None else _psnr_db(read[0], frames)
        if psnr_db is None or psnr_db < PSNR_MIN:
            path.unlink(missing_ok=True)
            if psnr_db is None:
                return Built("its proxy does not read as it was written")
            return Built(f"its proxy would be below {PSNR_MIN:g} dB: give a lower --quality")
        return Built(None, path.stat().st_size, psnr_db)

    def has(self, video: str) -> bool:
        """Whether its proxy is there and fits."""
        try:
            return proxy_fits(*self._place(resolve_video(video, self.root)), self.key)
        except (UserError, OSError):
            return False

    def _place(self, file: Path) -> tuple[Path, tuple[int, int]]:
        """Where the proxy of a video is, and the stamp of `videokr.video.proxy.write_proxy`."""
        status = file.stat()
        return self.folder.path(file, self.key), (status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class Proxies:
    """What came of a build.

    Attributes:
        there: how many were there already.
        psnr_db: of each that was built; size_bytes: of all of them.
        failures: the reason for each video that has no proxy, by path.
        no_room: how many videos were not begun, for want of room.
    """

    there: int = 0
    size_bytes: int = 0
    psnr_db: list[float] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    no_room: int = 0


def build_proxies(videos: Sequence[str], builder: Builder, workers: Workers, max_bytes: float) -> Proxies:
    """Builds what is missing.

    Args:
        max_bytes: that all proxies in the folder, of this key and of others, may take. Videos are begun as far as there
            is room for all of them, were they as large as can be; and then those that there is room for again.
    """
    found = Proxies()
    room = max_bytes - sum(path.stat().st_size for path in builder.folder.root.glob(f"*/??/*{SUFFIX}"))
    coming = list(videos)
    with tqdm(total=len(videos), desc="proxies", unit="video", disable=None) as bar:
        while coming and room >= _size_bound(builder.key):
            number = int(min(len(coming), room / _size_bound(builder.key)))  # the room may have no bound
            begun, coming = coming[:number], coming[number:]
            for video, done in run(builder.build, begun, workers):
                bar.update()
                if isinstance(done, Failure) or done.reason is not None:
                    found.failures[video] = str(done.reason)
                elif done.psnr_db is None:
                    found.there += 1
                else:
                    found.size_bytes += done.size_bytes
                    found.psnr_db.append(done.psnr_db)
                    room -= done.size_bytes
        for video in coming:
            is_there = builder.has(video)
            found.there += is_there
            found.no_room += not is_there
            bar.update()
    return found


def _size_bound(key: ProxyKey) -> int:
    """Bytes that no proxy needs: one a pixel."""
    return key.budget.max_frames * max(key.budget.max_pixels, key.budget.min_pixels)


def _psnr_db(shown: "torch.Tensor", meant: "torch.Tensor") -> float:
    mean_square = float((shown.float() - meant.float()).square().mean())
    return math.inf if not mean_square else 10 * math.log10(255**2 / mean_square)
