"""The reader of all three stages: every shape of file, against decord and qwen-vl-utils, and what breaks."""

import struct
from dataclasses import replace
from fractions import Fraction

import pytest

pytest.importorskip("av")

from odd_clips import MATRICES, Shape, draw, put_index_first, shape, turn, write_clips

from videokr.budget import SAMPLINGS, VideoBudget
from videokr.errors import UserError
from videokr.video.frame_plan import plan_frames
from videokr.video.reader import check_end, check_frames, read_frames
from videokr.video.timeline import VideoError, read_facts, read_header

BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=256, max_pixels=8_192)
ROUNDED_APART = 3  # of 255 levels
MISCOUNTED = (16, 24, 48, 72)  # widths in pixels of which decord makes frames with four channels, and fails
MISREAD = ("trimmed", "hidden", "half indexed", "interlaced", "untimed", "two streams")  # of which decord shows others
PLAIN = Shape("libx264", "mp4", Fraction(10), 40, 64, 48, variable=False, turned=False)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "clips"
    write_clips(folder, 50, progress=False)
    return {int(path.stem): path for path in (folder / "videos").iterdir()}


def test_a_header_tells_frames_and_size_as_shown(clips):
    for number, path in clips.items():
        made, header = shape(number), read_header(path)
        height, width = (made.width, made.height) if made.turned else (made.height, made.width)
        assert (header.frame_count, header.height, header.width) == (made.shown, height, width), made


def flat(path, codec, yuv, matrix, color_range, **codec_settings):
    """A second of one colour: every sample of the three planes has its value."""
    import av
    import numpy as np

    plain = {"libx264": {"qp": "1"}, "libvpx-vp9": {"lossless": "1", "deadline": "realtime", "cpu-used": "8"}}[codec]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=plain)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        settings = {"colorspace": matrix, "color_range": color_range} | codec_settings
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        planes = np.concatenate([np.full(64 * 64, yuv[0]), np.full(32 * 32, yuv[1]), np.full(32 * 32, yuv[2])])
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(96, 64), format="yuv420p")
            frame.colorspace, frame.color_range = matrix, color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.sft
@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("libvpx-vp9", "webm")])
@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize(("matrix", "red", "blue"), [(2, 0.299, 0.114), (6, 0.299, 0.114), (1, 0.2126, 0.0722),
                                                     (9, 0.2627, 0.0593)])  # fmt: skip
def test_a_colour_is_that_of_its_matrix_and_range(codec, suffix, color_range, matrix, red, blue, tmp_path):
    """By the formulas of ITU-R BT.601, BT.709 and BT.2020; untagged is BT.601 of limited range."""
    luma, cb, cr = 120, 100, 160
    path = flat(tmp_path / f"a.{suffix}", codec, (luma, cb, cr), matrix, color_range)
    frames, _ = read_frames(path, BUDGET, 14)
    y, pb, pr = ((luma / 255, (cb - 128) / 255, (cr - 128) / 255) if color_range == 2 else
                 ((luma - 16) / 219, (cb - 128) / 224, (cr - 128) / 224))  # fmt: skip
    shown = [y + 2 * (1 - red) * pr, 0.0, y + 2 * (1 - blue) * pb]
    shown[1] = (y - red * shown[0] - blue * shown[2]) / (1 - red - blue)
    apart = frames.float().mean(dim=(0, 2, 3)).numpy() - [255 * value for value in shown]
    assert abs(apart).max() < 2.5  # FFmpeg's own rounding


def test_canary_pyav_issue_2230_takes_bt_709_for_bt_601(tmp_path):
    """When this fails, PyAV converts by a frame's tags, and videokr.video.colours need not say them."""
    import av

    with av.open(str(flat(tmp_path / "a.mp4", "libx264", (63, 102, 240), 1, 1))) as container:
        frame = next(container.decode(video=0))
        as_601 = next(av.open(str(flat(tmp_path / "b.mp4", "libx264", (63, 102, 240), 6, 1))).decode(video=0))
        assert (frame.to_ndarray(format="rgb24") == as_601.to_ndarray(format="rgb24")).all()


