"""`videokr fetch`: the same files however often it was killed, nothing outside of its folder, nothing brought twice."""

import fcntl
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_endpoint import REPO, TOKEN, HubEndpoint, serve_hub
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.fetch.contents import Archive, FileError, SourceFile
from data_prep.fetch.extraction import extract
from videokr.__main__ import main
from videokr.errors import exit_status
from videokr.video.paths import resolve_video

REFUSED = 3
SFT, RL = "VideoKR-COT-201K.jsonl", "VideoKR-RL-114K.jsonl"
WHOLE, SPLIT = "Videos/videos_0001.tar", "Videos/videos_0002.tar"
STATE = ".videokr-fetch"


def content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


FIRST = {f"videos_0001/{n} é'.mp4": content(n, 40_000 + n) for n in range(6)}
SECOND = {f"videos_0002/{n}.mp4": content(100 + n, 20_000 + 7 * n) for n in range(6)}
VIDEOS = FIRST | SECOND


def add(tar: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    for field, value in fields.items():
        setattr(info, field, value)
    tar.addfile(info, io.BytesIO(data))


def tar_bytes(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in files.items():
            add(tar, name, data, mode=0o4777, uid=1234)
    return file.getvalue()


def record(video: str) -> str:
    return json.dumps({"id": 1, "question": "What?", "answer": "x", "videos": [video]}) + "\n"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Two annotation files, a whole archive, and one in parts whose ends fall into members and headers."""
    folder = tmp_path / "mirror"
    (folder / "Videos").mkdir(parents=True)
    (folder / SFT).write_text("\ufeff" + "".join(record(name) for name in VIDEOS) * 20, encoding="utf-8")
    (folder / RL).write_text(record("./Videos/videos_0002/1.mp4").rstrip("\n"), encoding="utf-8")
    (folder / "README.md").write_text("the card")
    (folder / WHOLE).write_bytes(tar_bytes({f"./{name}": data for name, data in FIRST.items()}))
    data = tar_bytes({f"Videos/{name}": data for name, data in SECOND.items()})
    for number, at in enumerate(range(0, len(data), 50_001)):
        (folder / f"{SPLIT}.part.a{'abc'[number]}").write_bytes(data[at : at + 50_001])
    return folder


@pytest.fixture
def hub(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubEndpoint]:
    from huggingface_hub import constants, file_download

    with serve_hub(mirror) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(mirror.parent / "hf"))
        monkeypatch.setattr(constants, "ENDPOINT", server.address)  # read from the environment when it was imported
        address = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # of 10 MiB
        monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))  # between its tries
        monkeypatch.setattr("data_prep.fetch.hub.WAITS_SECONDS", (0, 0))
        yield server


def fetch(*flags: object, dataset: str = "train") -> int:
    """In this process; the status."""
    return exit_status(lambda: main(["fetch", dataset, *map(str, flags)]))


def command(*flags: object) -> list[str]:
    return [sys.executable, "-m", "videokr", "fetch", "train", *map(str, flags)]


def kill(process: subprocess.Popen[bytes], when: Callable[[], bool]) -> None:
    while process.poll() is None and not when():
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def tree(folder: Path) -> dict[str, bytes]:
    """Everything but the state, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and STATE not in path.parts
    }


def videos_of(folder: Path) -> dict[str, bytes]:
    """Everything below `Videos` that is no archive."""
    return {path: data for path, data in tree(folder / "Videos").items() if ".tar" not in path}


def test_fetch_from_a_hub_brings_every_byte_once_and_nothing_the_second_time(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    hub.gated = True
    source = {path: data for path, data in tree(mirror).items() if path != "README.md"}
    assert fetch("--to", to, "--dry-run") == 0
    assert not to.exists() and not hub.sent
    said = " ".join(capsys.readouterr().out.split())
    assert f"to bring {sum(map(len, source.values())) // 1000}kB" in said and f"{SPLIT}: to extract" in said
    assert fetch("--to", to) == 0
    said = capsys.readouterr().out
    assert "verified: sha256" in said and "2 annotation files, 12 videos" in said
    assert f"next: videokr check --data {to / SFT} {to / RL} --videos {to}" in said
    assert videos_of(to) == VIDEOS and tree(to).keys() == source.keys() | {f"Videos/{name}" for name in VIDEOS}
    for name in VIDEOS:
        for spelling in (name, f"./{name}", f"Videos/{name}", f"./Videos/{name}"):
            assert resolve_video(spelling, to).read_bytes() == VIDEOS[name]
    assert {path.stat().st_mode & 0o7111 for path in to.rglob("*.mp4")} == {0}, "an archive's modes are not taken"
    stamps = {path: path.stat().st_ctime_ns for path in to.rglob("*") if path.is_file() and path.name != "lock"}
    assert fetch("--to", to) == 0 and "nothing is missing" in capsys.readouterr().out
    assert stamps == {path: path.stat().st_ctime_ns for path in stamps}
    assert hub.sent == {path: len(data) for path, data in source.items()}
    elsewhere = [headers for _, path, headers in hub.requests if path.startswith("/blobs")]
    assert elsewhere and not any("Authorization" in headers for headers in elsewhere)


@pytest.mark.parametrize("layout", ["plain", "links as in the hub's cache", "a link that leads back", "fetched"])
def test_fetch_from_a_folder_reads_archives_in_place(mirror, tmp_path, layout):
    source, to = mirror, tmp_path / "to"
    if layout == "links as in the hub's cache":
        source = tmp_path / "links"
        source.mkdir()
        for name in ("Videos", SFT, RL):
            (source / name).symlink_to(mirror / name)
    elif layout == "a link that leads back":
        (mirror / "a").symlink_to(mirror)
        to = mirror / "to"
    elif layout == "fetched":
        to = mirror
    before = {path: data for path, data in tree(mirror).items() if not path.startswith("to/")}
    for _ in range(2):
        assert fetch("--from", source, "--to", to) == 0
    assert videos_of(to) == VIDEOS and before.items() <= tree(mirror).items()
    if layout != "fetched":
        assert set(tree(to)) == {SFT, RL, *(f"Videos/{name}" for name in VIDEOS)}


def test_fetch_killed_while_it_downloads_goes_on_where_it_was(hub, mirror, tmp_path):
    """With huggingface_hub's own pieces of 10 MiB."""
    big = tar_bytes({"a/0.mp4": content(1, 45 << 20)})
    (mirror / WHOLE).write_bytes(big)
    to, arrived = tmp_path / "to", tmp_path / "to" / "Videos" / ".videos_0001.tar.partial"
    for share in (0.2, 0.5):
        hub.faults = [("none",)] * 2 * (share == 0.2) + [("slow", 60 << 20)] * 2
        process = subprocess.Popen(command("--to", to), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kill(process, lambda share=share: arrived.exists() and arrived.stat().st_size > share * len(big))
        assert not (to / WHOLE).exists()
    hub.faults = []
    there = arrived.stat().st_size
    assert fetch("--to", to) == 0
    assert videos_of(to) == SECOND | {"a/0.mp4": content(1, 45 << 20)} and (to / WHOLE).read_bytes() == big
    ranges = [headers["Range"] for _, path, headers in hub.requests if path == f"/blobs/{WHOLE}"]
    assert len(ranges) == 3 and ranges[-1] == f"bytes={there}-{len(big) - 1}"


def test_fetch_killed_while_it_extracts_leaves_whole_videos_and_ends_the_same(tmp_path):
    mirror, to = tmp_path / "mirror", tmp_path / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    files = {f"a/{n % 50}/{n}.mp4": content(n, 2000 + n % 900) for n in range(5000)}
    (mirror / "Videos" / "a.tar").write_bytes(tar_bytes(files))
    for last in (300, 1500):
        place = to / "Videos" / f"a/{last % 50}/{last}.mp4"
        place.unlink(missing_ok=True)
        process = subprocess.Popen(command("--from", mirror, "--to", to), stdout=-3, stderr=-3)
        kill(process, place.exists)
        assert all(files[name] == data for name, data in videos_of(to).items() if not name.startswith("."))
        assert len(videos_of(to)) < len(files)
    assert fetch("--from", mirror, "--to", to) == 0 and videos_of(to) == files


def test_canary_huggingface_hub_issue_4196_begins_a_file_anew_after_a_kill(hub, mirror, tmp_path):
    """Where this fails, hf_hub_download goes on after a kill, and data_prep/fetch/hub.py may leave downloads to it.

    It did so before 1.18 (pull request 4306).
    """
    small = "huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 1000"  # of its 10 MiB nothing would be written by then
    call = f"huggingface_hub.hf_hub_download({REPO!r}, {WHOLE!r}, repo_type='dataset', local_dir={str(tmp_path)!r})"
    code = [sys.executable, "-c", f"import huggingface_hub.constants; {small}; {call}"]
    hub.faults = [("slow", 200_000)] * 9
    with subprocess.Popen(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        kill(process, lambda: hub.sent[WHOLE] >= 60_000)
    hub.faults, before = [], len(hub.requests)
    assert subprocess.run(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    asked = [headers for kind, path, headers in hub.requests[before:] if (kind, path) == ("GET", f"/blobs/{WHOLE}")]
    assert asked and "Range" not in asked[0]


@pytest.mark.parametrize("then", [("cut", 30_000), ("status", 503), ("no ranges",)])
def test_download_whose_connection_breaks_is_taken_up_again(hub, mirror, tmp_path, then):
    hub.faults = [("none",), ("none",), ("cut", 100_000), then]
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    sent = hub.sent[WHOLE] - (mirror / WHOLE).stat().st_size
    assert 99_000 <= sent <= 100_000 if then[0] == "no ranges" else sent <= 2000


def test_download_larger_than_a_server_gives_is_asked_for_in_pieces(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.fetch.hub.MAX_REQUEST_BYTES", 70_000)
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    asked = [headers["Range"] for _, path, headers in hub.requests if path == f"/blobs/{WHOLE}"]
    assert asked[:2] == ["bytes=0-69999", "bytes=70000-139999"] and len(asked) == 4


@pytest.mark.parametrize(("fault", "says"), [(("cut", 0), "cannot be reached"), (("status", 503), "status 503")])
def test_download_from_a_hub_that_goes_away_goes_on_in_the_next_run(hub, mirror, tmp_path, capsys, fault, says):
    hub.faults = [("none",), ("none",), ("cut", 100_000), *[fault] * 9]
    assert fetch("--to", tmp_path / "to") == 2 and says in capsys.readouterr().err.splitlines()[-1]
    hub.faults = []
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    assert hub.sent[WHOLE] <= (mirror / WHOLE).stat().st_size + 2000


def test_download_of_wrong_bytes_is_not_kept_and_the_others_are_extracted(hub, tmp_path, capsys):
    to = tmp_path / "to"
    hub.faults = [("wrong", 7)]
    assert fetch("--to", to, "--annotations-only") == 2
    assert f"'{SFT}' has other bytes" in capsys.readouterr().err and not tree(to)
    hub.faults = [("none",), ("none",), ("wrong", 1234)]
    assert fetch("--to", to) == 2
    said = capsys.readouterr()
    assert f"'{WHOLE}' has other bytes" in said.err and f"not complete: {WHOLE}\n" in said.out
    assert videos_of(to) == SECOND and not (to / WHOLE).exists()
    assert fetch("--to", to) == 0 and videos_of(to) == VIDEOS


MISTAKES: list[tuple[list[str], dict[str, object], str]] = [
    (["--from", "nobody/nothing"], {}, "'nobody/nothing' is not on the hub"),
    (["--revision", "v9"], {}, "no revision 'v9'"),
    ([], {"gated": True}, "gated: accept its conditions on the hub, and set HF_TOKEN"),
    ([], {"status": 401}, "status 401; look at HF_TOKEN"),
    ([], {"status": 503}, "status 503"),
    ([], {"entries": lambda: [{"no": "entry"}] * 2}, "is no hub"),
    (["--from", "./nowhere"], {}, "is no folder"),
    (["--from", "a//b"], {}, "no name"),
    (["--from", ""], {}, "is no folder"),
    (["--from", __file__], {}, "is no folder"),
    (["--archives", "none*"], {}, "fits no archive; there: Videos/videos_0001.tar, Videos/videos_0002.tar"),
]


@pytest.mark.parametrize(("flags", "settings", "says"), MISTAKES)
def test_mistake_ends_in_one_line_that_shows_no_token(hub, tmp_path, capsys, monkeypatch, flags, settings, says):
    for name, value in settings.items():
        setattr(hub, name, value)
    monkeypatch.setenv("HF_TOKEN", "hf_anotherSecret")
    assert fetch("--to", tmp_path / "to", *flags) == 2
    said = capsys.readouterr()
    assert says in said.err and said.err.count("\n") == 1 and "Secret" not in said.err + said.out
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"HF_ENDPOINT": "no address"}, "HF_ENDPOINT is no address"),
        ({"HF_ENDPOINT": "http://me:hf_Secret@127.0.0.1:9"}, "use HF_TOKEN"),
        ({"HF_TOKEN": "hf_éSecret"}, "HF_TOKEN holds characters"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_mistake_in_the_environment_ends_in_one_line_that_shows_no_token(hub, tmp_path, variables, says):
    environment = {**os.environ, "HF_TOKEN": "hf_Secret", **variables}
    done = subprocess.run(command("--to", tmp_path / "to"), env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert "Secret" not in done.stderr + done.stdout


def member(name: str, **fields: object) -> Callable[[tarfile.TarFile], None]:
    return lambda tar: add(tar, name, b"" if "kind" in fields else b"evil", **fields)  # type: ignore[arg-type]


def sparse(tar: tarfile.TarFile) -> None:
    """A GNU sparse member of 8 GB with 512 bytes in the archive."""
    info = tarfile.TarInfo("a/sparse.mp4")
    info.size, info.type = 512, tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"00000000000\0" + b"00000001000\0"
    header[483:495] = b"77777777777\0"
    resum(header, 0)
    assert tar.fileobj
    tar.fileobj.write(bytes(header) + b"x" * 512)
    tar.offset += 1024


def sparse_pax(tar: tarfile.TarFile) -> None:
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a/s.mp4"}
    data = b"1\n0\n3\n".ljust(512, b"\0") + b"abc"
    add(tar, "a/GNUSparseFile.0/s.mp4", data, pax_headers=fields | {"GNU.sparse.realsize": "8000000000"})


SPECIAL, OUTSIDE = "a link, a device or a sparse file", "a path that leads outside, or is none"
ESCAPES: dict[str, tuple[Callable[[tarfile.TarFile], None], str]] = {
    "..": (member("../outside.mp4"), OUTSIDE),
    ".. further on": (member("a/../../../outside.mp4"), OUTSIDE),
    ".. of Videos": (member("Videos/../../outside.mp4"), OUTSIDE),
    "absolute": (member("/outside.mp4"), OUTSIDE),
    "absolute, doubled": (member("//outside.mp4"), OUTSIDE),
    "no name": (member("."), OUTSIDE),
    "a NUL": (member("a/x", pax_headers={"path": "a/nul\0.mp4"}), OUTSIDE),
    "an archive": (member("videos_0002.tar"), "an archive"),
    "a part": (member("Videos/videos_0002.tar.part.aa"), "an archive"),
    "symbolic link": (member("a/m.mp4", kind=tarfile.SYMTYPE, linkname="/etc/passwd"), SPECIAL),
    "hard link": (member("a/m.mp4", kind=tarfile.LNKTYPE, linkname="../../outside.mp4"), SPECIAL),
    "device": (member("a/m.mp4", kind=tarfile.CHRTYPE), SPECIAL),
    "pipe": (member("a/m.mp4", kind=tarfile.FIFOTYPE), SPECIAL),
    "unknown": (member("a/m.mp4", kind=b"Z"), SPECIAL),
    "sparse": (sparse, SPECIAL),
    "sparse, PAX": (sparse_pax, SPECIAL),
}


@pytest.mark.parametrize("kind", ESCAPES)
def test_malicious_member_is_refused_and_the_rest_is_extracted(tmp_path, capsys, kind):
    write, reason = ESCAPES[kind]
    mirror, to = tmp_path / "mirror", tmp_path / "below" / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    with tarfile.open(mirror / "Videos" / "a.tar", "w") as tar:
        add(tar, "a/0.mp4", b"before")
        write(tar)
        add(tar, "a/1.mp4", b"after")
    for _ in range(2):  # a second run says so again
        assert fetch("--from", mirror, "--to", to) == REFUSED
        said = capsys.readouterr()
        assert f"refused, {reason}: 1\n" in said.out and "in Videos/a.tar" in said.out and not said.err
        assert said.out.count("refused, ") == 1
    assert set(tree(tmp_path)) == {"mirror/Videos/a.tar", f"mirror/{RL}", f"below/to/{RL}",
                                   "below/to/Videos/a/0.mp4", "below/to/Videos/a/1.mp4"}  # fmt: skip
    assert videos_of(to) == {"a/0.mp4": b"before", "a/1.mp4": b"after"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_two_members_that_escape_by_a_link_of_the_first_write_nothing_outside(tmp_path):
    mirror, to = tmp_path / "mirror", tmp_path / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    with tarfile.open(mirror / "Videos" / "a.tar", "w") as tar:
        add(tar, "a", kind=tarfile.SYMTYPE, linkname="../..")
        add(tar, "a/evil.mp4", b"evil")
    assert fetch("--from", mirror, "--to", to) == REFUSED
    assert videos_of(to) == {"a/evil.mp4": b"evil"} and not (tmp_path / "evil.mp4").exists()


def test_link_in_the_folder_that_leads_outside_is_not_written_through(mirror, tmp_path, capsys):
    to, outside = tmp_path / "to", tmp_path / "outside"
    outside.mkdir()
    (to / "Videos").mkdir(parents=True)
    (to / "Videos" / "videos_0001").symlink_to(outside)
    assert fetch("--from", mirror, "--to", to) == 2
    assert "is in the way of" in capsys.readouterr().err and not tree(outside)
    assert {name for name in videos_of(to) if "0002" in name} == set(SECOND), "the other archive is extracted"
    (to / "Videos" / "videos_0001").unlink()
    assert fetch("--from", mirror, "--to", to) == 0 and videos_of(to) == VIDEOS


def test_file_or_folder_in_place_of_another_is_named(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    (to / "Videos" / "videos_0001").mkdir(parents=True)
    (to / "Videos" / "videos_0001" / "0 é'.mp4").mkdir()
    (to / "Videos" / "videos_0002").write_text("a file")
    assert fetch("--from", mirror, "--to", to) == 2
    said = capsys.readouterr().err
    assert f"'{to}/Videos/videos_0001/0 é'.mp4': move it away" in said and "/videos_0002/0.mp4': move it" in said


def test_folder_of_videos_on_another_disk_may_be_a_link(hub, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "Videos").symlink_to(tmp_path / "disk")
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    assert VIDEOS.keys() <= tree(tmp_path / "disk").keys()


@pytest.mark.parametrize("missing", ["aa", "ab"])
def test_missing_part_is_named_before_anything_is_brought(hub, mirror, tmp_path, capsys, missing):
    (mirror / f"{SPLIT}.part.{missing}").unlink()
    assert fetch("--to", tmp_path / "to") == 2
    assert f"part '{SPLIT}.part.{missing}' is not there" in capsys.readouterr().err
    assert not hub.sent and not (tmp_path / "to").exists()
    assert fetch("--to", tmp_path / "to", "--archives", "videos_0001.tar") == 0


def resum(data: bytearray, at: int) -> None:
    """Makes the checksum of a header right again."""
    data[at + 148 : at + 156] = b"        "
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])


FOUR = tar_bytes({f"a/{n}.mp4": bytes([65 + n]) * 1000 for n in range(4)})


def broken(data: bytes) -> dict[str, tuple[bytes, int]]:
    """Archives of four members of 1,536 bytes with their headers, and how many of them are whole."""
    huge, negative, gap = bytearray(data), bytearray(data), bytearray(data)
    for header, size, kind in ((huge, b"77777777777\0", b"x"), (negative, b"\xff" * 11 + b"\0", b"0")):
        header[3072 + 124 : 3072 + 136] = size
        header[3072 + 156 : 3072 + 157] = kind
        resum(header, 3072)
    gap[3072:4608] = bytes(1536)
    longname = bytearray(data[3072:3584])
    longname[124:136], longname[156:157] = b"00000000000\0", b"L"
    resum(longname, 0)
    return {
        "cut in a member": (data[:4000], 2),
        "cut between members": (data[:3072], 2),
        "cut in a header": (data[:3300], 2),
        "without an end": (data[:6144], 4),
        "empty": (b"", 0),
        "zeroed in the middle": (bytes(gap), 2),
        "garbage in a header": (data[:3072] + b"?" * 512 + data[3584:], 2),
        "no archive": (b"<!doctype html>" * 100, 0),
        "an endless header": (bytes(huge), 2),
        "a negative size": (bytes(negative), 2),
        "headers of headers": (data[:3072] + bytes(longname) * 3000 + data[3072:], 2),
        "two archives": (data + bytes(1 << 20) + data, 4),
    }


@pytest.mark.parametrize("kind", broken(FOUR))
def test_broken_archive_is_named_and_the_others_are_extracted(mirror, tmp_path, capsys, kind):
    data, whole = broken(FOUR)[kind]
    (mirror / "Videos" / "a.tar").write_bytes(data)
    for _ in range(2):
        assert fetch("--from", mirror, "--to", tmp_path / "to") == 2
        said = capsys.readouterr()
        assert "archive 'Videos/a.tar' is cut off, damaged or not a .tar" in said.err
        assert "1 of 3 archives could not" in said.err and "not complete: Videos/a.tar" in said.out
        expected = VIDEOS | {f"a/{n}.mp4": bytes([65 + n]) * 1000 for n in range(whole)}
        assert videos_of(tmp_path / "to") == expected
    (mirror / "Videos" / "a.tar").write_bytes(FOUR)
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0
    assert len(videos_of(tmp_path / "to")) == len(VIDEOS) + 4


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(FOUR) - 4097), st.integers(0, 255)), max_size=6), st.booleans())
def test_damaged_archive_ends_in_one_error_and_stays_in_its_folder(changes, is_pax):
    data = bytearray(tar_bytes({"a/é" * 60: b"x" * 700, "a/1": b""}) if is_pax else FOUR)
    for at, value in changes:
        at %= len(data)
        data[at] = value
        if at % 512 < 400:
            resum(data, at - at % 512)
    with tempfile.TemporaryDirectory() as folder:
        root, part = Path(folder) / "below" / "Videos", Path(folder) / "x.tar"
        part.write_bytes(data)
        try:
            done = extract(Archive("x.tar", (SourceFile("x.tar", len(data), ""),)), [part], root, (), "x")
        except FileError:
            pass
        else:
            assert {path: len(found) for path, found in tree(root).items()} == done.videos
        assert {path for path in tree(Path(folder)) if not path.startswith("below/Videos/")} == {"x.tar"}
        assert sum(map(len, tree(root).values())) <= len(data)


@pytest.mark.parametrize("kind", ["a long name", "many members"])
def test_bomb_is_stopped(mirror, tmp_path, capsys, monkeypatch, kind):
    if kind == "many members":
        monkeypatch.setattr("data_prep.fetch.extraction.MAX_MEMBERS", 100)
        (mirror / "Videos" / "b.tar").write_bytes(tar_bytes({f"b/{n}": b"" for n in range(500)}))
        assert fetch("--from", mirror, "--to", tmp_path / "to") == 2
        assert "more than 100 members" in capsys.readouterr().err
        assert len(list((tmp_path / "to" / "Videos" / "b").iterdir())) == 100
        return
    with (mirror / "Videos" / "b.tar").open("wb") as file:  # a name of 4 GiB; the disk holds no such hole
        header = tarfile.TarInfo("././@LongLink")
        header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(5 << 30)
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))  # noqa: E731
    done = subprocess.run(command("--from", mirror, "--to", tmp_path / "to"), capture_output=True, text=True,
                          preexec_fn=limit)  # fmt: skip
    assert done.returncode == 2 and "'Videos/b.tar' is cut off, damaged" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and videos_of(tmp_path / "to") == VIDEOS


