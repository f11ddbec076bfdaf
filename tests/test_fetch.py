"""`videokr fetch`: the same bytes however often it was killed, nothing outside of its folder, nothing brought twice."""

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

import pytest
from hub_endpoint import REPO, TOKEN, HubEndpoint, serve_hub
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.fetch import hub as hub_module
from data_prep.fetch import plan
from data_prep.fetch.contents import Archive, SourceFile, contents_of
from data_prep.fetch.extraction import members
from data_prep.fetch.ledger import Extracted
from data_prep.fetch.member import place_of, refusal_of_name
from data_prep.fetch.part_chain import ArchiveError, PartChain
from data_prep.fetch.plan import ArchiveState, Plan
from videokr.__main__ import main
from videokr.errors import UserError, exit_status
from videokr.videos import resolve_video

REFUSED = 3
SFT, RL = "VideoKR-COT-201K.jsonl", "VideoKR-RL-114K.jsonl"
WHOLE, SPLIT = "Videos/videos_0001.tar", "Videos/videos_0002.tar"
STATE = ".videokr-fetch"


def content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


VIDEOS = {f"videos_0001/{n} é'.mp4": content(n, 40_000 + n) for n in range(6)} | {
    f"videos_0002/{n}.mp4": content(100 + n, 20_000 + 7 * n) for n in range(6)
}


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


def write_split(folder: Path, name: str, data: bytes, part_bytes: int) -> None:
    for number, at in enumerate(range(0, len(data), part_bytes)):
        suffix = chr(97 + number // 26) + chr(97 + number % 26)
        (folder / f"{name}.part.{suffix}").write_bytes(data[at : at + part_bytes])


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Two annotation files, a whole archive, and one in parts whose ends fall into members and headers."""
    folder = tmp_path / "mirror"
    (folder / "Videos").mkdir(parents=True)
    (folder / SFT).write_text("\ufeff" + "".join(record(name) for name in VIDEOS) * 20, encoding="utf-8")
    (folder / RL).write_text(record("./Videos/videos_0002/1.mp4").rstrip("\n"), encoding="utf-8")
    (folder / "README.md").write_text("the card")
    first = {f"./{name}": data for name, data in VIDEOS.items() if "0001" in name}
    second = {f"Videos/{name}": data for name, data in VIDEOS.items() if "0002" in name}
    (folder / WHOLE).write_bytes(tar_bytes(first))
    write_split(folder, SPLIT, tar_bytes(second), 50_001)
    return folder


@pytest.fixture
def hub(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubEndpoint]:
    from huggingface_hub import constants

    with serve_hub(mirror) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(mirror.parent / "hf"))
        monkeypatch.setattr(constants, "ENDPOINT", server.address)  # read from the environment when it was imported
        address = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        monkeypatch.setattr(hub_module, "WAITS_SECONDS", (0.01, 0.01))
        yield server


def fetch(*flags: object, dataset: str = "train") -> int:
    """In this process; the status."""
    return exit_status(lambda: main(["fetch", dataset, *map(str, flags)]))


def command(*flags: object) -> list[str]:
    return [sys.executable, "-m", "videokr", "fetch", "train", *map(str, flags)]


def run(*flags: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*flags), capture_output=True, text=True, check=False, **settings)  # type: ignore


def videos_of(folder: Path) -> dict[str, bytes]:
    """Everything below `Videos` that is no archive."""
    root = folder / "Videos"
    files = [path for path in root.rglob("*") if path.is_file() and ".tar" not in path.name]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def tree(folder: Path) -> dict[str, bytes]:
    """Everything but the state, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and STATE not in path.parts
    }