def test_hdr_is_told(tmp_path):
    for trc, is_hdr in ((1, False), (16, True), (18, True)):
        assert read_facts(flat(tmp_path / f"{trc}.mp4", "libx264", (9, 9, 9), 9, 1, color_trc=trc)).is_hdr == is_hdr


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_are_those_of_showing_where_frames_are_not_equally_long(tmp_path, suffix):
    import av

    path = tmp_path / f"a.{suffix}"
    durations = [40] * 50 + [2_000] + [40] * 49
    starts = [sum(durations[:number]) for number in range(100)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        stream.width = stream.height = 64
        stream.codec_context.time_base = Fraction(1, 1000)
        for start in starts:
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts, frame.time_base = start, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    header = read_header(path)
    assert header.times_ms == tuple(starts)
    mean = 99 / starts[-1]  # frames a millisecond
    assert header.off_by_index_seconds == pytest.approx(50 / mean / 1000 - 2.0, abs=0.05)
    by_index, by_time = (plan_frames(header, replace(BUDGET, max_frames=8, sampling=name), 16) for name in SAMPLINGS)
    assert by_index.indices == (0, 14, 28, 42, 57, 71, 85, 99)
    assert by_index.seconds == [starts[index] / 1000 for index in by_index.indices]
    assert by_time.seconds == pytest.approx([number * starts[-1] / 7 / 1000 for number in range(8)], abs=0.001)
    for index, second in zip(by_time.indices, by_time.seconds, strict=True):  # the frame that is on the screen then
        assert starts[index] <= second * 1000 < (*starts, 10**9)[index + 1]


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "ts"])
def test_a_header_of_half_frames_is_read_whatever_they_are_in(tmp_path, container):
    path = tmp_path / f"a.{container}"
    draw(Shape("libx264", container, Fraction(25), 100, 160, 96, variable=False, turned=False, kind="interlaced"), path)
    header = read_header(path)
    assert (header.frame_count, header.average_fps) == (100, pytest.approx(25))
    check_end(path)