@pytest.mark.parametrize("name", ["videos_0.tar.gz", "videos.ZIP", "v.7z", "v.tgz"])
def test_archive_of_a_kind_that_is_not_read_is_named(mirror, tmp_path, capsys, name):
    to = tmp_path / "to"
    (mirror / "Videos" / name).write_bytes(b"compressed")
    assert fetch("--from", mirror, "--to", to) == REFUSED
    assert f"not read: Videos/{name}: unpack it in '{to}/Videos'" in capsys.readouterr().out
    assert videos_of(to) == VIDEOS
    for flags in (["--archives", "videos_000*"], ["--annotations-only"]):  # it is not asked for
        assert fetch("--from", mirror, "--to", to, *flags) == 0 and name not in capsys.readouterr().out


def little_room() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


@pytest.mark.parametrize("is_mirror", [True, False])
def test_full_disk_is_one_line_and_the_next_run_goes_on(hub, mirror, tmp_path, is_mirror):
    flags = ["--to", tmp_path / "to", *(["--from", mirror] if is_mirror else [])]
    done = subprocess.run(command(*flags), capture_output=True, text=True, preexec_fn=little_room)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "make room" in done.stderr, done.stderr
    assert not [data for name, data in tree(tmp_path / "to").items() if VIDEOS.get(name.removeprefix("Videos/")) == b""]
    assert fetch(*flags) == 0 and videos_of(tmp_path / "to") == VIDEOS


