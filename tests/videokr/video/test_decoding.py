"""Chosen frames without decoding all: the same ones as by reading from the start, and what is left out on the way."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("av")

import av
import numpy as np

from videokr.video.decoding import PacketTable, decode_chosen, decode_runs, read_packets
from videokr.video.timeline import opened

FRAMES = 300
STREAMS = {  # codec and options: how frames refer to each other
    "h264, three B-frames": ("libx264", "mp4", {"preset": "medium"}),
    "h264, B-frames that refer to each other": (
        "libx264",
        "mp4",
        {"preset": "slow", "x264-params": "b-pyramid=strict"},
    ),
    "h264, open groups of pictures": ("libx264", "mp4", {"x264-params": "open-gop=1:bframes=5"}),
    "h264, no B-frames": ("libx264", "mp4", {"tune": "zerolatency"}),
    "h264, one keyframe": ("libx264", "mp4", {"g": "1000", "sc_threshold": "0"}),
    "h264, keyframes alone": ("libx264", "mp4", {"g": "1"}),
    "h264, in MKV": ("libx264", "mkv", {"preset": "medium"}),
    "h264, in MPEG-TS": ("libx264", "ts", {"preset": "medium"}),
    "hevc, open groups of pictures": ("libx265", "mp4", {"x265-params": "log-level=none:open-gop=1:bframes=6"}),
    "hevc, in MKV": ("libx265", "mkv", {"x265-params": "log-level=none:bframes=3:b-pyramid=1"}),
    "vp9": (
        "libvpx-vp9",
        "webm",
        {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "vp8, frames that are not shown": (
        "libvpx",
        "webm",
        {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "av1": ("libsvtav1", "mp4", {"preset": "12"}),
}
FROM_THE_START = {
    "mpeg4, in AVI": ("mpeg4", "avi", {"bf": "2"}),
    "h264, in AVI": ("libx264", "avi", {"preset": "medium"}),
    "h264, interlaced": ("libx264", "ts", {"flags": "+ildct+ilme", "x264-params": "tff=1"}),
}


def draw(path, codec, options):
    group = {} if "g" in options else {"g": "48"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options={**group, **options})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        rng = np.random.default_rng(0)
        scene = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        for number in range(FRAMES):
            if number % 70 == 69:
                scene = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            picture = np.kron(np.roll(scene, number // 2, axis=1), np.ones((8, 8, 1), np.uint8))
            picture[:, number * 3 % 120 : number * 3 % 120 + 8] = (number % 256, 255 - number % 256, 90)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def pixels(frame):
    return frame.to_ndarray(format="rgb24")


def from_the_start(path):
    with av.open(str(path)) as container:
        return [pixels(frame) for frame in container.decode(video=0)]


def table_of(path):
    with opened(path) as (container, stream):
        return read_packets(container, stream, only_first=False).table


def chosen(path, indices, show=None):
    found = {}
    with opened(path) as (container, stream):
        keep = show or (lambda index, frame: found.update({index: pixels(frame)}))
        are_all = decode_chosen(container, stream, table_of(path), indices, keep)
    return found if are_all else None


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    made = {}
    for number, (name, (codec, suffix, options)) in enumerate({**STREAMS, **FROM_THE_START}.items()):
        made[name] = draw(folder / f"{number}.{suffix}", codec, options)
    return made


@pytest.mark.parametrize("name", STREAMS)
def test_every_frame_is_that_of_reading_from_the_start(name, streams):
    whole = from_the_start(streams[name])
    assert len(whole) == FRAMES
    rng = random.Random(name)
    for indices in (range(FRAMES), [0], [FRAMES - 1], range(0, FRAMES, 17), sorted(rng.sample(range(FRAMES), 9))):
        found = chosen(streams[name], list(indices))
        assert found is not None and sorted(found) == list(indices)
        assert all(np.array_equal(found[index], whole[index]) for index in indices)


@pytest.mark.parametrize("name", FROM_THE_START)
def test_a_codec_whose_packets_do_not_tell_its_frames_is_left_to_reading_from_the_start(name, streams):
    assert table_of(streams[name]) is None


def test_damage_that_a_chosen_frame_hangs_on_is_left_to_reading_from_the_start(streams, tmp_path):
    """A keyframe is overwritten: of what follows until the next nothing is to be shown as if it were whole."""
    source, damaged = streams["h264, no B-frames"], tmp_path / "a.mp4"
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        key = [packet for packet in container.demux(video=0) if packet.is_keyframe][2]
        content[key.pos + 4 : key.pos + key.size] = bytes(key.size - 4)
    damaged.write_bytes(content)
    marked = []
    assert chosen(damaged, [110, 111], lambda _, frame: marked.append(frame.is_corrupt)) is None or all(marked)


def decoded_count(path, indices):
    """Frames that come out of the decoder, chosen or not."""
    table = table_of(path)
    with opened(path) as (container, stream):
        due = dict.fromkeys(table.shown[list(indices)].tolist())
        return len(list(decode_runs(container, stream, table.runs(indices), due)))


def test_what_no_chosen_frame_hangs_on_is_not_decoded(streams):
    assert decoded_count(streams["h264, keyframes alone"], [0, 100, 200]) == 3
    assert decoded_count(streams["h264, no B-frames"], [0, 48, 96]) <= 4  # groups of 48, and of scenes
    assert (
        decoded_count(streams["h264, three B-frames"], [47]) < 40 < decoded_count(streams["h264, one keyframe"], [250])
    )
    assert decoded_count(streams["h264, one keyframe"], [250]) < 250 - 80  # those that no other refers to


@given(st.data())
def test_runs_cover_each_chosen_frame_from_a_keyframe_on_and_do_not_overlap(data):
    length = data.draw(st.integers(1, 60))
    times = [0, *data.draw(st.permutations(range(1, length)))]
    keys = [0, *sorted(data.draw(st.sets(st.integers(1, max(1, length - 1)), max_size=8)) - {length})]
    keys = [key for key in keys if key < length]
    array = np.array(times)
    table = PacketTable(array, keys, np.argsort(array), array[:0])
    indices = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=1)))
    runs = table.runs(indices)
    assert all(before.last + 1 < after.first for before, after in pairwise(runs))
    for index in indices:
        (run,) = [run for run in runs if run.first <= times.index(index) <= run.last]
        assert run.first in keys
        assert any(run.first <= key <= times.index(index) and times[key] <= index for key in keys)
    assert all(run.last in [times.index(index) for index in indices] for run in runs)
