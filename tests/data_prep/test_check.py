"""`videokr check`: every fault is named and counted, none ends it, and what was killed goes on."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest
from faulty_videos import FAULTS, encode, write_faulty_videos
from odd_clips import Shape, draw

from videokr.errors import UserError
from videokr.video.manifest import LEVELS, VideoEntry, read_manifest, write_manifest

REJECTED = 3


def command(*flags: object) -> list[str]:
    return [sys.executable, "-m", "videokr", "check", *map(str, flags)]


def run(*flags: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*flags), capture_output=True, text=True, check=False, **settings)  # type: ignore


def write_records(path: Path, *videos: object) -> Path:
    records = [{"id": n, "question": "What?", "answer": "x", "videos": video} for n, video in enumerate(videos)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_faulty_videos(root / "videos")
    write_records(root / "data.jsonl", *FAULTS)
    return root


@pytest.fixture(scope="module", params=LEVELS)
def checked(request: pytest.FixtureRequest, corpus: Path) -> tuple[str, dict[str, VideoEntry], dict[str, object]]:
    manifest, report = corpus / f"{request.param}.parquet", corpus / f"{request.param}.json"
    flags = ["--data", corpus / "data.jsonl", "--videos", corpus / "videos", "--level", request.param]
    done = run(*flags, "--manifest", manifest, "--json", report)
    assert done.returncode == REJECTED and "Traceback" not in done.stderr, done.stderr
    return request.param, read_manifest(manifest), json.loads(report.read_text())


def test_spans_of_records_are_held_against_their_videos(corpus, tmp_path):
    asked = {"question": "When?", "problem_type": "tvg", "video": "fine.mp4"}
    rows = [asked | {"answer": answer} for answer in ("0-0.1", "1 to 0.5", "[[700, 800]]", "never")]
    rows.append({"question": "What?", "answer": "x", "video": "fine.mp4", "timestamp": [[0, 9000]]})
    data, report = tmp_path / "data.jsonl", tmp_path / "report.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["--data", data, "--videos", corpus / "videos", "--manifest", tmp_path / "m.parquet", "--json", report]
    assert "--level probe tells how long" in run(*flags).stdout
    done = run(*flags, "--level", "probe")
    assert done.returncode == 0 and "a span of time ends before it starts, or there: 1" in done.stdout, done.stderr
    spans = json.loads(report.read_text())["spans"]
    assert spans["records"] == 4
    assert {fault: [one["record"] for one in found] for fault, found in spans["faults"].items()} == {
        "span-reversed": [f"{data}:2"],
        "span-outside": [f"{data}:3", f"{data}:5"],
    }


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_at_its_level_and_above(checked, name):
    level, manifest, report = checked
    _, from_level, reason = FAULTS[name]
    seen = from_level is not None and LEVELS.index(level) >= LEVELS.index(from_level)
    assert manifest[name].reason == (reason if seen else None), manifest[name].detail
    listed = [video["video"] for videos in report["rejected"].values() for video in videos]
    assert (name in listed) == seen


def test_facts_are_those_of_the_header(checked):
    level, manifest, _ = checked
    fine = manifest["fine.mp4"]
    if level == "fast":
        assert fine.header is None and fine.duration_seconds is None
    else:
        assert (fine.frame_count, fine.average_fps, fine.height, fine.width) == (60, 10.0, 64, 64)
        assert (fine.codec, fine.has_audio, fine.duration_seconds) == ("h264", False, 6.0)
        assert manifest["one frame.mp4"].frame_count == 1


def test_variable_rates_are_counted_and_the_manifest_leaves_their_times_to_the_file(tmp_path):
    draw(Shape("libx264", "mkv", Fraction(10), 200, 64, 64, variable=True, turned=False), tmp_path / "variable.mkv")
    encode(tmp_path / "even.mp4")
    done = run("--videos", tmp_path, "--level", "probe", "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "a.json").read_text())["variable_rate"]
    assert list(found) == ["variable.mkv"] and found["variable.mkv"] > 0.5
    assert re.search(r"of a variable frame rate +1, up to \d\.\d s off by index", done.stdout)
    entries = read_manifest(tmp_path / "manifest.parquet")
    assert entries["variable.mkv"].header is None and entries["variable.mkv"].frame_count == 200
    assert entries["even.mp4"].header is not None


@pytest.mark.parametrize(
    ("video", "reason"),
    [
        ("../outside.mp4", "outside of the folder"),
        ("/etc/hostname", "outside of the folder"),
        ("a/../../outside.mp4", "outside of the folder"),
        ("https://example.org/a.mp4", "outside of the folder"),
        ("nowhere.mp4", "not there"),
        ("x" * 300 + ".mp4", "not there"),
        ("nul\0.mp4", "not there"),
        ("./Videos/fine.mp4", None),
        (".//fine.mp4", None),
        ([{"video": "fine.mp4"}, {"path": "Videos/fine.mp4"}], None),
    ],
)
def test_paths_of_records(tmp_path, corpus, video, reason):
    data = write_records(tmp_path / "data.jsonl", video)
    done = run("--data", data, "--videos", corpus / "videos", "--manifest", tmp_path / "m.parquet")
    assert done.returncode == (REJECTED if reason else 0), done.stderr
    (entry,) = read_manifest(tmp_path / "m.parquet").values()
    assert entry.reason == reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{oops\n", "not JSON"),
        (b"[1]\n", "not a JSON object"),
        (b'{"id": 1}\n', "missing"),
        (b'{"video": 3}\n', "not a path"),
        (b'{"video": "\xff.mp4"}\n', "not UTF-8 text"),
        pytest.param(b'{"video": "a.mp4", "note": "' + b"x" * 10_000_000 + b'"}\r\n', None, id="10 MB line"),
        (b'\r\n{"video": "a.mp4"}\r\n', None),
    ],
)
def test_a_line_without_a_video_is_counted_and_the_rest_is_checked(tmp_path, line, reason):
    encode(tmp_path / "a.mp4")
    (tmp_path / "data.jsonl").write_bytes(b'\xef\xbb\xbf{"video": "a.mp4"}\n' + line)
    done = run("--data", tmp_path / "data.jsonl", "--videos", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 videos" in done.stdout and "of 2 records" in done.stdout
    assert (reason in done.stdout) if reason else ("left out" not in done.stdout)


def test_a_folder_alone_is_checked_whole(corpus, tmp_path):
    done = run("--videos", corpus / "videos", "--manifest", tmp_path / "m.parquet")
    assert done.returncode == REJECTED
    assert set(read_manifest(tmp_path / "m.parquet")) == set(FAULTS)


def test_what_has_not_changed_is_not_looked_at_again(tmp_path):
    encode(tmp_path / "a.mp4")
    encode(tmp_path / "b.mp4")
    manifest = tmp_path / "manifest.parquet"
    assert run("--videos", tmp_path, "--level", "probe").returncode == 0
    probed = read_manifest(manifest)
    stamp = (tmp_path / "a.mp4").stat()
    (tmp_path / "a.mp4").write_bytes(bytes(stamp.st_size))  # another file that claims to be the same
    os.utime(tmp_path / "a.mp4", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run("--videos", tmp_path).returncode == 0 and read_manifest(manifest) == probed
    (tmp_path / "b.mp4").write_bytes(b"changed")
    assert run("--videos", tmp_path).returncode == REJECTED
    again = read_manifest(manifest)
    assert again["a.mp4"] == probed["a.mp4"] and again["b.mp4"].reason == "not a video"


@pytest.mark.parametrize("level", LEVELS)
def test_killed_and_killed_again_it_writes_the_same_bytes(tmp_path, level):
    videos = tmp_path / "videos"
    videos.mkdir()
    count = 20_000 if level == "fast" else 150
    whole = encode(videos / "0.mp4")
    for number in range(1, count):
        path = videos / f"{number}.mp4"
        path.write_bytes(whole[:-9]) if number % 7 == 0 else path.hardlink_to(videos / "0.mp4")
    flags = ["--videos", videos, "--level", level, "--workers", 2, "--manifest"]
    assert run(*flags, tmp_path / "straight.parquet").returncode == REJECTED
    killed, journal = tmp_path / "killed.parquet", tmp_path / ".killed.parquet.journal"
    kept = 0
    for _ in range(2):
        process = subprocess.Popen(command(*flags, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not journal.exists() or journal.stat().st_size <= kept + 1_000):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not killed.exists()
        assert journal.stat().st_size > kept
        kept = journal.stat().st_size
    assert run(*flags, killed).returncode == REJECTED
    assert killed.read_bytes() == (tmp_path / "straight.parquet").read_bytes() and not journal.exists()


def test_a_full_disk_is_one_line(tmp_path):
    for number in range(40):
        (tmp_path / f"{'long name ' * 20}{number}.mp4").write_bytes(b"x")

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    done = run("--videos", tmp_path, preexec_fn=little_room)
    assert done.returncode == 2 and "make room" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "manifest.parquet").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--videos", "nowhere"], "not there"),
        (["--videos", "."], "no video"),
        (["--videos", ".", "--data", "nowhere.jsonl"], "not there"),
        (["--videos", ".", "--workers", "0"], "positive"),
        (["--videos", ".", "--manifest", "garbage"], "no manifest"),
        (["--videos", ".", "--engine", "ray"], "no "),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, flags, says):
    (tmp_path / "garbage").write_bytes(b"PAR1 garbage")
    if "--engine" in flags or "--manifest" in flags:
        encode(tmp_path / "a.mp4")
    done = run(*flags, cwd=tmp_path, env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"})
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1


def test_a_manifest_reads_back(tmp_path):
    entries = [
        VideoEntry("b", "fast", "empty", "", 0, 1),
        VideoEntry("a", "probe", None, "", 9, 8, 7, 2.5, 6, 5, "h264", True),
    ]
    write_manifest(tmp_path / "m.parquet", entries)
    assert list(read_manifest(tmp_path / "m.parquet").values()) == sorted(entries)
    with pytest.raises(UserError, match="not there"):
        read_manifest(tmp_path / "n.parquet")


def test_a_folder_that_is_a_link_outside_is_not_entered(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    encode(tmp_path / "elsewhere" / "a.mp4")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "inside").symlink_to(tmp_path / "elsewhere")
    data = write_records(tmp_path / "data.jsonl", "inside/a.mp4")
    for flags, reason in (([], "a link that leads outside"), (["--follow-links"], None)):
        manifest = tmp_path / f"{len(flags)}.parquet"
        run("--data", data, "--videos", tmp_path / "videos", "--manifest", manifest, *flags)
        assert read_manifest(manifest)["inside/a.mp4"].reason == reason