def test_a_mirror_is_read_in_place(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    before = tree(mirror)
    assert fetch("--from", mirror, "--to", to, "--json", tmp_path / "report.json") == 0
    assert videos_of(to) == VIDEOS and tree(mirror) == before
    assert set(tree(to)) == {SFT, RL, *(f"Videos/{name}" for name in VIDEOS)}
    said = capsys.readouterr().out
    assert f"{SFT}: 240 records" in said and "2 annotation files with 241 records, 12 videos" in said
    assert "README.md" in said and f"next: videokr check --data {to / SFT}" in said
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["videos"] == 12 and report["video_bytes"] == sum(map(len, VIDEOS.values()))
    for name in VIDEOS:
        for spelling in (name, f"./{name}", f"Videos/{name}", f"./Videos/{name}"):
            assert resolve_video(spelling, to).read_bytes() == VIDEOS[name]
    modes = {path.stat().st_mode & 0o7111 for path in (to / "Videos").rglob("*.mp4")}
    assert modes == {0}, "an archive's modes are not taken"


def test_a_second_run_does_nothing_and_says_so(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    fetch("--from", mirror, "--to", to)
    stamps = {path: path.stat() for path in to.rglob("*") if path.is_file() and path.name != "lock"}
    capsys.readouterr()
    assert fetch("--from", mirror, "--to", to) == 0
    assert "nothing is missing" in (said := capsys.readouterr().out) and "0 videos extracted" in said
    assert stamps == {path: path.stat() for path in stamps}


def test_only_what_is_gone_is_extracted_again(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    fetch("--from", mirror, "--to", to)
    gone, *rest = sorted((to / "Videos").rglob("*.mp4"))
    gone.unlink()
    rest[-1].write_bytes(b"cut")
    stamps = [path.stat() for path in rest[:-1]]
    capsys.readouterr()
    assert fetch("--from", mirror, "--to", to) == 0
    assert videos_of(to) == VIDEOS and [path.stat() for path in rest[:-1]] == stamps
    assert "2 videos extracted" in capsys.readouterr().out
    assert fetch("--from", mirror, "--to", to) == 0 and "nothing is missing" in capsys.readouterr().out


def test_a_hub_gives_every_byte_once(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    hub.gated = True
    assert fetch("--to", to, "--dry-run") == 0
    assert not to.exists() and not hub.sent
    said = capsys.readouterr().out
    source = {path: data for path, data in tree(mirror).items() if path != "README.md"}
    assert f"to download {sum(map(len, source.values())) / 1000:.1f} kB" in " ".join(said.split())
    assert "with --delete-archives" in said and f"{SPLIT} (3 parts)" in said
    assert fetch("--to", to) == 0
    said = capsys.readouterr().out
    assert videos_of(to) == VIDEOS and "verified: sha256" in said and "12 videos" in said
    assert {path: data for path, data in tree(to).items() if path in source} == source
    assert hub.sent == {path: len(data) for path, data in source.items()}
    assert fetch("--to", to) == 0 and "nothing is missing" in capsys.readouterr().out
    assert hub.sent == {path: len(data) for path, data in source.items()}
    elsewhere = [headers for _, path, headers in hub.requests if path.startswith("/blobs")]
    assert elsewhere and not any("Authorization" in headers for headers in elsewhere)


def test_what_was_downloaded_serves_as_a_mirror(hub, tmp_path):
    assert fetch("--to", tmp_path / "first") == 0
    assert fetch("--from", tmp_path / "first", "--to", tmp_path / "second") == 0
    assert videos_of(tmp_path / "second") == VIDEOS
    hub.sent.clear()
    assert fetch("--from", tmp_path / "second", "--to", tmp_path / "third") == 0
    assert set(tree(tmp_path / "third")) == {SFT, RL}


def test_a_mirror_that_is_the_folder_itself(mirror, capsys):
    before = tree(mirror)
    assert fetch("--from", mirror, "--to", mirror) == 0
    assert videos_of(mirror) == VIDEOS and before.items() <= tree(mirror).items()
    capsys.readouterr()
    assert fetch("--from", mirror, "--to", mirror) == 0 and "nothing is missing" in capsys.readouterr().out


@pytest.mark.parametrize("fault", [("cut", 100_000), ("status", 503), ("no ranges",)])
def test_a_connection_that_breaks_is_taken_up_again(hub, mirror, tmp_path, fault):
    hub.faults = [("none",), ("none",), fault, ("cut", 30_000)]
    assert fetch("--to", tmp_path / "to") == 0
    assert videos_of(tmp_path / "to") == VIDEOS
    if fault[0] == "cut":
        assert hub.sent[WHOLE] == (mirror / WHOLE).stat().st_size


def test_a_server_that_begins_anew_when_asked_to_go_on(hub, mirror, tmp_path):
    hub.faults = [("none",), ("none",), ("cut", 100_000), ("no ranges",)]
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    assert hub.sent[WHOLE] == 100_000 + (mirror / WHOLE).stat().st_size


def test_a_hub_that_goes_away_is_one_line_and_the_next_run_goes_on(hub, mirror, tmp_path, capsys):
    hub.faults = [("none",), ("none",), ("cut", 100_000), *[("cut", 0)] * 3]
    assert fetch("--to", tmp_path / "to") == 2
    error = capsys.readouterr().err
    assert "cannot be reached" in error and "goes on" in error and "Traceback" not in error
    hub.faults = []
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    assert hub.sent[WHOLE] == (mirror / WHOLE).stat().st_size


def test_large_files_are_asked_for_in_pieces(hub, mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_module, "PIECE_BYTES", 70_000)
    assert fetch("--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS
    asked = [headers["Range"] for _, path, headers in hub.requests if path == f"/blobs/{WHOLE}"]
    assert asked[:2] == ["bytes=0-69999", "bytes=70000-139999"] and len(asked) == 4


def test_killed_and_killed_again_while_it_downloads(hub, mirror, tmp_path):
    to = tmp_path / "to"
    assert fetch("--to", tmp_path / "straight") == 0
    hub.sent.clear()
    size = (mirror / WHOLE).stat().st_size
    for share in (0.3, 0.6):
        hub.faults = [("slow", 200_000)] * 9
        process = subprocess.Popen(command("--to", to), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and there(to / "Videos") < size * share:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (to / WHOLE).exists() and there(to / "Videos") >= size * share
    hub.faults = []
    assert fetch("--to", to) == 0
    assert tree(to) == tree(tmp_path / "straight")
    assert size <= hub.sent[WHOLE] < 1.5 * size, "what had come is not sent again, but for what was on its way"


def test_canary_huggingface_hub_issue_4196_begins_a_file_anew_after_a_kill(hub, mirror, tmp_path):
    """Where this fails, hf_hub_download goes on after a kill, and data_prep/fetch/hub.py may leave downloads to it.

    It did so before 1.18 (pull request 4306).
    """
    small = "huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 1000"  # of its 10 MiB nothing would be written by then
    call = f"huggingface_hub.hf_hub_download({REPO!r}, {WHOLE!r}, repo_type='dataset', local_dir={str(tmp_path)!r})"
    code = [sys.executable, "-c", f"import huggingface_hub.constants; {small}; {call}"]
    hub.faults = [("slow", 200_000)] * 9
    with subprocess.Popen(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and hub.sent[WHOLE] < 60_000:
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    hub.faults, before = [], len(hub.requests)
    assert subprocess.run(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    asked = [headers for kind, path, headers in hub.requests[before:] if (kind, path) == ("GET", f"/blobs/{WHOLE}")]
    assert asked and "Range" not in asked[0]


def there(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob(".*.partial"))


def test_killed_and_killed_again_while_it_extracts(tmp_path):
    mirror, to = tmp_path / "mirror", tmp_path / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    files = {f"a/{n % 50}/{n}.mp4": content(n, 300 + n % 900) for n in range(3000)}
    files |= {"a/0/../b": b"", "a/7.mp4": b"the first", "a/7.mp4 ": b""}
    data = tar_bytes(files)
    again = io.BytesIO()
    with tarfile.open(fileobj=again, mode="w") as tar:
        add(tar, "a/7/7.mp4", b"the first one stays")
    write_split(mirror / "Videos", "a.tar", data[:-1024].rstrip(b"\0") + bytes(-len(data[:-1024].rstrip(b"\0")) % 512)
                + again.getvalue(), 777_777)  # fmt: skip
    assert fetch("--from", mirror, "--to", tmp_path / "straight") == REFUSED
    ledger = to / STATE / "train" / "archives" / "Videos" / "a.tar.jsonl"
    kept = 0
    for _ in range(2):
        process = subprocess.Popen(command("--from", mirror, "--to", to), stdout=-3, stderr=-3)
        while process.poll() is None and (not ledger.exists() or ledger.stat().st_size < kept + 40_000):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        kept = ledger.stat().st_size
        with ledger.open("ab") as file:  # as if the kill had come in the middle of a line
            file.write(b'{"video": "a/')
    assert fetch("--from", mirror, "--to", to) == REFUSED
    assert tree(to) == tree(tmp_path / "straight") and tree(to)["Videos/a/7/7.mp4"] == files["a/7/7.mp4"]
    assert ledger.read_bytes() == (tmp_path / "straight" / ledger.relative_to(to)).read_bytes()


def test_wrong_bytes_are_not_kept(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    hub.faults = [("none",), ("none",), ("wrong", 1234)]
    assert fetch("--to", to) == 2
    error = capsys.readouterr().err
    assert WHOLE in error and "other bytes" in error
    assert not (to / WHOLE).exists() and not there(to / "Videos")
    assert set(videos_of(to)) == {name for name in VIDEOS if "0002" in name}, "the other archive is extracted"
    assert fetch("--to", to) == 0 and videos_of(to) == VIDEOS


def test_wrong_bytes_of_an_annotation_file(hub, tmp_path, capsys):
    hub.faults = [("wrong", 7)]
    assert fetch("--to", tmp_path / "to", "--annotations-only") == 2
    assert SFT in capsys.readouterr().err and not (tmp_path / "to" / SFT).exists()


@pytest.mark.parametrize(
    ("flags", "settings", "says"),
    [
        (["--from", "nobody/nothing"], {}, "'nobody/nothing' is not on the hub"),
        (["--revision", "v9"], {}, "no revision 'v9'"),
        ([], {"gated": True}, "gated"),
        ([], {"status": 401}, "refuses the token (401)"),
        ([], {"status": 503}, "status 503"),
        (["--from", "./nowhere"], {}, "is not there"),
        (["--from", "a//b"], {}, "no name"),
        (["--archives", "none*"], {}, "fits no archive; there: Videos/videos_0001.tar, Videos/videos_0002.tar"),
        (["--max-members", "0"], {}, "positive"),
        (["--json", "report.txt"], {}, "call it NAME.json"),
        (["--json", "."], {}, "it is a folder"),
        (["--from", ""], {}, "--from is empty"),
    ],
)
def test_mistakes_end_in_one_line_that_shows_no_token(hub, tmp_path, capsys, monkeypatch, flags, settings, says):
    for name, value in settings.items():
        setattr(hub, name, value)
    monkeypatch.setenv("HF_TOKEN", "hf_anotherSecret")
    assert fetch("--to", tmp_path / "to", *flags) == 2
    said = capsys.readouterr()
    assert says in said.err and said.err.count("\n") == 1 and "Secret" not in said.err + said.out
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("no address", "HF_ENDPOINT is no address"),
        ("http://me:hf_secretOfTheTest@127.0.0.1:9", "use HF_TOKEN"),
    ],
)
def test_a_hub_that_is_not_there(tmp_path, address, says):
    done = run("--to", tmp_path, env={**os.environ, "HF_ENDPOINT": address, "HF_TOKEN": TOKEN})
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert TOKEN not in done.stderr


def malicious(name: str, **fields: object) -> Callable[[tarfile.TarFile], None]:
    return lambda tar: add(tar, name, b"" if "kind" in fields else b"evil", **fields)  # type: ignore


def sparse(tar: tarfile.TarFile) -> None:
    """A GNU sparse member of 8 GB with 512 bytes in the archive."""
    info = tarfile.TarInfo("a/sparse.mp4")
    info.size, info.type = 512, tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"00000000000\0" + b"00000001000\0"
    header[483:495] = b"77777777777\0"
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    tar.fileobj.write(bytes(header) + b"x" * 512)
    tar.offset += 1024


def sparse_pax(tar: tarfile.TarFile) -> None:
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a/s.mp4"}
    data = b"1\n0\n3\n".ljust(512, b"\0") + b"abc"
    add(tar, "a/GNUSparseFile.0/s.mp4", data, pax_headers=fields | {"GNU.sparse.realsize": "8000000000"})


REFUSALS = {
    "../outside.mp4": "a path with ..",
    "a/../../../outside.mp4": "a path with ..",
    "a/..": "a path with ..",
    "/outside.mp4": "an absolute path",
    "//outside.mp4": "an absolute path",
    "..\\outside.mp4": "a Windows path",
    "C:/outside.mp4": "a Windows path",
    "c:outside.mp4": "a Windows path",
    "": "a name that no file can have",
    ".": "a name that no file can have",
    "./Videos": "a name that no file can have",
    "a/\udcff.mp4": "a name that no file can have",
    "a/.videokr-fetch.partial": "a name that no file can have",
    "x" * 256 + ".mp4": "a name that is too long",
    "long/" * 300 + "x.mp4": "a name that is too long",
    "videos_0002.tar": "an archive",
    "Videos/videos_0002.tar.part.aa": "an archive",
}
KINDS = {
    "symbolic link": ({"kind": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link"),
    "hard link": ({"kind": tarfile.LNKTYPE, "linkname": "../../outside.mp4"}, "a link"),
    "character device": ({"kind": tarfile.CHRTYPE}, "a device or a pipe"),
    "block device": ({"kind": tarfile.BLKTYPE}, "a device or a pipe"),
    "pipe": ({"kind": tarfile.FIFOTYPE}, "a device or a pipe"),
    "unknown": ({"kind": b"Z"}, "a kind that is unknown"),
}
MALICIOUS = {repr(name)[:40]: (malicious(name), reason) for name, reason in REFUSALS.items()}
MALICIOUS |= {kind: (malicious("a/m.mp4", **fields), reason) for kind, (fields, reason) in KINDS.items()}
MALICIOUS["a NUL"] = malicious("a/x", pax_headers={"path": "a/nul\0.mp4"}), "a name that no file can have"
MALICIOUS |= {"sparse": (sparse, "a sparse file"), "sparse, PAX": (sparse_pax, "a sparse file")}


@pytest.mark.parametrize("kind", MALICIOUS)
def test_a_malicious_member_is_refused_and_the_rest_is_extracted(tmp_path, capsys, kind):
    write, reason = MALICIOUS[kind]
    mirror, to = tmp_path / "mirror", tmp_path / "below" / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    with tarfile.open(mirror / "Videos" / "a.tar", "w", errors="surrogateescape") as tar:
        add(tar, "a/0.mp4", b"before")
        write(tar)
        add(tar, "a/1.mp4", b"after")
    for _ in range(2):  # a second run says so again
        assert fetch("--from", mirror, "--to", to, "--json", tmp_path / "r.json") == REFUSED
        said = capsys.readouterr()
        assert f"refused, {reason}: 1\n" in said.out and "in Videos/a.tar" in said.out and not said.err
        refused = json.loads((tmp_path / "r.json").read_text())["refused"]
        assert refused[reason]["count"] == 1 and len(refused) == 1
    assert videos_of(to) == {"a/0.mp4": b"before", "a/1.mp4": b"after"}
    assert set(tree(tmp_path)) == {"mirror/Videos/a.tar", f"mirror/{RL}", f"below/to/{RL}", "r.json",
                                   "below/to/Videos/a/0.mp4", "below/to/Videos/a/1.mp4"}  # fmt: skip
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_links_in_the_folder_are_not_followed(mirror, tmp_path, capsys):
    to, outside = tmp_path / "to", tmp_path / "outside"
    outside.mkdir()
    (outside / "0.mp4").write_bytes(b"mine")
    (to / "Videos" / "videos_0002").mkdir(parents=True)
    (to / "Videos" / "videos_0001").symlink_to(outside)
    (to / "Videos" / "videos_0002" / "0.mp4").symlink_to(outside / "0.mp4")
    (to / "Videos" / "videos_0002" / "1.mp4").mkdir()
    assert fetch("--from", mirror, "--to", to) == REFUSED
    assert "refused, a link, file or folder is in its way: 7" in capsys.readouterr().out
    assert tree(outside) == {"0.mp4": b"mine"}
    assert not (to / "Videos/videos_0002/0.mp4").is_symlink(), "a link in a video's own place is replaced"
    assert videos_of(to).items() >= {(name, VIDEOS[name]) for name in VIDEOS if "0002/1" not in name and "0002" in name}


def test_what_stands_where_a_video_was_is_told(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--from", mirror, "--to", to) == 0
    (to / "Videos" / "videos_0002" / "1.mp4").unlink()
    (to / "Videos" / "videos_0002" / "1.mp4").mkdir()
    capsys.readouterr()
    assert fetch("--from", mirror, "--to", to) == REFUSED
    said = capsys.readouterr().out
    assert f"not complete, 5 videos there: archive '{SPLIT} (3 parts)': something stands in place of 1 video\n" in said


def test_a_link_in_place_of_the_folder_of_videos(hub, mirror, tmp_path, capsys):
    (tmp_path / "outside").mkdir()
    for source in ((), ("--from", mirror)):
        to = tmp_path / f"to{len(source)}"
        to.mkdir()
        (to / "Videos").symlink_to(tmp_path / "outside")
        assert fetch("--to", to, *source) == 2 and "is a link" in capsys.readouterr().err
    assert not tree(tmp_path / "outside")


@pytest.mark.parametrize("missing", ["aa", "ab"])
def test_a_missing_part_is_named_before_anything_is_brought(hub, mirror, tmp_path, capsys, missing):
    (mirror / f"{SPLIT}.part.{missing}").unlink()
    for source in ((), ("--from", mirror)):
        assert fetch("--to", tmp_path / "to", *source) == 2
        assert f"part '{SPLIT}.part.{missing}' is not there" in capsys.readouterr().err
    assert not hub.sent and not (tmp_path / "to").exists()
    assert fetch("--to", tmp_path / "to", "--archives", "videos_0001.tar") == 0


def test_a_missing_last_part_is_an_archive_cut_off(mirror, tmp_path, capsys):
    (mirror / f"{SPLIT}.part.ac").unlink()
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 2
    assert f"'{SPLIT} (2 parts)' is cut off at byte 100,002" in capsys.readouterr().err


def broken(data: bytes) -> dict[str, tuple[bytes, str, int]]:
    """Archives of four members of 1,536 bytes with their headers; what is said, and how many are extracted."""
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
        "cut in a member": (data[:4000], "cut off", 2),
        "cut between members": (data[:3072], "cut off", 2),
        "cut in a header": (data[:3300], "cut off", 2),
        "without an end": (data[:6144], "cut off", 4),
        "empty": (b"", "cut off", 0),
        "zeroed in the middle": (bytes(gap) + bytes(2 << 20), "damaged", 2),
        "garbage in a header": (data[:3072] + b"?" * 512 + data[3584:], "damaged", 2),
        "garbage": (b"<!doctype html>" * 100, "damaged", 0),
        "a little garbage": (b"<html/>", "damaged or not a .tar: no member begins at byte 0", 0),
        "a block of garbage": (b"<!doctype html> " * 32, "damaged or not a .tar", 0),
        "cut in a header of a header": (tar_bytes({"a/é" * 60: b""})[:700], "cut off", 0),
        "an endless header": (bytes(huge), "damaged", 2),
        "a negative size": (bytes(negative), "damaged", 2),
        "headers of headers": (data[:3072] + bytes(longname) * 3000 + data[3072:], "damaged", 2),
        "two archives": (data + bytes(1 << 20) + data, "damaged", 4),
    }


def resum(data: bytearray, at: int) -> None:
    data[at + 148 : at + 156] = b"        "
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])


FOUR = tar_bytes({f"a/{n}.mp4": bytes([65 + n]) * 1000 for n in range(4)})


@pytest.mark.parametrize("kind", broken(FOUR))
def test_a_broken_archive_is_named_and_the_others_are_extracted(mirror, tmp_path, capsys, kind):
    data, says, whole = broken(FOUR)[kind]
    (mirror / "Videos" / "a.tar").write_bytes(data)
    for number in range(2):
        assert fetch("--from", mirror, "--to", tmp_path / "to", "--json", tmp_path / "r.json") == 2
        said = capsys.readouterr()
        assert f"archive 'Videos/a.tar' is {says}" in said.err and "1 of 3 archives could not" in said.err
        assert "Traceback" not in said.err
        assert f"{0 if number else whole + len(VIDEOS)} videos extracted\n" in said.out
        assert f"not complete, {whole} videos there: archive 'Videos/a.tar' is {says}" in said.out
        assert "something stands" not in said.out
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["extracted_now"] == (0 if number else whole + len(VIDEOS))
        assert [archive["videos"] for archive in report["archives"]] == [whole, 6, 6]
        assert says in report["archives"][0]["reason"] and report["archives"][1]["reason"] is None
    assert videos_of(tmp_path / "to") == VIDEOS | {f"a/{n}.mp4": bytes([65 + n]) * 1000 for n in range(whole)}
    (mirror / "Videos" / "a.tar").write_bytes(FOUR)
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0
    assert len(videos_of(tmp_path / "to")) == len(VIDEOS) + 4


def test_a_compressed_archive_is_left_where_it_is(mirror, tmp_path, capsys):
    with tarfile.open(mirror / "Videos" / "b.tar.gz", "w:gz") as tar:
        add(tar, "b/0.mp4", content(1, 5000))
    (mirror / "Videos" / "b.tar").write_bytes((mirror / "Videos" / "b.tar.gz").read_bytes())
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 2
    said = capsys.readouterr()
    assert "Videos/b.tar.gz" in said.out and "'Videos/b.tar' is damaged or not a .tar" in said.err


UNREAD = [
    "videos_0.tar.gz",
    "videos_0.tgz",
    "videos.ZIP",
    "v.zip.001",
    "v.tar.zst.part.aa",
    "v.tar.001",
    "v.TAR",
    "v.7z",
]


@pytest.mark.parametrize("name", UNREAD)
def test_an_archive_of_a_kind_that_is_not_read_is_named(mirror, tmp_path, capsys, name):
    to = tmp_path / "to"
    (mirror / "Videos" / name).write_bytes(b"compressed")
    for _ in range(2):
        assert fetch("--from", mirror, "--to", to, "--json", tmp_path / "r.json") == REFUSED
        said = capsys.readouterr().out
        assert f"not read, no .tar: 1 archive (Videos/{name})" in said and f"unpack in '{to}/Videos'" in said
        assert json.loads((tmp_path / "r.json").read_text())["not_read"] == [f"Videos/{name}"]
    assert videos_of(to) == VIDEOS
    for flags in (["--archives", "videos_000*"], ["--annotations-only"]):  # it is not asked for
        assert fetch("--from", mirror, "--to", to, *flags) == 0 and name not in capsys.readouterr().out
    for path in (mirror / "Videos").glob("*.tar*"):
        path.unlink(missing_ok=path.name != name)
    (mirror / "Videos" / name).write_bytes(b"compressed")
    assert fetch("--from", mirror, "--to", tmp_path / "alone", "--archives", name) == REFUSED
    assert "0 archives of videos" in capsys.readouterr().out


def test_files_that_only_remind_of_archives_are_left_there(mirror, tmp_path, capsys):
    for name in ("a.tar.md5", "a.tar.sha256", "a.tar.txt", "a.mp4.gz", "tar", "zip", "target.md"):
        (mirror / name).write_bytes(b"x")
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0
    assert "left there: 8 other files" in capsys.readouterr().out


def test_a_file_in_place_of_a_source(mirror, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fetch("--from", f"mirror/{RL}", "--to", "to") == 2
    said = capsys.readouterr().err
    assert f"--from 'mirror/{RL}' is a file, not a folder" in said and said.count("\n") == 1
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    "place",
    ["mirror/own.json", "mirror/Videos/videos_0001.tar", "mirror/new.json", "to/Videos/videos_0002/0.mp4", "to/x.json",
     "to/Videos/new.json", "link.json", "to/.videokr-fetch/train/files.json"],
)  # fmt: skip
def test_a_report_is_written_over_nothing_that_is_read_or_brought(mirror, tmp_path, capsys, place):
    (mirror / "own.json").write_text("[]")
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("[]")
    (mirror / "linked.json").symlink_to(elsewhere)
    (tmp_path / "link.json").symlink_to(elsewhere)
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0
    before = tree(tmp_path)
    capsys.readouterr()
    for flags in ([], ["--dry-run"]):
        assert fetch("--from", mirror, "--to", tmp_path / "to", "--json", tmp_path / place, *flags) == 2
        said = capsys.readouterr()
        assert place.rpartition("/")[2] in said.err and said.err.count("\n") == 1 and not said.out
    assert tree(tmp_path) == before


def test_a_bomb_of_small_files_is_stopped(mirror, tmp_path, capsys):
    (mirror / "Videos" / "b.tar").write_bytes(tar_bytes({f"b/{n}": b"" for n in range(500)}))
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--max-members", 100) == 2
    assert "more than 100 members" in capsys.readouterr().err
    assert len(list((tmp_path / "to" / "Videos" / "b").iterdir())) == 100
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--max-members", 500) == 0
    assert len(list((tmp_path / "to" / "Videos" / "b").iterdir())) == 500


def little_room() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


@pytest.mark.parametrize("is_mirror", [True, False])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(hub, mirror, tmp_path, is_mirror):
    flags = ["--to", tmp_path / "to", *(["--from", mirror] if is_mirror else [])]
    done = run(*flags, preexec_fn=little_room)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "make room" in done.stderr, done.stderr
    assert len(videos_of(tmp_path / "to")) < len(VIDEOS)
    assert all(VIDEOS.get(name) == data for name, data in videos_of(tmp_path / "to").items())
    assert fetch(*flags) == 0 and videos_of(tmp_path / "to") == VIDEOS
    if not is_mirror:
        first, second = (headers["Range"] for _, path, headers in hub.requests if path == f"/blobs/{WHOLE}")
        assert first == "bytes=0-255999" and second == "bytes=30000-255999"


def test_a_disk_that_is_too_small_is_said_before_anything_starts(hub, tmp_path, capsys, monkeypatch):
    to = tmp_path / "to"
    room = [700_000]
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda path: Usage(room[0]))
    assert fetch("--to", to) == 2
    said = capsys.readouterr()
    assert "disk needed" in said.out and "700.0 kB are free" in said.err and "with --delete-archives" in said.err
    assert not hub.sent and not tree(to)
    assert fetch("--to", to, "--delete-archives") == 0 and videos_of(to) == VIDEOS
    room[0] = 0
    assert fetch("--to", to) == 0, "where nothing is missing no room is needed"


class Usage:
    def __init__(self, free: int):
        self.free = free


def test_an_archive_is_deleted_once_extracted_and_not_downloaded_again(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--to", to, "--delete-archives") == 0
    assert videos_of(to) == VIDEOS and set(tree(to)) == {SFT, RL, *(f"Videos/{name}" for name in VIDEOS)}
    sent = dict(hub.sent)
    assert fetch("--to", to, "--delete-archives") == 0 and fetch("--to", to) == 0 and hub.sent == sent
    (to / "Videos/videos_0002/3.mp4").unlink()
    capsys.readouterr()
    assert fetch("--to", to, "--delete-archives") == 0
    assert videos_of(to) == VIDEOS and "1 video extracted" in capsys.readouterr().out
    assert hub.sent[WHOLE] == sent[WHOLE] and hub.sent[f"{SPLIT}.part.aa"] == 2 * sent[f"{SPLIT}.part.aa"]


def test_archives_of_an_earlier_run_are_deleted_when_asked_for(hub, tmp_path):
    assert fetch("--to", tmp_path / "to") == 0 and (tmp_path / "to" / WHOLE).exists()
    assert fetch("--to", tmp_path / "to", "--delete-archives") == 0
    assert not list((tmp_path / "to").rglob("*.tar*.aa")) and not (tmp_path / "to" / WHOLE).exists()


@pytest.mark.parametrize("flags", [[], ["--delete-archives"]])
def test_an_archive_that_changed_is_brought_and_extracted_anew(hub, mirror, tmp_path, capsys, flags):
    to = tmp_path / "to"
    assert fetch("--to", to, *flags) == 0
    changed = {name: content(7, 5000) for name in VIDEOS if "0001/2" in name}
    (mirror / WHOLE).write_bytes(tar_bytes({name: changed.get(name, data) for name, data in VIDEOS.items()
                                            if "0001" in name}))  # fmt: skip
    (mirror / SFT).write_text(record("videos_0001/x.mp4"))
    hub.commit = "e" * 40
    hub.sent.clear()
    capsys.readouterr()
    assert fetch("--to", to, *flags) == 0
    assert "another version" in capsys.readouterr().out
    assert videos_of(to) == VIDEOS | changed and (to / SFT).read_bytes() == (mirror / SFT).read_bytes()
    assert set(hub.sent) == {WHOLE, SFT}


def test_what_somebody_changed_is_not_overwritten(hub, mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--to", to, "--annotations-only") == 0
    (to / RL).write_text("edited by hand")
    for source in ((), ("--from", mirror)):
        assert fetch("--to", to, "--annotations-only", *source) == 2
        assert f"'{to / RL}' is there, and is not what" in capsys.readouterr().err
    assert (to / RL).read_text() == "edited by hand"
    (to / RL).write_bytes((mirror / RL).read_bytes()[::-1])
    assert fetch("--to", to, "--annotations-only") == 2 and (to / RL).read_bytes() != (mirror / RL).read_bytes()


def test_what_was_downloaded_by_other_means_is_taken(hub, mirror, tmp_path):
    to = tmp_path / "to"
    (to / "Videos").mkdir(parents=True)
    for path in (SFT, WHOLE):
        (to / path).write_bytes((mirror / path).read_bytes())
    assert fetch("--to", to) == 0 and videos_of(to) == VIDEOS
    assert SFT not in hub.sent and WHOLE not in hub.sent and RL in hub.sent


def test_parts_of_it_can_be_chosen(hub, tmp_path):
    to = tmp_path / "to"
    assert fetch("--to", to, "--config", "RL-114K", "--annotations-only") == 0 and set(hub.sent) == {RL}
    assert fetch("--to", to, "--config", "RL-114K", "--archives", "*_0002.tar") == 0
    assert videos_of(to) == {name: data for name, data in VIDEOS.items() if "0002" in name} and WHOLE not in hub.sent
    assert fetch("--to", to, "--archives", WHOLE, "*2.tar") == 0 and videos_of(to) == VIDEOS


def test_eval_has_no_configs(mirror, tmp_path, capsys):
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--config", "RL-114K", dataset="eval") == 2
    assert "--config" in capsys.readouterr().err
    (mirror / RL).unlink()
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--config", "RL-114K") == 2
    assert f"no '{RL}' in it; annotation files there: {SFT}" in capsys.readouterr().err
    (mirror / SFT).unlink()
    assert fetch("--from", mirror, "--to", tmp_path / "to", dataset="eval") == 2
    assert "no annotation file" in capsys.readouterr().err


def test_one_process_at_a_time(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    assert fetch("--from", mirror, "--to", to, "--annotations-only") == 0
    with (to / STATE / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fetch("--from", mirror, "--to", to) == 2 and "in use" in capsys.readouterr().err
        assert not (to / "Videos").exists()


def test_a_mirror_has_no_archives_to_delete(mirror, tmp_path, capsys):
    assert fetch("--from", mirror, "--to", tmp_path / "to", "--delete-archives") == 2
    assert "is a folder" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert fetch("--from", mirror, "--to", tmp_path / "file") == 2


def test_a_mirror_of_links_as_the_cache_of_huggingface_hub_is(mirror, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    for name in ("Videos", SFT, RL):
        (links / name).symlink_to(mirror / name)
    assert fetch("--from", links, "--to", tmp_path / "to") == 0 and videos_of(tmp_path / "to") == VIDEOS


def test_state_that_cannot_be_read(mirror, tmp_path, capsys):
    fetch("--from", mirror, "--to", tmp_path / "to")
    (tmp_path / "to" / STATE / "train" / "files.json").write_text("[1]")
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 2 and "delete it" in capsys.readouterr().err
    (tmp_path / "to" / STATE / "train" / "files.json").unlink()
    assert fetch("--from", mirror, "--to", tmp_path / "to") == 0


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_parts_read_as_one_file(sizes):
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / str(number) for number in range(len(sizes))]
        data = content(1, sum(sizes))
        for number, part in enumerate(parts):
            part.write_bytes(data[sum(sizes[:number]) : sum(sizes[: number + 1])])
        with PartChain("x", parts) as chain, tempfile.TemporaryFile() as file:
            middle = len(data) // 2
            chain.seek(middle)
            assert chain.size_bytes == len(data) and chain.read(600) == data[middle : middle + 600]
            chain.copy(middle // 2, len(data) - middle, file.fileno())
            file.seek(0)
            assert file.read() == data[middle // 2 : middle // 2 + len(data) - middle]


@given(st.text(st.sampled_from("ab./\\:\0C\udcff \n"), max_size=12))
def test_no_name_that_is_taken_leads_outside(name):
    if refusal_of_name(name) is None:
        place = place_of(name)
        inside = os.path.normpath(f"/absent/Videos/{place}")
        assert inside == f"/absent/Videos/{place}" and inside.startswith("/absent/Videos/") and "\0" not in place
        assert os.path.normpath(f"/absent/{name}") in (inside, f"/absent/{place}")


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(FOUR) - 4097), st.integers(0, 255)), max_size=6), st.booleans())
def test_no_damage_ends_in_anything_but_one_error(changes, is_pax):
    data = bytearray(tar_bytes({"a/é" * 60: b"x" * 700, "a/1": b""}) if is_pax else FOUR)
    for at, value in changes:
        at %= len(data)
        data[at] = value
        if at % 512 < 400:
            resum(data, at - at % 512)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        archive = Archive("x.tar", (SourceFile("x.tar", len(data), ""),))
        with PartChain("x.tar", [Path(file.name)]) as chain:
            try:
                for member in members(archive, chain, 100):
                    assert member.place is None or 0 <= member.at <= member.at + member.size_bytes <= len(data)
            except ArchiveError:
                pass


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=6), st.integers(0, 20))
def test_the_disk_needed_is_that_of_the_worst_moment(archives, annotation_bytes):
    states, kept = [], {}
    for number, (size, is_done) in enumerate(archives):
        part = SourceFile(str(number), size, "")
        state = ArchiveState(Archive(part.path, (part,)), Extracted(is_complete=is_done), False)
        state.to_bring = {} if is_done else {part: size}
        kept[part.path] = size if is_done else 0
        states.append(state)
    planned = Plan({SourceFile("a", annotation_bytes, ""): annotation_bytes}, states, kept, 0)
    used = most = annotation_bytes
    for size, is_done in archives:
        used += 0 if is_done else 2 * size
        most, used = max(most, used), used - size
    assert planned.needed_bytes(delete_archives=True) == most
    assert planned.needed_bytes(delete_archives=False) == annotation_bytes + sum(
        2 * s for s, done in archives if not done
    )


def test_listings_that_lead_outside_are_refused():
    for path in ("../x.jsonl", "/x.tar", "a/../../x.tar", "..\\x.tar"):
        with pytest.raises(UserError, match="leads outside"):
            contents_of([SourceFile(path, 1, "")])
    with pytest.raises(UserError, match="twice"):
        contents_of([SourceFile("a.tar", 1, ""), SourceFile("a.tar.part.aa", 1, "")])
    odd = contents_of([SourceFile("a.tar.part.01", 1, ""), SourceFile("b\udcff.tar", 1, "")])
    assert odd.archives[0].missing == "a.tar.part.aa" and odd.others == ("b\\udcff.tar",)


def test_the_endpoint_is_a_hub_to_huggingface_hub(hub, mirror, tmp_path):
    from huggingface_hub import hf_hub_download

    path = hf_hub_download(REPO, SFT, repo_type="dataset", local_dir=tmp_path / "theirs")
    assert Path(path).read_bytes() == (mirror / SFT).read_bytes()


def test_what_answers_is_no_hub(hub, tmp_path, capsys):
    hub.entries = lambda: [{"no": "entry"}] * 2  # type: ignore[method-assign]
    assert fetch("--to", tmp_path / "to") == 2 and "is no hub" in capsys.readouterr().err


def test_two_data_sets_may_share_a_folder(mirror, tmp_path):
    other, to = tmp_path / "other", tmp_path / "to"
    (other / "Videos").mkdir(parents=True)
    (other / "VideoKR_eval.jsonl").write_text(record("eval/0.mp4"))
    (other / WHOLE).write_bytes(tar_bytes({"eval/0.mp4": b"x"}))  # an archive of the same name
    for _ in range(2):
        assert fetch("--from", mirror, "--to", to) == 0 and fetch("--from", other, "--to", to, dataset="eval") == 0
    assert videos_of(to) == VIDEOS | {"eval/0.mp4": b"x"}


LATER = {"videos_0001/new.mp4": b"z", "./videos_0002/0.mp4": b"later", "Videos/videos_0002//1.mp4": b"later, too"}
TAKEN = "refused, another file of the same path came before"


@pytest.mark.parametrize("split", [False, True])
def test_a_video_that_several_archives_have_is_that_of_the_first(mirror, tmp_path, capsys, split):
    """In one run or in two."""
    to = tmp_path / "to"
    (mirror / "Videos" / "z.tar").write_bytes(tar_bytes(LATER))
    if split:
        assert fetch("--from", mirror, "--to", to, "--archives", "videos_*") == 0
        assert fetch("--from", mirror, "--to", to, "--archives", "z.tar") == REFUSED
    for _ in range(2):
        assert fetch("--from", mirror, "--to", to, "--json", tmp_path / "r.json") == REFUSED
        assert videos_of(to) == VIDEOS | {"videos_0001/new.mp4": b"z"}
        said = capsys.readouterr().out
        assert f"{TAKEN}: 2\n" in said and "'./videos_0002/0.mp4' in Videos/z.tar" in said
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["videos"] == len(VIDEOS) + 1
        assert [sum(archive["refused"].values()) for archive in report["archives"]] == [0, 0, 2]
    assert "nothing is missing" in said
    (to / "Videos/videos_0002/0.mp4").unlink()
    assert fetch("--from", mirror, "--to", to) == REFUSED and videos_of(to) == VIDEOS | {"videos_0001/new.mp4": b"z"}


def test_the_archive_that_is_asked_for_first_is_the_first(mirror, tmp_path, capsys):
    to = tmp_path / "to"
    (mirror / "Videos" / "z.tar").write_bytes(tar_bytes(LATER))
    assert fetch("--from", mirror, "--to", to, "--archives", "z.tar") == 0 and len(videos_of(to)) == 3
    assert fetch("--from", mirror, "--to", to) == REFUSED
    assert videos_of(to) == VIDEOS | {place_of(name): data for name, data in LATER.items()}
    assert f"{TAKEN}: 2\n      'Videos/videos_0002/0.mp4' in {SPLIT} (3 parts)" in capsys.readouterr().out


def test_a_video_that_an_archive_has_twice_is_the_first(tmp_path, capsys):
    mirror, to = tmp_path / "mirror", tmp_path / "to"
    (mirror / "Videos").mkdir(parents=True)
    (mirror / RL).write_text(record("a/0.mp4"))
    (mirror / "Videos" / "a.tar").write_bytes(tar_bytes({"a/0.mp4": b"1st", "./a/0.mp4": b"second", "a//0.mp4": b""}))
    for _ in range(2):
        assert fetch("--from", mirror, "--to", to) == REFUSED and videos_of(to) == {"a/0.mp4": b"1st"}
        assert f"{TAKEN}: 2\n" in capsys.readouterr().out
    (to / "Videos/a/0.mp4").unlink()  # what comes again is the first one, and is not refused itself
    assert fetch("--from", mirror, "--to", to) == REFUSED and videos_of(to) == {"a/0.mp4": b"1st"}
    said = capsys.readouterr().out
    assert f"{TAKEN}: 2\n" in said and "1 video extracted" in said


def test_a_video_of_another_data_set_in_the_folder_stays(mirror, tmp_path, capsys):
    other, to = tmp_path / "other", tmp_path / "to"
    (other / "Videos").mkdir(parents=True)
    (other / "VideoKR_eval.jsonl").write_text(record("eval/0.mp4"))
    (other / WHOLE).write_bytes(tar_bytes({"eval/0.mp4": b"x", "videos_0002/3.mp4": b"other"}))
    assert fetch("--from", mirror, "--to", to) == 0
    for _ in range(2):
        assert fetch("--from", other, "--to", to, dataset="eval") == REFUSED
        assert f"{TAKEN}: 1\n" in capsys.readouterr().out
        assert fetch("--from", mirror, "--to", to) == 0 and "nothing is missing" in capsys.readouterr().out
    assert videos_of(to) == VIDEOS | {"eval/0.mp4": b"x"}


@pytest.mark.parametrize("is_first_again", [False, True])
def test_a_video_that_its_first_archive_gives_up_is_that_of_the_next(mirror, tmp_path, capsys, is_first_again):
    to = tmp_path / "to"
    (mirror / "Videos" / "z.tar").write_bytes(tar_bytes(LATER | {"videos_0001/z.mp4": b"9"}))
    assert fetch("--from", mirror, "--to", to) == REFUSED
    kept = ["1"] if is_first_again else []
    for part in (mirror / "Videos").glob("*.part.*"):
        part.unlink()
    own = {name: data for name, data in VIDEOS.items() if "0002" in name and Path(name).stem not in "01"}
    own |= {f"videos_0002/{number}.mp4": b"anew" for number in kept}
    (mirror / SPLIT).write_bytes(tar_bytes(own))
    capsys.readouterr()
    for _ in range(2):
        assert fetch("--from", mirror, "--to", to) == (REFUSED if kept else 0)
        assert videos_of(to)["videos_0002/0.mp4"] == b"later"
        assert videos_of(to)["videos_0002/1.mp4"] == (b"anew" if kept else b"later, too")
        assert (f"{TAKEN}: 1\n" in (said := capsys.readouterr().out)) == bool(kept)
    assert "nothing is missing" in said


def test_a_ledger_that_a_power_failure_left_is_read_as_far_as_it_goes(mirror, tmp_path):
    to = tmp_path / "to"
    fetch("--from", mirror, "--to", to)
    ledger = to / STATE / "train" / "archives" / f"{WHOLE}.jsonl"
    whole = ledger.read_bytes()
    for rest in (b"\0\0\0\n", b"3\n", b'{"video": "videos_0001/0.mp4"}\n', b""):
        ledger.write_bytes(whole[: whole.index(b"\n", 300) + 1] + rest)
        assert fetch("--from", mirror, "--to", to) == 0 and videos_of(to) == VIDEOS and ledger.read_bytes() == whole


def test_a_mirror_with_a_link_that_leads_back(mirror, tmp_path):
    for name in ("a", "b"):
        (mirror / name).symlink_to(mirror)
    assert fetch("--from", mirror, "--to", mirror / "to") == 0 and videos_of(mirror / "to") == VIDEOS
    assert fetch("--from", mirror, "--to", mirror / "to") == 0


def test_a_token_that_is_none_is_not_shown(hub, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_éSecret")
    assert fetch("--to", tmp_path / "to") == 2
    error = capsys.readouterr().err
    assert "HF_TOKEN" in error and "Secret" not in error and error.count("\n") == 1


def test_a_file_in_the_way_of_an_archive_is_said_before_anything_comes(hub, tmp_path, capsys):
    (tmp_path / "to" / "Videos").mkdir(parents=True)
    (tmp_path / "to" / f"{SPLIT}.part.ab").write_bytes(b"another's")
    assert fetch("--to", tmp_path / "to") == 2
    assert f"{SPLIT}.part.ab' is there, and is not what" in capsys.readouterr().err and not hub.sent