def test_disk_that_is_too_small_is_said_before_anything_comes(hub, tmp_path, capsys, monkeypatch):
    to, room = tmp_path / "to", SimpleNamespace(free=700_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: room)
    assert fetch("--to", to) == 2
    said = capsys.readouterr()
    assert "disk needed" in said.out and "700kB are free" in said.err and "(--delete-archives)" in said.err
    assert not hub.sent and not tree(to)
    assert fetch("--to", to, "--delete-archives") == 0 and videos_of(to) == VIDEOS
    room.free = 0
    assert fetch("--to", to) == 0, "where nothing is missing no room is needed"


def test_archive_is_deleted_once_extracted_and_comes_again_for_a_video_that_is_gone(hub, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--to", to, "--delete-archives") == 0
    assert videos_of(to) == VIDEOS and set(tree(to)) == {SFT, RL, *(f"Videos/{name}" for name in VIDEOS)}
    sent = dict(hub.sent)
    assert fetch("--to", to, "--delete-archives") == 0 and fetch("--to", to) == 0 and hub.sent == sent
    (to / "Videos/videos_0002/3.mp4").write_bytes(b"cut")
    (to / "Videos/videos_0002/4.mp4").unlink()
    capsys.readouterr()
    assert fetch("--to", to, "--dry-run") == 0 and "2 videos are gone" in capsys.readouterr().out
    assert fetch("--to", to) == 0 and videos_of(to) == VIDEOS
    assert hub.sent[WHOLE] == sent[WHOLE] and hub.sent[f"{SPLIT}.part.aa"] == 2 * sent[f"{SPLIT}.part.aa"]
    assert fetch("--to", to, "--delete-archives") == 0 and not list(to.rglob("*.tar*.aa")), "as an earlier run left it"


def test_archive_that_changed_on_the_hub_is_extracted_anew(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--to", to, "--delete-archives") == 0
    changed = {name: content(7, len(FIRST[name])) for name in FIRST if "0001/2" in name}
    (mirror / WHOLE).write_bytes(tar_bytes(FIRST | changed))
    hub.commit = "e" * 40
    hub.sent.clear()
    capsys.readouterr()
    assert fetch("--to", to, "--dry-run") == 0 and "another version" in capsys.readouterr().out
    assert fetch("--to", to) == 0 and videos_of(to) == VIDEOS | changed and set(hub.sent) == {WHOLE}
    (mirror / WHOLE).write_bytes(tar_bytes(FIRST))
    assert fetch("--to", to) == 2, "the archive of the version before is there"
    assert f"'{to / WHOLE}' is there, and is not what" in capsys.readouterr().err


@pytest.mark.parametrize("is_mirror", [True, False])
def test_file_that_somebody_changed_is_not_overwritten(hub, mirror, tmp_path, capsys, is_mirror):
    flags = ["--to", tmp_path / "to", "--annotations-only", *(["--from", mirror] if is_mirror else [])]
    assert fetch(*flags) == 0
    for text in (b"edited by hand", (mirror / RL).read_bytes()[::-1]):
        (tmp_path / "to" / RL).write_bytes(text)
        assert fetch(*flags) == 2 and (tmp_path / "to" / RL).read_bytes() == text
        assert f"'{tmp_path / 'to' / RL}' is there, and is not what" in capsys.readouterr().err


def test_file_that_was_downloaded_by_other_means_is_taken(hub, mirror, tmp_path):
    (tmp_path / "to" / "Videos").mkdir(parents=True)
    for path in (SFT, WHOLE):
        (tmp_path / "to" / path).write_bytes((mirror / path).read_bytes())
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    assert SFT not in hub.sent and WHOLE not in hub.sent and RL in hub.sent


def test_parts_of_a_data_set_can_be_chosen(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--to", to, "--annotations-only") == 0 and set(hub.sent) == {SFT, RL}
    assert fetch("--to", to, "--archives", "*_0002.tar") == 0
    assert videos_of(to) == SECOND and WHOLE not in hub.sent
    assert fetch("--to", to, "--archives", WHOLE, "*2.tar") == 0 and videos_of(to) == VIDEOS


def test_video_that_several_archives_have_is_that_of_the_first(mirror, tmp_path, capsys):
    """Also where the first belongs to another data set in the folder, and where one archive has it twice."""
    other, to = tmp_path / "other", tmp_path / "to"
    (other / "Videos").mkdir(parents=True)
    (other / "VideoKR_eval.jsonl").write_text(record("eval/0.mp4"))
    with tarfile.open(other / WHOLE, "w") as tar:  # an archive of the same name
        for name in ("eval/0.mp4", "./eval/0.mp4", "Videos/videos_0002//3.mp4"):
            add(tar, name, name.encode())
    assert fetch("--from", mirror, "--to", to) == 0
    for _ in range(2):
        assert fetch("--from", other, "--to", to, dataset="eval") == REFUSED
        assert "refused, another file of the same path came before: 2\n" in capsys.readouterr().out
        assert fetch("--from", mirror, "--to", to) == 0 and "nothing is missing" in capsys.readouterr().out
    assert videos_of(to) == VIDEOS | {"eval/0.mp4": b"eval/0.mp4"}


def test_one_process_at_a_time_is_at_a_folder(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--from", mirror, "--to", to, "--annotations-only") == 0
    with (to / STATE / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fetch("--from", mirror, "--to", to) == 2 and "in use" in capsys.readouterr().err
        assert not (to / "Videos").exists()


def test_mark_that_cannot_be_read_is_named(mirror, tmp_path, capsys):
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0
    mark = tmp_path / "to" / STATE / "train" / f"{WHOLE}.json"
    mark.write_text("[1]")
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 2 and f"'{mark}'" in capsys.readouterr().err
    mark.unlink()
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0


@pytest.mark.parametrize("path", ["../x.jsonl", "/x.tar", "a/../../x.tar", "..\\x.tar"])
def test_listing_that_leads_outside_is_refused(hub, tmp_path, capsys, path):
    hub.entries = lambda: [{"type": "file", "path": path, "size": 1, "oid": "0" * 40}]  # type: ignore[method-assign]
    assert fetch("--to", tmp_path / "to") == 2 and "leads outside" in capsys.readouterr().err


def test_listing_with_an_archive_both_whole_and_in_parts_is_refused(mirror, tmp_path, capsys):
    (mirror / f"{WHOLE}.part.aa").write_bytes(b"x")
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 2 and "there twice" in capsys.readouterr().err
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--archives", "*2.tar") == 0


def test_folder_has_no_archives_to_delete(mirror, tmp_path, capsys):
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--delete-archives") == 2
    assert "is a folder" in capsys.readouterr().err
