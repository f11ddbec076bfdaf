"""Exact proxies: the frames of the plan within their PSNR, and never another file's, another key's or half of one."""

import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction

import pytest

pytest.importorskip("torch")

from odd_clips import Shape, draw, shape, write_clips

from videokr.__main__ import main as videokr
from videokr.budget import RL_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.video.proxy import FOLDER_VARIABLE, ProxyFolder, ProxyKey, proxy_fits, read_proxy, write_proxy
from videokr.video.reader import read_frames, read_original

pytestmark = pytest.mark.rl
BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=16, min_pixels=256, max_pixels=8_192)
KEY = ProxyKey(BUDGET, 14)
CLIP = Shape("libx264", "mp4", Fraction(10), 60, 160, 90, variable=False, turned=False)


def psnr_db(shown, meant):
    mean_square = (shown.float() - meant.float()).square().mean()
    return math.inf if not mean_square else 10 * math.log10(255**2 / mean_square)


def stamp(path):
    return path.stat().st_size, path.stat().st_mtime_ns


@pytest.fixture
def clip(tmp_path):
    draw(CLIP, tmp_path / "a.mp4")
    return tmp_path / "a.mp4"


@pytest.fixture
def proxy(clip, tmp_path):
    path = ProxyFolder(tmp_path / "proxies").path(clip, KEY)
    write_proxy(path, *read_original(clip, BUDGET, 14), stamp(clip), KEY, 2)
    return path


def test_a_flipped_bit_anywhere_outside_the_pictures_is_never_shown(proxy, clip):
    """The header that a proxy tells, its streams and tables: read as it was, or not at all; nothing is raised."""
    whole = proxy.read_bytes()
    frames, plan = read_proxy(proxy, stamp(clip), KEY)
    start = whole.rindex(b"moov")
    rng = random.Random(0)
    for place in rng.sample(range(8 * start, 8 * len(whole)), 400):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        proxy.write_bytes(damaged)
        proxy_fits(proxy, stamp(clip), KEY)
        found = read_proxy(proxy, stamp(clip), KEY)
        assert found is None or (found[1] == plan and (found[0] == frames).all()), place


def test_that_a_video_has_no_proxy_is_said_once(clip, used, capsys):
    for _ in range(2):
        read_frames(clip, BUDGET.bounded(max_frames=6), 14)
    assert capsys.readouterr().err.count("note: not every video has a proxy") == 1


@pytest.fixture
def used(tmp_path, monkeypatch):
    (tmp_path / "proxies").mkdir(exist_ok=True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "proxies"))


def decoded(monkeypatch):
    """Which originals are decoded from now on."""
    seen = []
    stock = read_original
    monkeypatch.setattr(
        "videokr.video.reader.read_original", lambda path, *rest: seen.append(path) or stock(path, *rest)
    )
    return seen


def test_every_shape_of_video_has_a_proxy_with_its_plan_and_its_pictures(tmp_path):
    write_clips(tmp_path / "odd", 50, progress=False)
    for path in sorted((tmp_path / "odd" / "videos").iterdir()):
        for patch_size in (14, 16):
            key = ProxyKey(BUDGET, patch_size)
            frames, plan = read_original(path, BUDGET, patch_size)
            to = ProxyFolder(tmp_path / "proxies").path(path, key)
            write_proxy(to, frames, plan, stamp(path), key, 2)
            found = read_proxy(to, stamp(path), key)
            assert found is not None and proxy_fits(to, stamp(path), key), shape(int(path.stem))
            assert found[1] == plan and found[0].shape == frames.shape and found[0].dtype == frames.dtype
            assert found[1].metadata == plan.metadata and found[1].timestamps == plan.timestamps
            assert psnr_db(found[0], frames) > 34, shape(int(path.stem))


def test_quality_is_a_setting(clip, tmp_path):
    frames, plan = read_original(clip, BUDGET, 14)
    measured = []
    for quality in (1, 5, 20):
        path = tmp_path / f"{quality}.mp4"
        write_proxy(path, frames, plan, stamp(clip), KEY, quality)
        measured.append((psnr_db(read_proxy(path, stamp(clip), KEY)[0], frames), path.stat().st_size))
    assert measured == sorted(measured, reverse=True) and measured[0][0] > measured[2][0] + 3


def test_it_is_read_in_place_of_the_original(clip, proxy, used, monkeypatch):
    seen = decoded(monkeypatch)
    frames, plan = read_frames(clip, BUDGET, 14)
    assert not seen and psnr_db(frames, read_original(clip, BUDGET, 14)[0]) > 34
    assert plan == read_original(clip, BUDGET, 14)[1]


