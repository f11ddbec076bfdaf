"""When each frame of an MP4 or MOV is shown, out of the file's index (ISO/IEC 14496-12), without reading a packet."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BOX_BYTES, LARGE_BOX_BYTES = 8, 16  # of a box's head: length and kind, and a length of 64 bits
EMPTY_EDIT = -1
DELTA_MOST = 2**31  # of a time, in units of the track; a greater one is a negative number


def shown_seconds(path: Path, is_reordered: bool = False) -> "np.ndarray | None":
    """Seconds at which the frames are shown, rising, float64.

    None where the index alone does not tell: another kind of file, fragments, several video tracks, two frames at
    one time, an edit list that leaves frames out, or times of decoding alone.

    Args:
        is_reordered: frames are shown in another order than they are decoded in.
    """
    import numpy as np

    moov = _moov(path)
    tracks = [
        track for kind, track in _boxes(moov) if kind == b"trak" and _find(track, b"mdia", b"hdlr")[8:12] == b"vide"
    ]
    if len(tracks) != 1:
        return None
    head = _find(tracks[0], b"mdia", b"mdhd")
    table = dict(_boxes(_find(tracks[0], b"mdia", b"minf", b"stbl")))
    count = int.from_bytes(table.get(b"stsz", b"")[8:12], "big")
    steps, offsets = _runs(table.get(b"stts", b""), ">u4"), _runs(table.get(b"ctts", b""), ">i4")
    lengths = [int(runs[:, 0].sum()) for runs in (steps, offsets)]
    # No frame takes less than a byte, whatever a damaged index says of their number.
    if not 0 < count < path.stat().st_size or lengths[0] != count or lengths[1] not in (0, count):
        return None
    deltas = np.repeat(steps[:, 1], steps[:, 0])
    if (deltas >= DELTA_MOST).any():
        return None
    times = np.cumsum(deltas) - deltas
    if lengths[1]:
        times = times + np.repeat(offsets[:, 1], offsets[:, 0])
    timescale, movie_timescale = _timescale(head), _timescale(_find(moov, b"mvhd"))
    if not timescale or not movie_timescale:
        return None
    if is_reordered and (np.diff(times) >= 0).all():
        return None
    times.sort()
    if (np.diff(times) == 0).any():
        return None
    edits = [edit for edit in _edits(_find(tracks[0], b"edts", b"elst")) if edit[1] != EMPTY_EDIT]
    if len(edits) > 1:
        return None
    for duration, start in edits:
        if times[0] < start or (duration and times[-1] >= start + duration * timescale / movie_timescale):
            return None
    seconds: np.ndarray = (times - times[0]) / timescale
    return seconds


def _moov(path: Path) -> bytes:
    """Its content; empty where the file has none, or has fragments."""
    moov = b""
    with path.open("rb") as file:
        end = path.stat().st_size
        at = 0
        while at + BOX_BYTES <= end:
            file.seek(at)
            head = file.read(LARGE_BOX_BYTES)
            length, kind, width = int.from_bytes(head[:4], "big"), head[4:8], BOX_BYTES
            if length == 1:
                length, width = int.from_bytes(head[8:], "big"), LARGE_BOX_BYTES
            length = length or end - at
            if length < width or kind == b"moof":
                return b"" if kind == b"moof" else moov
            if kind == b"moov":
                file.seek(at + width)
                moov = file.read(length - width)
            at += length
    return moov


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + BOX_BYTES <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if length < BOX_BYTES:
            return
        yield kind, content[at + BOX_BYTES : at + length]
        at += length


def _find(content: bytes, *kinds: bytes) -> bytes:
    """The content of a box within boxes; empty where there is none."""
    for wanted in kinds:
        content = next((inner for kind, inner in _boxes(content) if kind == wanted), b"")
    return content


def _runs(content: bytes, kind: str) -> "np.ndarray":
    """Of a box of runs: (runs, 2), how often and what, int64."""
    import numpy as np

    number = int.from_bytes(content[4:8], "big")
    values = content[8 : 8 + 8 * number]
    runs: np.ndarray = np.frombuffer(values[: len(values) // 8 * 8], dtype=[("count", ">u4"), ("value", kind)])
    return np.stack([runs["count"], runs["value"]], axis=1).astype(np.int64)


def _timescale(head: bytes) -> int:
    """Units a second, of mvhd and mdhd."""
    at = 20 if head[:1] == b"\x01" else 12
    return int.from_bytes(head[at : at + 4], "big")


def _edits(content: bytes) -> Iterator[tuple[int, int]]:
    """Duration in units of the movie and start in units of the track, of each edit."""
    width = 8 if content[:1] == b"\x01" else 4
    for at in range(8, len(content) - 2 * width - 3, 2 * width + 4):
        duration, start = content[at : at + width], content[at + width : at + 2 * width]
        yield int.from_bytes(duration, "big"), int.from_bytes(start, "big", signed=True)
