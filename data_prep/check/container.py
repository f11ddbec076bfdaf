"""Whether a file is a whole video, from its size and the frame of its container: some microseconds, and no decoder.

ISO base media (MP4, MOV; ISO/IEC 14496-12) is walked from box to box, wherever its index stands; of Matroska and WebM
(RFC 8794) the segment's size is held against the file's, of AVI that of its list. Of all others no more is told here
than that they are no text and no zeros: whether they are videos is for the reader to say.
"""

import os
import stat
from functools import lru_cache
from typing import NamedTuple

NOT_THERE = "not there"
NOT_A_FILE = "not a file"
LINK_OUTSIDE = "a link that leads outside"
EMPTY = "empty"
NOT_A_VIDEO = "not a video"
CUT_OFF = "cut off"

_ISO_FIRST = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof")
_HOLD_FRAMES = {b"mdat", b"moof", b"idat"}
_PIPED = 0xFFFFFFFF  # length in the head of an AVI
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_HEAD_BYTES = 400
_OF_TEXT = frozenset(b"\t\n\r" + bytes(range(32, 127)))
_BOX_BYTES = 8  # size and type


class Look(NamedTuple):
    """What was seen of a file.

    Attributes:
        reason: why the file is rejected; None: it is whole, as far as can be told.
        detail: what was found.
        size_bytes, mtime_ns: None where there is no file.
    """

    reason: str | None
    detail: str = ""
    size_bytes: int | None = None
    mtime_ns: int | None = None


def look_at(path: str, root: str, follow_links: bool = False) -> Look:
    """Looks at a file's size and container, and decodes nothing.

    Args:
        path: of the file; nothing but a regular file is ever opened.
        root: real path of the folder that a link may not leave.
        follow_links: takes links as they are.
    """
    if not follow_links and not _is_within(_real_folder(os.path.dirname(path)), root):  # noqa: PTH120
        return Look(LINK_OUTSIDE, "its folder; give --follow-links if that is meant")
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            if not follow_links and not _is_within(os.path.realpath(path), root):
                return Look(LINK_OUTSIDE, "give --follow-links if that is meant")
            status = os.stat(path)  # noqa: PTH116  (a Path costs as much as the rest)
    except OSError as error:
        return Look(NOT_THERE, error.strerror or "")
    except ValueError as error:  # a name that no disk can hold
        return Look(NOT_THERE, str(error))
    if not stat.S_ISREG(status.st_mode):
        return Look(NOT_A_FILE, "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device")
    size = status.st_size
    if not size:
        return Look(EMPTY, "", 0, status.st_mtime_ns)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            reason, detail = _fault(file, size) or (None, "")
        finally:
            os.close(file)
    except OSError as error:
        reason, detail = NOT_THERE, error.strerror or ""
    return Look(reason, detail, size, status.st_mtime_ns)


@lru_cache(maxsize=4_096)  # thousands of videos are in one folder
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}{os.sep}")


def _fault(file: int, size: int) -> tuple[str, str] | None:
    head = os.pread(file, _HEAD_BYTES, 0)
    if head[4:8] in _ISO_FIRST:
        return _iso_fault(file, size, head)
    if head.startswith(_EBML):
        return _matroska_fault(head, size)
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        length = int.from_bytes(head[4:8], "little")
        is_known = length != _PIPED  # of a file that was written to a pipe it is not
        return (CUT_OFF, f"{size:,} of {8 + length:,} bytes") if is_known and 8 + length > size else None
    return _no_video(head)


def _iso_fault(file: int, size: int, head: bytes) -> tuple[str, str] | None:
    """Walks the boxes; bytes behind the last one that are no box are taken for padding if the file is complete."""
    at = 0
    seen = set()
    box = head[:16]
    while len(box) >= _BOX_BYTES:
        length, kind = int.from_bytes(box[:4], "big"), box[4:8]
        if length == 1:
            length = int.from_bytes(box[8:16], "big")
        elif length == 0:
            length = size - at
        if length < _BOX_BYTES or not kind.isalnum():
            break
        if at + length > size:
            if b"moov" in seen and kind not in _HOLD_FRAMES:  # what some cameras write behind the last box
                break
            return CUT_OFF, f"'{kind.decode('ascii')}' ends at byte {at + length:,} of {size:,}"
        seen.add(kind)
        at += length
        box = os.pread(file, 16, at)
    if b"moov" not in seen:
        return CUT_OFF, "its index (moov) is not there"
    if not seen & _HOLD_FRAMES:
        return CUT_OFF, "its frames (mdat) are not there"
    return None


def _matroska_fault(head: bytes, size: int) -> tuple[str, str] | None:
    header, width = _vint(head, 4)
    at = 4 + width + (header or 0)
    if header is None or head[at : at + 4] != _SEGMENT:
        return CUT_OFF, "its segment is not there"
    length, width = _vint(head, at + 4)
    if length is None:  # not known when it was written
        return None
    end = at + 4 + width + length
    return (CUT_OFF, f"{size:,} of {end:,} bytes") if end > size else None


def _vint(data: bytes, at: int) -> tuple[int | None, int]:
    """An EBML number and its bytes; None for the one that stands for an unknown size."""
    if at >= len(data) or not data[at]:
        return None, 1
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width


def _no_video(head: bytes) -> tuple[str, str] | None:
    if not head.strip(b"\0"):
        return NOT_A_VIDEO, "it begins with zeros"
    text = head.strip()
    if text.lower().startswith((b"<!doctype", b"<html")):
        return NOT_A_VIDEO, "a web page"
    if all(byte in _OF_TEXT for byte in text):
        return NOT_A_VIDEO, f"a text: {text[:20].decode('ascii')}"
    return None
