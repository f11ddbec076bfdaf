"""Chosen frames of a video, decoding no more than they hang on.

A frame of a compressed video is decoded from the keyframe before it on. What lies between a chosen frame and the next
keyframe is left out here, and so are, of H.264 and HEVC, those frames on the way that no other refers to: with three
B-frames in a row that is half of them. A frame is known by its time, so that the same ones come out as by reading from
the start; where that cannot be told, `decode_chosen` says so and shows nothing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Each packet of these holds exactly one frame that is shown (VP8 has packets without one, MPEG-4 some with two), and
# comes out when asked for (of AV1, dav1d keeps some back where the packets end).
CODECS = ("h264", "hevc", "vp9")
ALL, REFERRED_TO = "DEFAULT", "NONREF"  # what a decoder's skip_frame leaves: every frame; those that others refer to
Array = Any


@dataclass(frozen=True, slots=True)
class Run:
    """Packets that are decoded one after the other, from a keyframe on.

    Attributes:
        first, last: places in the file's order, both included.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of a video in the file's order.

    Attributes:
        times: int64, of the frame in each, in units of the stream; no two are the same.
        keys: places of the keyframes, rising.
        order: int64, places in the order of showing.
    """

    times: Array
    keys: list[int]
    order: Array

    def runs(self, indices: Iterable[int]) -> list[Run]:
        """What is to be decoded for some frames.

        Args:
            indices: of frames, in the order of showing.
        """
        runs: list[Run] = []
        for first, place in sorted(map(self._needed, self.order[list(indices)].tolist())):
            if runs and first <= runs[-1].last + 1:
                runs[-1] = Run(runs[-1].first, max(place, runs[-1].last))
            else:
                runs.append(Run(first, place))
        return runs

    def _needed(self, place: int) -> tuple[int, int]:
        """The keyframe that the frame at a place hangs on, and the place."""
        key = bisect_right(self.keys, place) - 1
        # A frame shown before its keyframe refers to frames before that, too.
        while key > 0 and self.times[self.keys[key]] > self.times[place]:
            key -= 1
        return self.keys[key], place


def decode_chosen(container: Any, frame_count: int, indices: Sequence[int], show: Callable[[int, Any], None]) -> bool:
    """Decodes some frames of the first video in a file.

    Args:
        container: an opened file, at whatever place; it is left at whatever place.
        frame_count: how many frames the file is taken to have.
        indices: rising, counted in the order of showing.
        show: is given each of them, with its index.

    Returns:
        Whether all were shown. Else the file has to be read from the start: another codec, another number of packets
        than of frames, times that are missing or come twice, no keyframe at its start, or a frame that did not come
        out; some may have been shown then.
    """
    import av

    stream = container.streams.video[0]
    table = _read_table(container) if stream.codec_context.name in CODECS else None
    if table is None or len(table.times) != frame_count:
        return False
    due = {int(table.times[table.order[index]]): index for index in indices}
    left = dict(due)
    try:
        for frame in _decoded(container, table.runs(indices), due):
            index = left.pop(frame.pts, None)
            if index is not None:
                show(index, frame)
    except av.error.InvalidDataError:
        return False
    finally:
        stream.codec_context.skip_frame = ALL
    return not left


def _read_table(container: Any) -> PacketTable | None:
    import numpy as np

    container.seek(0)
    times: list[int] = []
    keys: list[int] = []
    for packet in _packets(container):
        if packet.pts is None or packet.is_discard:
            return None
        if packet.is_keyframe:
            keys.append(len(times))
        times.append(packet.pts)
    if not times or keys[:1] != [0] or times[0] != min(times):
        return None
    array = np.array(times, np.int64)
    order = np.argsort(array, kind="stable")
    return None if (np.diff(array[order]) == 0).any() else PacketTable(array, keys, order)


def _decoded(container: Any, runs: Sequence[Run], due: dict[int, int]) -> Iterator[Any]:
    """Every frame that the decoder gives for some runs."""
    container.seek(0)
    decoder = container.streams.video[0].codec_context
    coming = iter(runs)
    run = next(coming)
    for place, packet in enumerate(_packets(container)):
        if place < run.first:
            continue
        decoder.skip_frame = ALL if packet.pts in due else REFERRED_TO
        yield from decoder.decode(packet)
        if place == run.last:
            yield from decoder.decode(None)
            decoder.flush_buffers()
            following = next(coming, None)
            if following is None:
                return
            run = following


def _packets(container: Any) -> Iterator[Any]:
    """Those of the first video; the demuxer ends with an empty one."""
    return (packet for packet in container.demux(container.streams.video[0]) if packet.size)