def test_a_corpus_that_was_moved_keeps_its_proxies(clip, proxy, used, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    shutil.copy2(clip, tmp_path / "elsewhere" / "b.mp4")
    seen = decoded(monkeypatch)
    read_frames(tmp_path / "elsewhere" / "b.mp4", BUDGET, 14)
    assert not seen


@pytest.mark.parametrize("key", [ProxyKey(BUDGET, 16), ProxyKey(BUDGET.bounded(max_frames=8), 14),
                                 ProxyKey(BUDGET.bounded(max_pixels=4_096), 14)])  # fmt: skip
def test_another_key_reads_the_original(key, clip, proxy, used, monkeypatch):
    seen = decoded(monkeypatch)
    read_frames(clip, key.budget, key.patch_size)
    assert seen == [clip]
    assert read_proxy(proxy, stamp(clip), key) is None


def test_a_source_that_has_changed_is_read_itself(clip, proxy, used, monkeypatch):
    seen = decoded(monkeypatch)
    os.utime(clip, ns=(0, stamp(clip)[1] + 1))
    read_frames(clip, BUDGET, 14)
    content = bytearray(clip.read_bytes())
    content[len(content) // 2] ^= 1  # the same size, and the same two ends
    clip.write_bytes(content)
    read_frames(clip, BUDGET, 14)
    assert seen == [clip, clip] and not proxy_fits(proxy, stamp(clip), KEY)


def test_what_is_not_whole_is_not_read(clip, proxy, used, monkeypatch):
    whole = proxy.read_bytes()
    seen = decoded(monkeypatch)
    zeroed = bytearray(whole)
    zeroed[len(whole) // 3 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 3)
    broken = [whole[: int(len(whole) * share)] for share in (0, 0.01, 0.3, 0.9, 0.999)]
    broken += [b"<html>not found</html>", bytes(len(whole)), bytes(zeroed)]
    for content in broken:
        proxy.write_bytes(content)
        assert (read_frames(clip, BUDGET, 14)[0] == read_original(clip, BUDGET, 14)[0]).all()
    assert len(seen) == len(broken)


def test_another_videos_proxy_in_its_place_is_not_read(clip, proxy, used, monkeypatch, tmp_path):
    draw(Shape("libx264", "mp4", Fraction(10), 60, 160, 90, variable=False, turned=False), tmp_path / "b.mp4")
    other = tmp_path / "other.mp4"
    write_proxy(other, *read_original(tmp_path / "b.mp4", BUDGET, 14), stamp(tmp_path / "b.mp4"), KEY, 2)
    shutil.copy(other, proxy)
    seen = decoded(monkeypatch)
    read_frames(clip, BUDGET, 14)
    assert seen == [clip]


def test_a_folder_that_is_not_there_is_named(clip, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, "/nowhere/proxies")
    with pytest.raises(UserError, match="/nowhere/proxies"):
        read_frames(clip, BUDGET, 14)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "videos").mkdir()
    with (tmp_path / "data.jsonl").open("w") as out:
        for number in range(6):
            draw(Shape("libx264", "mp4", Fraction(10), 30 + number, 160, 90, False, False),
                 tmp_path / "videos" / f"{number}.mp4")  # fmt: skip
            record = {"question": "q", "answer": "x", "video": f"{number}.mp4"}
            out.write(json.dumps(record) + "\n")
    return tmp_path


def build(corpus, *flags):
    given = ["--data", corpus / "data.jsonl", "--videos", corpus / "videos", "--to", corpus / "proxies"]
    return ["proxy", "build", *map(str, given), "--budget", "rl", "--family", "qwen3vl", *map(str, flags)]


def built(corpus):
    return sorted((corpus / "proxies").rglob("*.mp4"))


def test_a_build_reports_what_it_made_and_makes_the_rest_alone(corpus, capsys):
    (corpus / "videos" / "3.mp4").write_bytes(b"no video" * 100)
    (corpus / "videos" / "4.mp4").unlink()
    assert videokr(build(corpus)) == 3
    said = capsys.readouterr().out
    assert "4 proxies built, 0 there already, of 6 videos" in said and "'3.mp4': " in said and "'4.mp4': " in said
    least = re.search(r"([\d.]+) at least", said)
    assert least and float(least[1]) > 34 and len(built(corpus)) == 4
    draw(CLIP, corpus / "videos" / "3.mp4")
    folder, key = ProxyFolder(corpus / "proxies"), ProxyKey(RL_BUDGET, 16)
    before = {path: path.stat().st_mtime_ns for path in built(corpus)}
    folder.path(corpus / "videos" / "0.mp4", key).write_bytes(b"cut short")
    os.utime(corpus / "videos" / "5.mp4", ns=(0, 1))  # has changed
    capsys.readouterr()
    assert videokr(build(corpus)) == 3
    assert "3 proxies built, 2 there already, of 6 videos" in capsys.readouterr().out
    now = {number: folder.path(corpus / "videos" / f"{number}.mp4", key) for number in (0, 1, 2, 3, 5)}
    kept = [number for number, path in now.items() if path.stat().st_mtime_ns == before.get(path)]
    assert kept == [1, 2]


def test_no_more_room_is_taken_than_given(corpus, capsys):
    assert videokr(build(corpus)) == 0
    sizes = [path.stat().st_size for path in built(corpus)]
    shutil.rmtree(corpus / "proxies")
    room_gb = (sum(sizes[:3]) + RL_BUDGET.max_frames * RL_BUDGET.max_pixels) / 1e9
    capsys.readouterr()
    assert videokr(build(corpus, "--max-gb", room_gb, "--workers", 1)) in (0, 3)
    assert sum(path.stat().st_size for path in built(corpus)) <= room_gb * 1e9
    shutil.rmtree(corpus / "proxies")
    assert videokr(build(corpus, "--max-gb", 1e-6)) == 3
    assert not built(corpus) and "no room in --max-gb 1e-06: 6" in capsys.readouterr().out


def test_what_is_there_is_counted_where_there_is_no_more_room(corpus, capsys):
    assert videokr(build(corpus)) == 0
    built(corpus)[0].unlink()
    capsys.readouterr()
    assert videokr(build(corpus, "--max-gb", 1e-6)) == 3
    told = capsys.readouterr().out
    assert "0 proxies built, 5 there already, of 6 videos" in told and "no room in --max-gb 1e-06: 1" in told


def test_copies_of_a_video_have_proxies_of_their_own(corpus, capsys):
    for number in range(1, 6):
        shutil.copy(corpus / "videos" / "0.mp4", corpus / "videos" / f"{number}.mp4")
        os.utime(corpus / "videos" / f"{number}.mp4", ns=(0, number))
    for told in ("6 proxies built, 0 there", "0 proxies built, 6 there"):
        capsys.readouterr()
        assert videokr(build(corpus)) == 0
        assert told in capsys.readouterr().out
    assert len(built(corpus)) == 6


def test_a_picture_that_was_damaged_is_built_anew_where_that_is_asked_for(corpus, capsys):
    assert videokr(build(corpus)) == 0
    content = bytearray(built(corpus)[0].read_bytes())
    content[5_000:6_000] = bytes(1_000)
    built(corpus)[0].write_bytes(content)
    capsys.readouterr()
    assert videokr(build(corpus)) == 0 and "0 proxies built, 6 there" in capsys.readouterr().out
    assert videokr(build(corpus, "--verify")) == 0 and "1 proxies built, 5 there" in capsys.readouterr().out


def test_proxies_of_a_runs_own_budget_can_be_built(corpus):
    assert videokr(build(corpus, "--fps", 1, "--min-frames", 2, "--max-frames", 6, "--min-pixels", 784)) == 0
    assert videokr(build(corpus, "--max-pixels", 50_176)) == 0
    folders = {path.name for path in (corpus / "proxies").iterdir()}
    assert folders == {"patch16_fps1_frames2-6_pixels784-100352", "patch16_fps2_frames4-128_pixels50176-50176"}


def test_records_that_name_no_video_are_counted(corpus, capsys):
    with (corpus / "data.jsonl").open("a") as file:
        file.write("{not json\n[1, 2]\n")
    assert videokr(build(corpus)) == 0
    assert capsys.readouterr().out.count("records that name no video") == 2


def test_a_build_that_was_killed_goes_on_and_leaves_no_half_proxy(corpus):
    command = [sys.executable, "-m", "videokr", *build(corpus, "--workers", 1)]
    for _ in range(2):
        process = subprocess.Popen(command, start_new_session=True, stdout=-3, stderr=-3)
        count = len(built(corpus)) if (corpus / "proxies").exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if (corpus / "proxies").exists() and len(built(corpus)) > count:
                break
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, capture_output=True).returncode == 0
    folder, key = ProxyFolder(corpus / "proxies"), ProxyKey(RL_BUDGET, 16)
    for video in (corpus / "videos").iterdir():
        assert read_proxy(folder.path(video, key), stamp(video), key) is not None
    assert len(built(corpus)) == 6 and not list((corpus / "proxies").rglob("*.partial"))


@pytest.mark.parametrize(("flags", "says"), [
    (["--quality", "0"], "--quality 0"),
    (["--max-gb", "nan"], "--max-gb nan: a positive number"),
    (["--workers", "0"], "positive numbers"),
    (["--max-frames", "-2"], "min_frames is -2"),
])  # fmt: skip
def test_a_number_that_is_none_is_named(flags, says, corpus):
    with pytest.raises(UserError, match=says):
        videokr(build(corpus, *flags))
