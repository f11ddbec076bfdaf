"""The id of a video at its source, as far as its file name holds one.

The publication matches videos by id first (paper, section on decontamination). A name that only counts, as `clip_0012`,
says nothing about where a video is from, and is no id.
"""

import re
from pathlib import PurePosixPath

LENGTH_MIN = 6  # characters; shorter names are too often the same by chance
_COUNTED = re.compile(r"[A-Za-z]*[ _-]?\d+")  # clip_0012, video7, 000123
_HOSTED = re.compile(r"(?<![\w-])[\w-]{11}(?![\w-])", re.ASCII)  # an id as YouTube gives it
_CLASSES = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))
_MIXED_MIN = 2  # of these classes: an id is not a word of eleven letters


def video_ids(path: str) -> frozenset[str]:
    """Every id in a path's last part: the name itself, and what looks like the id of a video host in it."""
    name = PurePosixPath(path).stem
    ids = {name} if len(name) >= LENGTH_MIN and not _COUNTED.fullmatch(name) else set()
    # An id may itself hold the marks that stand between an id and the rest of a name.
    for part in (name, *re.split(r"[\[\]() .]+", name), name[:11], name[-11:]):
        if _HOSTED.fullmatch(part) and sum(bool(kind.search(part)) for kind in _CLASSES) >= _MIXED_MIN:
            ids |= {part} if not _COUNTED.fullmatch(part) else set()
    return frozenset(ids)
