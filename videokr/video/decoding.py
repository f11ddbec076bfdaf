"""The packets of a video, and the frames that come of them.

Between the frames that are wanted a decoder can be spared much: what lies between one of them and the next keyframe,
and of H.264 and HEVC those frames on the way that no other refers to; with three B-frames in a row that is half of
them. A frame is known by its time, so that the same ones come out as by reading from the start. Where times do not tell
frames apart, or one does not come out, all is read from the start.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

# Unless H.264 is interlaced: a packet may hold a field then. Of VP8 and VP9 some packets say that they are not shown.
ONE_FRAME_A_PACKET = ("h264", "hevc", "av1")
WITHOUT_TIMES = ("avi",)  # containers that say in which order packets are decoded, not shown
SPARED = ("h264", "hevc")  # decoders that leave out on demand what no frame refers to
ALL, REFERRED_TO = "DEFAULT", "NONREF"  # what a decoder's skip_frame leaves


class Run(NamedTuple):
    """Packets that are decoded one after the other, from a keyframe on: places in the file's order, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of a video in the file's order; arrays are int64."""

    times: "np.ndarray"  # of the frame in each, in units of the stream
    keys: list[int]  # places of the keyframes, rising
    order: "np.ndarray"  # places of the packets that are shown, in the order of showing; no two are so at one time
    damaged: "np.ndarray"  # times of packets that the container knows to be damaged, rising

    @property
    def shown(self) -> "np.ndarray":
        """Times of the frames that are shown, rising."""
        shown: np.ndarray = self.times[self.order]
        return shown

    def runs(self, indices: Iterable[int]) -> list[Run]:
        """What is to be decoded for the frames with these indices, which count in the order of showing."""
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


class Packets(NamedTuple):
    """What a pass over the packets of an open file tells."""

    first: Any  # the first frame that decodes; None: none does
    table: PacketTable | None  # None: the packets do not tell which frames are shown, and when
    held_seconds: float  # when the last packet of any stream ends


def read_packets(container: Any, stream: Any, only_first: bool) -> Packets:
    """Reads a file's packets, from the start on.

    Args:
        container: just opened.
        stream: the video.
        only_first: stops at the first frame.
    """
    first, held_seconds, rows = None, 0.0, []
    for packet in packets_of(container):
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None:
            held_seconds = max(held_seconds, float((time + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index != stream.index:
            continue
        if first is None:
            first = next(decoded(stream, packet), None)
            if first is not None and only_first:
                return Packets(first, None, held_seconds)
        shown = 0 if packet.is_discard else _shown_frames(stream, packet)
        rows.append((packet.pts, packet.is_keyframe, shown, packet.is_corrupt))
    if first is None:
        first = next(decoded(stream, None), None)
    is_told = container.format.name not in WITHOUT_TIMES or stream.codec_context.codec.intra_only
    is_told = is_told and not (is_reordered(stream) and is_rising([time for time, *_ in rows]))
    table = _table(rows) if is_told and not is_interlaced(stream, first) else None
    return Packets(first, table, held_seconds)


def codec_of(stream: Any) -> str:
    """As FFmpeg calls it, whatever decodes it here."""
    name: str = stream.codec_context.codec.canonical_name
    return name


def is_reordered(stream: Any) -> bool:
    """Whether frames come out in another order than their packets are in (B-frames).

    Times that rise from packet to packet are then those of decoding, as remuxes of AVI have them.
    """
    return codec_of(stream) in SPARED and bool(stream.codec_context.has_b_frames)


def is_rising(times: Sequence[int | None]) -> bool:
    """Whether all times are known, and each is after the one before."""
    return None not in times and all(before < after for before, after in pairwise(times))  # type: ignore[operator]


def is_interlaced(stream: Any, first: Any) -> bool:
    """Whether a packet may hold a field, of which two make a frame; told by the first frame."""
    return codec_of(stream) == "h264" and first is not None and bool(first.interlaced_frame)


def _table(rows: Sequence[tuple[int | None, bool, int | None, bool]]) -> PacketTable | None:
    import numpy as np

    if not rows or any(time is None or shown not in (0, 1) for time, _, shown, _ in rows):
        return None
    times = np.array([time for time, *_ in rows], np.int64)
    places = np.flatnonzero([shown == 1 for _, _, shown, _ in rows])
    order = places[np.argsort(times[places], kind="stable")]
    keys = [place for place, (_, is_key, *_) in enumerate(rows) if is_key]
    # What comes before the first keyframe, in the file or in time, decodes or not as the decoder likes.
    if not len(order) or keys[:1] != [0] or times[0] != times.min() or (np.diff(times[order]) == 0).any():
        return None
    return PacketTable(times, keys, order, np.sort(times[[is_damaged for *_, is_damaged in rows]]))


def _shown_frames(stream: Any, packet: Any) -> int | None:
    """How many frames a packet shows; None: it does not tell."""
    codec = codec_of(stream)
    if codec == "vp8":
        return memoryview(packet)[0] >> 4 & 1  # show_frame (RFC 6386, 9.1)
    if codec == "vp9":
        return sum(map(_is_shown_vp9, _vp9_frames(memoryview(packet))))
    return 1 if codec in ONE_FRAME_A_PACKET or stream.codec_context.codec.intra_only else None


def _vp9_frames(data: memoryview) -> Iterator[memoryview]:
    """The frames of a superframe (VP9 Bitstream & Decoding Process Specification, Annex B), or the one frame."""
    marker = data[-1]
    number, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = len(data) - 2 - number * width
    if marker >> 5 != 0b110 or index < 0 or data[index] != marker:
        yield data
        return
    at = 0
    for each in range(number):
        size = int.from_bytes(data[index + 1 + each * width :][:width], "little")
        if size:
            yield data[at : at + size]
        at += size


def _is_shown_vp9(frame: memoryview) -> bool:
    """By show_existing_frame and show_frame of its header."""
    bits = frame[0] << 1 if frame[0] & 0b00110000 == 0b00110000 else frame[0]  # profile 3 has a bit more before them
    return bool(bits & 0b1000 or bits & 0b10)


def decoded(stream: Any, packet: Any) -> Iterator[Any]:
    """The frames that come out of the decoder for a packet, or with None at the end; none for one that is damaged."""
    import av

    with suppress(av.FFmpegError):
        yield from stream.codec_context.decode(packet)


def decode_all(container: Any, stream: Any) -> Iterator[Any]:
    """Every frame from where the file stands, in the order of showing; what is damaged is passed over, as by FFmpeg."""
    for packet in packets_of(container, stream):
        yield from decoded(stream, packet)
    yield from decoded(stream, None)


def decode_runs(container: Any, stream: Any, runs: Sequence[Run], due: Mapping[int, Any]) -> Iterator[Any]:
    """Every frame that the decoder gives for some runs, those at the times that are due among them.

    Args:
        container: just opened.

    Raises:
        av.FFmpegError: a packet is damaged.
    """
    decoder = stream.codec_context
    spared = REFERRED_TO if codec_of(stream) in SPARED else ALL
    coming = iter(runs)
    run = next(coming)
    for place, packet in enumerate(packets_of(container, stream)):
        if place < run.first:
            continue
        decoder.skip_frame = ALL if packet.pts in due else spared
        yield from decoder.decode(packet)
        if place == run.last:
            yield from decoder.decode(None)
            decoder.flush_buffers()
            following = next(coming, None)
            if following is None:
                return
            run = following


def decode_chosen(
    container: Any, stream: Any, table: PacketTable, indices: Sequence[int], show: Callable[[int, Any], None]
) -> bool:
    """Decodes some frames, and little else.

    Args:
        container: just opened.
        indices: rising, counted in the order of showing.
        show: is given each of them, with its index.

    Returns:
        Whether all came out. Else the file has to be read from the start; some may have been shown then.
    """
    import av

    left = dict(zip(table.shown[list(indices)].tolist(), indices, strict=True))
    due = dict(left)
    try:
        for frame in decode_runs(container, stream, table.runs(indices), due):
            if frame.is_corrupt:  # what it looks like hangs on all that was decoded before
                return False
            index = left.pop(frame.pts, None)
            if index is not None:
                show(index, frame)
    except av.FFmpegError:
        return False
    return not left


def packets_of(container: Any, stream: Any = None) -> Iterator[Any]:
    """Of one stream or all, as far as the file goes: one that breaks off may end in half a packet.

    Packets without content are left out: a dropped frame in AVI, and what the demuxer ends with.
    """
    import av

    try:
        yield from (packet for packet in container.demux(*([stream] if stream else [])) if packet.size)
    except av.error.InvalidDataError:
        return
