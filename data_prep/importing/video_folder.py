"""The folder that videos lie in, and a source's names of them as paths from there on."""

import os
from functools import lru_cache
from pathlib import Path

from data_prep.check.container import LINK_OUTSIDE
from data_prep.check.examination import OUTSIDE
from data_prep.check.paths import SUFFIXES
from data_prep.prepare.source import MISSING_VIDEO
from videokr.errors import RecordError, UserError
from videokr.fields import VIDEO_FIELDS
from videokr.video.paths import resolve_video

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")  # some files have rows of them, too
MAX_KNOWN_PATHS = 4_096  # rows of one video mostly follow each other


class VideoFolder:
    """
    Args:
        root: the folder.
        prefix: put before every name.
        suffix: put behind names without the suffix of a video; empty: they stay as they are.
        follow_links: takes videos that are links to outside of the folder, as `videokr check` then has to.
    """

    def __init__(self, root: Path, prefix: str, suffix: str, follow_links: bool):
        self.root, self.prefix, self.suffix, self.follow_links = root, prefix, suffix, follow_links
        self.path_of = lru_cache(maxsize=MAX_KNOWN_PATHS)(self._path_of)

    def _path_of(self, name: str) -> str:
        """The path below the folder of a video that is there.

        Raises:
            RecordError: it is not there, lies outside, or is an address.
        """
        if "://" in name:
            raise RecordError(VIDEO_FIELDS[0], "video is an address", f"'{name}': download it, and name the file")
        if name.lower().endswith(PICTURE_SUFFIXES):
            raise RecordError(VIDEO_FIELDS[0], "a picture, and no video", repr(name))
        name = self.prefix + name
        if self.suffix and not name.lower().endswith(SUFFIXES):
            name += self.suffix
        root = os.path.abspath(self.root)  # noqa: PTH100  (links stay as they are)
        if not Path(os.path.normpath(Path(root, name))).is_relative_to(root):
            raise RecordError(VIDEO_FIELDS[0], OUTSIDE, f"{name!r} does not lie in '{self.root}'")
        try:
            found = resolve_video(name, Path(root))
        except UserError:
            hint = "" if name.lower().endswith(SUFFIXES) else "; if names lack it, give --video-suffix .mp4"
            hint += "; a path has / between its folders" if "\\" in name else ""
            raise RecordError(VIDEO_FIELDS[0], MISSING_VIDEO, f"{name!r} below '{self.root}'{hint}") from None
        if not self.follow_links and not found.resolve().is_relative_to(Path(root).resolve()):
            raise RecordError(VIDEO_FIELDS[0], LINK_OUTSIDE, f"{name!r}: give --follow-links if that is meant")
        return os.path.relpath(found, root)