def write_times(path, times, tick, b_frames=0):
    """A clip of grey frames, each a level brighter, shown at these ticks."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1 / tick, options={"bf": str(b_frames), "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.time_base = tick
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("b_frames", [0, 3])
def test_avi_s_empty_packets_are_no_frames_but_time(tmp_path, b_frames):
    """AVI has a packet a tick, and says not when B-frames are shown; as copied from MP4 every second one is empty."""
    write_times(tmp_path / "even.avi", range(0, 160, 2), Fraction(1, 50), b_frames)
    header = read_header(tmp_path / "even.avi")
    assert (header.frame_count, header.average_fps, header.times_ms) == (80, pytest.approx(25), None)
    starts = [*range(40), *range(80, 120)]
    write_times(tmp_path / "gap.avi", starts, Fraction(1, 25), b_frames)
    header = read_header(tmp_path / "gap.avi")
    assert header.frame_count == 80 and header.duration_seconds == pytest.approx(4.8, abs=0.1)
    assert header.times_ms is not None and header.times_ms[60] == pytest.approx(starts[60] * 40, abs=200)


@pytest.mark.sft
@pytest.mark.parametrize(
    ("codec", "container"),
    [*(("libx264", container) for container in ("mp4", "mkv", "ts", "asf")), ("libx265", "mp4"), ("libx265", "mkv")],
)
def test_frames_are_in_their_order_where_a_file_says_only_when_they_are_decoded(tmp_path, codec, container):
    """As a remux of AVI does: `ffmpeg -i a.avi -c copy a.mp4`."""
    import av
    import numpy as np

    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w") as output:
        encoder = av.CodecContext.create(codec, "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", Fraction(1, 25)
        encoder.options = {"bf": "3", "preset": "fast", "x265-params": "log-level=none"}
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        drawn = [np.full((64, 64, 3), 20 + 2 * number, np.uint8) for number in range(80)]
        packets = []
        for number, picture in enumerate(drawn):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += encoder.encode(frame)
        for number, packet in enumerate([*packets, *encoder.encode()]):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            output.mux(packet)
    header = read_header(path)
    assert (header.frame_count, header.average_fps, header.times_ms) == (80, pytest.approx(25, rel=0.01), None)
    frames, plan = read_frames(path, replace(BUDGET, fps=25, max_frames=80), 14)
    levels = frames.float().mean(dim=(1, 2, 3)).tolist()
    assert list(plan.indices) == list(range(80))
    assert levels == pytest.approx([20 + 2 * index for index in plan.indices], abs=1.0)


def test_an_avi_that_breaks_off_is_refused_and_one_written_to_a_pipe_is_whole(tmp_path):
    from data_prep.check.container import look_at

    write_times(tmp_path / "a.avi", range(200), Fraction(1, 25), b_frames=3)
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"of its 8\.0 seconds are there"):
        read_header(tmp_path / "cut.avi")
    frames = content.index(b"strh") + 8 + 32  # its number of frames, after 32 bytes of other things
    piped = content[:4] + b"\xff" * 4 + content[8:frames] + b"\0\0\0\x40" + content[frames + 4 :]
    (tmp_path / "piped.avi").write_bytes(piped)
    assert read_header(tmp_path / "piped.avi").frame_count == 200
    assert look_at(str(tmp_path / "piped.avi"), str(tmp_path)).reason is None


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_a_video_whose_time_begins_late_is_whole(tmp_path, container):
    write_times(tmp_path / f"a.{container}", range(1500, 1600), Fraction(1, 25))
    assert read_header(tmp_path / f"a.{container}").frame_count == 100


@pytest.mark.sft
def test_what_hangs_on_a_damaged_packet_is_damaged_and_the_same_by_every_way(tmp_path, monkeypatch):
    """Random bytes in the middle of HEVC in TS, whose demuxer knows of it: the decoder gives grey frames else."""
    from random import Random

    path = tmp_path / "a.ts"
    draw(Shape("libx265", "ts", Fraction(25), 200, 160, 96, variable=False, turned=False), path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = Random(0).randbytes(400)
    path.write_bytes(content)
    fast, _ = read_frames(path, BUDGET, 16)
    with pytest.raises(VideoError, match="is damaged"):
        check_frames(path, BUDGET, 16)
    monkeypatch.setenv("VIDEOKR_FAST_VIDEO", "0")
    slow, _ = read_frames(path, BUDGET, 16)
    assert (fast == slow).all()


def test_a_codec_that_is_not_known_is_a_fault_of_the_video(tmp_path):
    """A stream without a decoder ends the process otherwise."""
    draw(PLAIN, tmp_path / "a.mp4")
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content.replace(b"avc1", b"zz9z").replace(b"avcC", b"zz9C"))
    with pytest.raises(VideoError, match="its codec is unknown"):
        read_header(tmp_path / "a.mp4")


@pytest.mark.sft
def test_after_a_damaged_packet_the_video_goes_on(tmp_path):
    import av

    path = tmp_path / "a.mkv"
    draw(Shape("libvpx-vp9", "mkv", Fraction(10), 100, 64, 64, variable=False, turned=False), path)
    whole, _ = read_frames(path, BUDGET, 14)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][40]
        place = content.index(bytes(packet))
    content[place] ^= 0xFF  # no frame begins so
    path.write_bytes(content)
    assert read_header(path).frame_count == 100
    frames, plan = read_frames(path, BUDGET, 14)
    before = sum(index < 40 for index in plan.indices)
    assert (frames[:before] == whole[:before]).all()
    assert frames[-1].float().sub(whole[-1].float()).abs().mean() < 20
    with pytest.raises(VideoError, match="is damaged"):
        check_frames(path, replace(BUDGET, fps=10.0), 14)


@pytest.mark.sft
@pytest.mark.parametrize("suffix", ["gif", "mpg", "asf"])
def test_one_frame_is_a_video_whatever_it_is_in(tmp_path, suffix):
    import av

    path = tmp_path / f"a.{suffix}"
    codec, pix_fmt = ("gif", "rgb8") if suffix == "gif" else ("mpeg2video", "yuv420p")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        container.mux(stream.encode(av.VideoFrame(64, 64, pix_fmt)))
        container.mux(stream.encode())
    frames, plan = read_frames(path, BUDGET, 14)
    assert plan.header.frame_count == 1 and len(frames) == 2


def test_time_is_that_of_the_frames_also_where_they_are_not_equally_long(tmp_path):
    variable = Shape("libx264", "mkv", Fraction(10), 400, 64, 48, variable=True, turned=False)
    draw(variable, tmp_path / "a.mkv")
    draw(variable, tmp_path / "a.mp4")
    given = [read_header(tmp_path / name).average_fps for name in ("a.mkv", "a.mp4")]
    assert given[0] == pytest.approx(given[1], rel=0.01) and given[0] < 8  # the stream says 10


@pytest.mark.sft
@pytest.mark.rl
def test_frames_are_those_of_reading_from_the_start(clips):
    import av

    for number, path in clips.items():
        frames, plan = read_frames(path, BUDGET, 14)
        assert frames.shape == (len(plan.indices), 3, plan.height, plan.width), shape(number)
        if shape(number).kind in MATRICES:  # which PyAV's own conversion leaves out
            continue
        with av.open(str(path)) as container:
            own = 1 if shape(number).kind == "two streams" else 0
            shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=own)]
        for place, index in enumerate(plan.indices):  # a frame's mean colour tells it from those around it
            apart = abs(frames[place].float().mean(dim=(1, 2)).numpy() - shown[index].mean(axis=(0, 1)))
            assert apart.max() < 3, (shape(number), index)


@pytest.mark.sft
@pytest.mark.rl
@pytest.mark.parametrize(
    ("across", "down", "as_shown"),  # where a step to the right and a step down lead, and what ffmpeg makes of it
    [
        ((0, 1), (-1, 0), lambda shown: shown.rot90(-1, dims=(2, 3))),
        ((0, -1), (1, 0), lambda shown: shown.rot90(1, dims=(2, 3))),
        ((-1, 0), (0, -1), lambda shown: shown.flip(2, 3)),
        ((-1, 0), (0, 1), lambda shown: shown.flip(3)),
        ((1, 0), (0, -1), lambda shown: shown.flip(2)),
        ((0, 1), (1, 0), lambda shown: shown.transpose(2, 3)),
    ],
)
def test_a_turned_or_mirrored_clip_is_shown_as_a_player_shows_it(across, down, as_shown, tmp_path):
    """By the matrix of the track header, ISO/IEC 14496-12, 8.3.2."""
    upright, turned = tmp_path / "a.mp4", tmp_path / "b.mp4"
    draw(PLAIN, upright)
    turned.write_bytes(upright.read_bytes())
    turn(turned, struct.pack(">9i", *(n << 16 for n in (*across, 0, *down, 0, 0, 0)), 1 << 30))
    budget = VideoBudget(fps=2.0, min_frames=4, max_frames=8, min_pixels=256, max_pixels=112 * 84)
    frames, plan = read_frames(upright, budget, 14)
    shown, other = read_frames(turned, budget, 14)
    assert {other.height, other.width} == {plan.width, plan.height}
    assert (shown.float() - as_shown(frames).float()).abs().max() <= 1


@pytest.mark.rl
def test_every_pixel_is_that_of_qwen_vl_utils(clips, monkeypatch):
    """But for what rounding differs, it being resized there in float32 and here in uint8. Where decord reads the file
    at all and does not lose its place: not HEVC, nor of a width that it miscounts."""
    from qwen_vl_utils import vision_process

    monkeypatch.setattr(vision_process, "get_video_reader_backend", lambda: "decord")
    compared = 0
    for number, path in clips.items():
        made = shape(number)
        lost = made.codec == "libx265" or (made.height if made.turned else made.width) in MISCOUNTED
        if lost or made.variable or made.frames < BUDGET.min_frames or made.kind in MISREAD:
            continue
        element = {"video": str(path), "fps": BUDGET.fps, "min_frames": BUDGET.min_frames}
        element |= {"max_frames": BUDGET.max_frames, "min_pixels": BUDGET.min_pixels, "max_pixels": BUDGET.max_pixels}
        theirs, told = vision_process.fetch_video(element, 14, return_video_metadata=True)
        frames, plan = read_frames(path, BUDGET, 14)
        assert (list(plan.indices), plan.header.average_fps) == (told["frames_indices"], told["fps"]), made
        apart = (theirs - frames.float()).abs()
        assert apart.max() <= ROUNDED_APART and apart.square().mean().sqrt() < 0.5, made  # 54 dB
        compared += 1
    assert compared > 15


@pytest.mark.rl
def test_canary_decord_issue_325_shows_other_frames_of_hevc(tmp_path):
    """When this fails, decord finds its place in HEVC with open groups of pictures."""
    import decord
    import numpy as np

    draw(Shape("libx265", "mkv", Fraction(10), 639, 64, 64, variable=False, turned=False), tmp_path / "a.mkv")
    inorder = decord.VideoReader(str(tmp_path / "a.mkv"))
    shown = [inorder.next().asnumpy() for _ in range(639)]
    places = list(range(0, 639, 20))
    jumped = decord.VideoReader(str(tmp_path / "a.mkv")).get_batch(places).asnumpy()
    assert not all(np.array_equal(picture, shown[place]) for picture, place in zip(jumped, places, strict=True))


@pytest.mark.rl
def test_canary_decord_issue_336_miscounts_some_widths(tmp_path):
    """When this fails, decord reads frames 48 pixels wide, and frames of every size can be held against it."""
    import decord

    draw(replace(PLAIN, width=48), tmp_path / "a.mp4")
    with pytest.raises(decord.DECORDError):
        decord.VideoReader(str(tmp_path / "a.mp4")).get_batch([0])


def test_no_control_character_of_a_name_reaches_the_terminal(tmp_path, capsys):
    from videokr.errors import exit_status

    assert exit_status(lambda: read_header(tmp_path / "\x1b[2Jnone.mp4") and 0) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said and "\\x1b[2Jnone.mp4' is not there" in said


def test_what_is_no_video_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.mp4' is not there"):
        read_header(tmp_path / "none.mp4")
    for name, content in {"empty.mp4": b"", "page.mp4": b"<html>404</html>" * 100}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VideoError, match=name):
            read_header(tmp_path / name)


@pytest.mark.sft
@pytest.mark.rl
def test_a_video_that_breaks_off_is_refused_unless_only_its_end_is_missing(tmp_path):
    path = tmp_path / "a.mp4"
    draw(Shape("libx264", "mp4", Fraction(10), 300, 160, 90, variable=False, turned=False), tmp_path / "plain.mp4")
    put_index_first(tmp_path / "plain.mp4", path)
    whole = path.read_bytes()
    full, _ = read_frames(path, BUDGET, 14)
    path.write_bytes(whole[: int(len(whole) * 0.99)])
    nearly, _ = read_frames(path, BUDGET, 14)
    assert nearly.shape == full.shape and (nearly[:40] == full[:40]).all()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match=r"a\.mp4"):
        read_frames(path, BUDGET, 14)


@pytest.mark.parametrize("codec_and_container", [("libx264", "mkv"), ("libvpx-vp9", "webm")])
def test_an_mkv_or_webm_that_breaks_off_is_refused(codec_and_container, tmp_path):
    """They hold no number of frames, but how long they are."""
    codec, container = codec_and_container
    path = tmp_path / f"a.{container}"
    draw(Shape(codec, container, Fraction(10), 300, 160, 90, variable=False, turned=False), path)
    whole = path.read_bytes()
    assert read_header(path).frame_count == 300
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match=rf"a\.{container}.* of its 30\.\d seconds are there"):
        read_header(path)


@pytest.mark.rl
def test_without_the_fast_path_every_pixel_is_the_same(clips, monkeypatch):
    fast = {number: read_frames(path, BUDGET, 14) for number, path in clips.items()}
    monkeypatch.setenv("VIDEOKR_FAST_VIDEO", "0")
    for number, path in clips.items():
        frames, plan = read_frames(path, BUDGET, 14)
        assert plan == fast[number][1] and (frames == fast[number][0]).all(), shape(number)


@pytest.mark.rl
def test_the_switch_of_the_fast_path_is_0_or_1(clips, monkeypatch):
    monkeypatch.setenv("VIDEOKR_FAST_VIDEO", "yes")
    with pytest.raises(UserError, match="VIDEOKR_FAST_VIDEO is 'yes': 0 or 1"):
        read_frames(clips[0], BUDGET, 14)
