"""The id of a video at its source, as far as its file name holds one.

The publication matches videos by id first (paper, section on decontamination). A name that only counts, as `clip_0012`,
or is a single word, as `original`, says nothing about where a video is from, and is no id. Nor is a name that several
videos of one side have, unless it looks like the id of a video host.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

MIN_LENGTH = 6  # characters; shorter names are too often the same by chance
HOSTED_LENGTH = 11  # characters of an id as YouTube gives it
_COUNTED = re.compile(r"[A-Za-z]*(?:[ _-]?\d+)+")  # clip_0012, video7, 000123, 2023-01-31
_ONE_WORD = re.compile(r"[^\W\d_]+")
_HOSTED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{11}")
_STRETCH = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_MIN_STRETCHES = 5  # that chance makes of eleven characters, and words and counters (`Lecture_01b`) do not
_BRACKETED = re.compile(r"\[([A-Za-z0-9_-]{11})\]")  # as yt-dlp names a file
_MIN_BRACKETED_STRETCHES = 3


def video_ids(path: str) -> frozenset[str]:
    """Every id in a path's last part: the name itself, and what looks like the id of a video host in it."""
    name = PurePosixPath(path).stem
    ids = set(_hosted_in(name))
    if len(name) >= MIN_LENGTH and not _COUNTED.fullmatch(name) and not _ONE_WORD.fullmatch(name):
        ids.add(name)
    return frozenset(ids)


def holders_by_id(paths: Iterable[str]) -> dict[str, list[str]]:
    """The videos of one side by their ids."""
    holders: dict[str, list[str]] = {}
    for path in paths:
        for name in video_ids(path):
            holders.setdefault(name, []).append(path)
    return {name: own for name, own in holders.items() if len(own) == 1 or _is_hosted(name, _MIN_BRACKETED_STRETCHES)}


def _hosted_in(name: str) -> Iterator[str]:
    yield from (found for found in _BRACKETED.findall(name) if _is_hosted(found, _MIN_BRACKETED_STRETCHES))
    for part in re.split(r"[\[\]() .]+", name):
        # An id may itself hold the marks that stand between an id and the rest of a name.
        head, after = part[:HOSTED_LENGTH], part[HOSTED_LENGTH:]
        tail, before = part[-HOSTED_LENGTH:], part[:-HOSTED_LENGTH]
        apart = [head] * (not after or after[0] in "_-") + [tail] * (not before or before[-1] in "_-")
        yield from (found for found in apart if _is_hosted(found, _MIN_STRETCHES))


def _is_hosted(text: str, min_stretches: int) -> bool:
    """Whether this looks like the id of a video host."""
    return bool(_HOSTED.fullmatch(text)) and len(_STRETCH.findall(text)) >= min_stretches
