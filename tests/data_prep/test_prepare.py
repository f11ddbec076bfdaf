"""`videokr prepare sft|rl`: kills, full disks, faulty input and odd paths; and what both hosts' rows have in common."""

import contextlib
import io
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from faulty_videos import encode

from data_prep.prepare.rl import FULL_JSON
from llamafactory_plugin.rows import DATASET_INFO_FILE
from videokr.__main__ import main
from videokr.errors import exit_status
from videokr.jsonl import parse_record
from videokr.options import LETTERS
from videokr.prompt import VIDEO_PLACEHOLDER, build_prompt
from videokr.response import read_answer
from videokr.video.manifest import VideoEntry, write_manifest

pytest.importorskip("pebble")
FILES = {"sft": ["train.json", "train_validation.json"], "rl": ["train.parquet", "test.parquet"]}
LIST = {"sft": "train.left_out.jsonl", "rl": "rows.left_out.jsonl"}
SKIP = ("--skip-invalid", "--skip-missing-video")
NOBODY = 65534
VIDEOS = 200
LONG = 10_000  # records: a kill has to meet it at work, however busy the machine
both_hosts = pytest.mark.parametrize("host", FILES)


def record(number: int, **fields: object) -> dict[str, Any]:
    """Two of them are about each video."""
    return {
        "id": f"r{number}",
        "question": f"Which way does ball {number} move?",
        "options": ["A. to the left", "B. to the right", "C. up", "D. down"],
        "problem_type": "multiple choice",
        "think": "It moves across the frame.",
        "solution": f"<answer>{LETTERS[number % 4]}</answer>",
        "video_path": f"Videos/{number // 2 % VIDEOS}.mp4",
    } | fields


def write_lines(path: Path, *lines: object, end: bytes = b"\n") -> Path:
    """Lines as they are where they are bytes, and as JSON otherwise."""
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + end for x in lines))
    return path


def command(host: str, data: Path, out: Path, *flags: object) -> list[str]:
    """Looks for videos beside the data, with verl, which needs them."""
    places = {
        "sft": ["--input", data, "--output", out / "train.json"],
        "rl": ["--input-json", data, "--output-dir", out, "--video-base-dir", data.parent],
    }
    return ["prepare", host, *map(str, (*places[host], *flags))]


class Done(NamedTuple):
    status: int
    out: str
    err: str

    def error(self) -> str:
        """The one line that says what is wrong."""
        assert self.status == 2 and self.err.startswith("error: ") and self.err.count("\n") == 1, self
        return self.err


def videokr(*argv: object) -> Done:
    """The command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status(lambda: main([*map(str, argv)]))
    return Done(status, out.getvalue(), err.getvalue())


def prepare(host: str, data: Path, out: Path, *flags: object, validation: int = 2) -> Done:
    return videokr(*command(host, data, out, "--val-size", validation, *flags))


def start(host: str, data: Path, out: Path, *flags: object, **settings: Any) -> subprocess.Popen[str]:
    """The command in a session of its own."""
    argv = [sys.executable, "-m", "videokr", *command(host, data, out, *flags)]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(argv, cwd=ROOT, start_new_session=True, **streams, **settings)


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file in a folder, hidden ones as well."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def read_rows(host: str, path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_bytes()) if host == "sft" else pq.read_table(path).to_pylist()
    return rows


def rows_of(host: str, out: Path) -> list[list[dict[str, Any]]]:
    """Those for training and those for validation."""
    return [read_rows(host, out / name) for name in FILES[host]]


def asked(host: str, row: dict[str, Any]) -> str:
    prompt: str = row["messages" if host == "sft" else "prompt"][0]["content"]
    return prompt


def answer_of(host: str, row: dict[str, Any]) -> str:
    """The letter or text that is right, out of what the host trains with."""
    answer = read_answer(row["messages"][1]["content"] if host == "sft" else row["reward_model"]["ground_truth"])
    assert answer
    return answer


def videos_of(host: str, row: dict[str, Any]) -> list[str]:
    """Names without their folder."""
    paths = row["videos"] if host == "sft" else [video["video"] for video in row["videos"]]
    return [Path(path).name for path in paths]


def left_out_of(host: str, out: Path) -> list[dict[str, Any]]:
    path = out / LIST[host]
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 200 empty files for videos, but for each tenth."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "Videos").mkdir()
    for number in range(VIDEOS):
        if number % 10 != 9:
            (root / "Videos" / f"{number}.mp4").touch()
    return root


@pytest.fixture
def place(tmp_path: Path, corpus: Path) -> Path:
    """A folder for a test's own data, with the videos of the corpus in it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Videos").symlink_to(corpus / "Videos")
    (tmp_path / "made").mkdir()
    return tmp_path


@pytest.fixture
def out(place: Path) -> Path:
    """Where rows go; it is not there yet."""
    return place / "made" / "out"


@pytest.fixture
def data(place: Path) -> Path:
    """Twenty good records about ten videos, of which one is not there."""
    return write_lines(place / "data" / "data.jsonl", *map(record, range(18)), record(20), record(21))


# Same bytes


@pytest.fixture(scope="module")
def long_data(corpus: Path) -> Path:
    """Many batches, with faults in all of them."""
    filling = "It rolls over the table and on. " * 30
    lines: list[object] = [record(number, think=f"{number}. {filling}") for number in range(LONG)]
    lines[77::500] = [b"{oops"] * len(lines[77::500])
    lines[99::700] = [b""] * len(lines[99::700])
    return write_lines(corpus / "long.jsonl", *lines)


def long_flags(host: str, data: Path) -> list[object]:
    own = ["--media-dir", data.parent] if host == "sft" else ["--save-json"]
    return [*own, "--val-size", 50, *SKIP]


@pytest.fixture(scope="module", params=FILES)
def straight(
    request: pytest.FixtureRequest, long_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, bytes]]:
    """The host, and what an undisturbed run makes of the long data."""
    out = tmp_path_factory.mktemp("straight")
    done = prepare(request.param, long_data, out, *long_flags(request.param, long_data))
    assert done.status == 0, done
    return request.param, contents(out)


def test_workers_given_as_before_says_that_it_has_no_effect(straight, long_data, out):
    host, alone = straight
    done = videokr(*command(host, long_data, out, "--workers", 3, *long_flags(host, long_data)))
    assert done.status == 0 and contents(out) == alone and "--workers has no effect" in done.err, done
    lines = [fault["line"] for fault in left_out_of(host, out)]
    broken = set(range(78, LONG + 1, 500))
    missing = {n + 1 for n in range(LONG) if n // 2 % 10 == 9} - broken - set(range(100, LONG + 1, 700))
    assert lines == sorted(broken | missing)
    assert f"left out {len(missing)}: video is not there" in done.out


@both_hosts
def test_lines_and_a_list_give_the_same_rows(host, place, out):
    records = [record(n, note="x" * 1500) for n in range(600) if n // 2 % 10 != 9]
    for name, end in (("lines.jsonl", b"\n"), ("crlf.jsonl", b"\r\n")):
        write_lines(place / "data" / name, *records, end=end)
    (place / "data" / "list.json").write_text(json.dumps(records, indent=1), encoding="utf-8-sig")
    made = []
    for name in ("lines.jsonl", "crlf.jsonl", "list.json"):
        done = prepare(host, place / "data" / name, out / name, validation=9)
        assert done.status == 0, done
        made.append(rows_of(host, out / name))
    assert made[0] == made[1] == made[2] and len(made[0][0]) + len(made[0][1]) == len(records)


# Kills and full disks


def in_session(leader: int) -> dict[int, int]:
    """The processes that run in the session of one, and the parent of each."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


def written_below(folder: Path, pid: int) -> dict[str, int]:
    """Bytes by file of the files below a folder that a process has open, those without a name as well."""
    sizes = {}
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(link.readlink())
                if target.startswith(f"{folder}/"):
                    sizes[target] = link.stat().st_size
    return sizes


def wait_for_bytes(process: subprocess.Popen[str], folder: Path, size: int, name: str = "") -> None:
    """Waits until it has written so much to one file."""
    while process.poll() is None:
        if any(written > size for path, written in written_below(folder, process.pid).items() if name in path):
            return
        time.sleep(0.002)
    pytest.fail(f"it ended before it could be disturbed: {process.communicate()}")


def wait_for_the_end_of_all(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=20)  # which ends when the last of its processes has closed what it writes to
    until = time.monotonic() + 10
    while left := in_session(process.pid):
        assert time.monotonic() < until, f"processes {left} are left over"
        time.sleep(0.01)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL
    wait_for_the_end_of_all(process)


def test_killed_and_killed_again_it_writes_the_same_bytes(straight, long_data, place, out):
    host, undisturbed = straight
    flags = long_flags(host, long_data)
    process = start(host, long_data, out, *flags)
    wait_for_bytes(process, place / "made", 20_000)
    kill(process)
    assert not {*contents(out)} & {*undisturbed}
    assert prepare(host, long_data, out, *flags, "--max-samples", 120).status == 0  # the former output
    former = contents(out)
    process = start(host, long_data, out, *flags)
    wait_for_bytes(process, place / "made", 20_000, ".partial")  # of verl's rows those of a split
    kill(process)
    assert former.items() <= contents(out).items()
    assert videokr(*command(host, long_data, out, *flags)).status == 0
    assert contents(out) == undisturbed and {path.name for path in (place / "made").iterdir()} == {"out"}


@pytest.mark.parametrize(
    ("host", "number", "status"),
    [("sft", signal.SIGTERM, 143), ("rl", signal.SIGTERM, 143), ("rl", signal.SIGINT, 130)],
)
def test_a_signal_ends_it_and_leaves_nothing(host, number, status, long_data, data, place, out):
    data.write_bytes(long_data.read_bytes() * 8)  # so that it is not done before the signal, however busy the machine
    process = start(host, data, out, *long_flags(host, long_data), "--val-size", 8 * 50)
    wait_for_bytes(process, place / "made", 20_000)
    if number == signal.SIGINT:  # which a terminal sends to all
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == status and said == ("interrupted\n" if number == signal.SIGINT else ""), said
    wait_for_the_end_of_all(process)
    assert contents(out) == {}


@both_hosts
@pytest.mark.parametrize(("short_of", "has_former"), [("first", False), ("train", True)])
def test_a_full_disk_is_one_line_and_changes_nothing(host, short_of, has_former, data, place, out):
    """The second time there is room for all but the last bytes of the largest file, as its writer closes it."""
    assert prepare(host, data, place / "whole").status == 0
    size = 100 if short_of == "first" else (place / "whole" / FILES[host][0]).stat().st_size - 1
    assert short_of == "first" or all(len(other) <= size for name, other in contents(place / "whole").items() if
                                      name != FILES[host][0])  # fmt: skip
    if has_former:
        assert prepare(host, data, out, "--seed", 1).status == 0
    former = contents(out)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    process = start(host, data, out, "--val-size", 2, preexec_fn=little_room)
    said = process.communicate()
    assert "make room" in Done(process.returncode, *said).error()
    assert contents(out) == former and {path.name for path in (place / "made").iterdir()} <= {"out"}


# Not by getrusage, which counts what this process held when it forked.
MEASURED = """
import re, sys
from pathlib import Path
from videokr.__main__ import entry
status = entry()
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""


@both_hosts
def test_memory_does_not_grow_with_the_file(host, place):
    """25 MB more of input take less than half of that, where reading all would take more than all of it."""
    block = [record(number, question="Which of them moves? " * 100) for number in range(10)]
    text = write_lines(place / "data" / "block.jsonl", *block).read_bytes()
    peaks = []
    for count in (200, 1300):
        data = place / "data" / "data.jsonl"
        data.write_bytes(text * count)
        argv = command(host, data, place / "made", "--val-size", 2 * count)
        measured = [sys.executable, "-c", MEASURED, *argv]
        done = subprocess.run(measured, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 11, f"MiB: {peaks}"


# Input


GOOD = record(0)
PLACE = "(record)"
FAULTS: dict[str, tuple[object, str, str]] = {
    "broken line": (b'{"id": 1, "question": "Wh', PLACE, "not JSON"),
    "two records in a line": (b"{}{}", PLACE, "not JSON"),
    "nested deep": (b"[" * 100_000, PLACE, "not JSON"),
    "number of 5,000 digits": (b'{"id": ' + b"9" * 5000 + b"}", PLACE, "not JSON"),
    "not UTF-8": (b'{"question": "\xff\xfe"}', PLACE, "not UTF-8 text"),
    "UTF-16": ('{"id": 1}'.encode("utf-16-be"), PLACE, "not JSON"),
    "broken 10 MB line": (b'{"id": "' + b"x" * 10_000_000, PLACE, "not JSON"),
    "list": ([GOOD], PLACE, "not a JSON object"),
    "null": (None, PLACE, "not a JSON object"),
    "no question": (record(0, question=None), "question", "missing"),
    "blank question": (record(0, question=" \t"), "question", "missing"),
    "question is a list": (record(0, question=["What?"]), "question", "not text"),
    "question with the host's mark": (
        record(0, question="What does <|video_pad|> show?"),
        "question",
        "a mark that the hosts reserve stands in the text",
    ),
    "half a surrogate pair": (b'{"question": "\\ud83d"}', "question", "half of a surrogate pair stands in the text"),
    "options and open-ended": (
        record(0, problem_type="open-ended"),
        "options",
        "an open-ended question has options",
    ),
    "options are a number": (record(0, options=4), "options", "not a list or an object of options"),
    "options hold an object": (record(0, options=["A. left", {"B": "right"}]), "options", "not text"),
    "one option": (record(0, options=["left"]), "options", "a multiple-choice question needs two or more options"),
    "no option of its kind": (
        record(0, options=[]),
        "options",
        "a multiple-choice question needs two or more options",
    ),
    "option letters with a gap": (
        record(0, options=["A. left", "C. right"]),
        "options",
        "option letters are not A, B, C, ... without a gap",
    ),
    "option letter twice": (
        record(0, options={"A": "left", "a": "right"}),
        "options",
        "option letters are not A, B, C, ... without a gap",
    ),
    "empty option": (record(0, options=["left", " "]), "options", "an option is empty"),
    "the letter of no option": (
        record(0, problem_type="essay", options=None),
        "solution",
        "answer is the letter of an option, and there are no options",
    ),
    "no answer": (record(0, solution=None), "solution", "missing"),
    "answer names no option": (record(0, solution="<answer>E</answer>"), "solution", "names no single option"),
    "answer names two options": (record(0, solution="A and B"), "solution", "names no single option"),
    "answer is another text": (record(0, solution="sideways"), "solution", "names no single option"),
    "empty answer block": (record(0, solution="<answer> </answer>"), "solution", "the answer block is empty"),
    "answer inside the thinking": (
        record(0, think="<think>So <answer>A</answer></think>"),
        "think",
        "a tag of the response form stands in the text",
    ),
    "thinking that does not end": (
        record(0, think="<think>So it goes"),
        "think",
        "a tag of the response form stands in the text",
    ),
    "thinking in the answer": (
        record(0, options=None, problem_type=None, solution="</think>left"),
        "solution",
        "a tag of the response form stands in the text",
    ),
    "id is a truth value": (record(0, id=True), "id", "not text"),
    "no video": (record(0, video_path=""), "videos", "missing"),
    "video is a number": (record(0, video_path=7), "video_path", "a video is not a path"),
    "a video of two is none": (record(0, videos=["Videos/0.mp4", {}]), "videos", "a video is not a path"),
}


@both_hosts
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_and_counted(host, name, place, out):
    line, field, reason = FAULTS[name]
    data = write_lines(place / "data" / "data.jsonl", record(0), line, record(2), record(4))
    error = prepare(host, data, out, validation=1).error()
    assert f"{data}, line 2: field '{field}': {reason}" in error and len(error) < 1000
    assert contents(out) == {}
    done = prepare(host, data, out, "--skip-invalid", validation=1)
    assert done.status == 0 and done.err == ""
    (fault,) = left_out_of(host, out)
    assert (fault["line"], fault["field"], fault["reason"]) == (2, field, reason)
    assert f"left out 1: {reason}\n" in done.out and "line 2" in done.out and str(out / LIST[host]) in done.out
    assert sum(map(len, rows_of(host, out))) == 3


def test_what_sft_imitates_has_to_be_there(data, out):
    write_lines(data, record(0), record(2, think=None), record(4, think=" "), record(6))
    assert f"{data}, line 2: field 'think': missing" in prepare("sft", data, out, validation=1).error()
    done = prepare("sft", data, out, "--skip-invalid", validation=1)
    assert done.status == 0 and [fault["line"] for fault in left_out_of("sft", out)] == [2, 3]
    assert prepare("rl", data, out, validation=1).status == 0 and left_out_of("rl", out) == []


@both_hosts
def test_a_list_that_is_none_is_one_line(host, data, out):
    for text in (b'[{"id": 1},', b"[]", b"[\xff]", b"[" * 100_000, b"", b"\xef\xbb\xbf\n \n"):
        data.write_bytes(text)
        assert str(data) in prepare(host, data, out, "--skip-invalid").error()
    data.with_suffix(".json").write_text(json.dumps([record(0), {}]))
    assert "item 2: field 'question'" in prepare(host, data.with_suffix(".json"), out).error()
    assert contents(out) == {}


@both_hosts
def test_odd_files_read_like_plain_ones(host, place, out):
    plain = [record(n, think="It moves.", id=str(n)) for n in range(6)]
    texts = ["to the left", "to the right", "up", "down"]
    labelled = [f"({letter}) {text}" for letter, text in zip("abcd", texts, strict=True)]
    odd: list[object] = [
        b"\xef\xbb\xbf" + json.dumps(plain[0] | {"id": 0, "options": texts}).encode() + b"\r",
        b"\r\n  \t",
        plain[1] | {"id": 1.0, "problem_id": "no", "think": " <THINK>It moves.</Think>\n", "options": labelled},
        plain[2] | {"options": dict(zip("ABCD", texts, strict=True)), "solution": "up"},
        plain[3] | {"options": "\n".join(labelled), "solution": "The answer is (D)."},
        plain[4] | {"note": "é" * 5_000_000},  # as JSON 30 MB in one line
        plain[5] | {"options": [], "problem_type": "MCQ", "question": f"<video>\n{plain[5]['question']}\nOptions:\n" +
                    "\n".join(labelled)},
        b"\f[oops",
    ]  # fmt: skip
    plain[1]["id"] = "1.0"
    data = write_lines(place / "data" / "plain.jsonl", *plain)
    assert prepare(host, data, out / "plain").status == 0
    data = write_lines(place / "data" / "odd.jsonl", *odd)
    done = videokr(*command(host, data, out / "odd", "--val-size", 2, "--skip-invalid"))
    assert done.status == 0 and [fault["line"] for fault in left_out_of(host, out / "odd")] == [9], done
    assert rows_of(host, out / "odd") == rows_of(host, out / "plain")


@both_hosts
def test_of_several_faults_the_first_in_the_file_ends_it(host, place, out):
    lines: list[object] = [record(n % 16, note="x" * 1000) for n in range(2000)]
    lines[400:402] = [b"{oops", b"{oops"]
    lines[500:2000:100] = [[n] for n in range(15)]
    data = write_lines(place / "data" / "data.jsonl", *lines)
    error = prepare(host, data, out).error()
    assert f"{data}, line 401: field '(record)': not JSON" in error
    assert contents(out) == {}


@both_hosts
def test_the_list_of_an_earlier_run_does_not_outlive_it(host, data, out):
    write_lines(data, record(0), b"{oops", record(2))
    assert prepare(host, data, out, "--skip-invalid", validation=1).status == 0 and left_out_of(host, out)
    write_lines(data, record(0), record(2))
    assert prepare(host, data, out, "--skip-invalid", validation=1).status == 0
    assert LIST[host] not in contents(out)


def test_no_samples_are_none_whatever_the_size_of_the_file(long_data, out):
    assert "no row of 0 is left" in prepare("rl", long_data, out, "--max-samples", 0, *SKIP).error()


# The manifest


@both_hosts
def test_a_manifest_stands_for_the_videos(host, tmp_path):
    """Rows are left out by what the check said; nobody opens the files again."""
    videos = tmp_path / "Videos"
    videos.mkdir()
    for name in ("fine.mp4", "other.mp4"):
        encode(videos / name, frames=5)
    (videos / "empty.mp4").touch()
    (videos / "page.mp4").write_bytes(b"<html>404</html>")
    names: list[object] = ["fine.mp4", "./Videos/empty.mp4", "page.mp4", "gone.mp4", ["fine.mp4", "Videos/empty.mp4"]]
    names += ["Videos//fine.mp4", "other.mp4"]
    data = write_lines(tmp_path / "data.jsonl", *(record(n, videos=name) for n, name in enumerate(names)))
    manifest = tmp_path / "manifest.parquet"
    checked = videokr("check", "--data", data, "--videos", videos, "--manifest", manifest, "--workers", 1)
    assert checked.status == 3, checked
    for path in videos.iterdir():
        if host == "sft" or path.name not in ("fine.mp4", "other.mp4"):  # verl's rows hold paths of videos that serve
            path.unlink()
    done = prepare(host, data, tmp_path / "out", "--manifest", manifest, validation=1)
    assert done.status == 0 and "left out 4: video is rejected by the manifest" in done.out, done
    left_out = left_out_of(host, tmp_path / "out")
    assert [(fault["line"], fault["field"]) for fault in left_out] == [(line, "videos") for line in (2, 3, 4, 5)]
    whys = ("empty", "not a video", "not there", "empty")
    assert all(fault["detail"].endswith(why) for fault, why in zip(left_out, whys, strict=True))
    kept = [[videos_of(host, row) for row in rows] for rows in rows_of(host, tmp_path / "out")]
    assert kept == [[["fine.mp4"]] * 2, [["other.mp4"]]]


def write_fine(path: Path, *videos: str, folder: Path | None = None) -> Path:
    """A manifest that finds no fault with any of these videos, of the files in a folder as they are now."""
    entries = []
    for video in videos:
        file = (folder or path) / video
        facts = (file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else (9, 1)
        entries.append(VideoEntry(video, "fast", None, "", *facts))
    write_manifest(path, entries)
    return path


@both_hosts
def test_a_video_that_was_not_checked_is_an_error(host, data, place, out):
    names = (f"{n}.mp4" for n in range(9))
    manifest = write_fine(place / "manifest.parquet", *names, folder=place / "data" / "Videos")
    error = prepare(host, data, out, "--manifest", manifest).error()
    assert "line 19: field 'videos': video is not in the manifest: 'Videos/10.mp4'" in error
    assert "run videokr check" in error
    done = prepare(host, data, out, "--manifest", manifest, "--skip-invalid")
    assert done.status == 0 and "left out 2: video is not in the manifest" in done.out


def look_for_videos(host: str, data: Path) -> list[object]:
    return ["--media-dir", data.parent] if host == "sft" else []  # where verl's rows are looked for anyway


@both_hosts
@pytest.mark.parametrize("how", ["emptied", "replaced", "touched"])
def test_a_video_that_changed_since_it_was_checked_is_an_error(host, how, tmp_path):
    """All of its rows, by whatever name, and no others."""
    videos = tmp_path / "Videos"
    videos.mkdir()
    names = [f"{number}.mp4" for number in range(4)]
    for name in names:
        (videos / name).write_bytes(b"checked")
    manifest = write_fine(tmp_path / "manifest.parquet", *names, folder=videos)
    data = write_lines(tmp_path / "data.jsonl", *map(record, range(8)), record(8, videos=["3.mp4", "./1.mp4"]))
    flags = ["--manifest", manifest, *look_for_videos(host, data)]
    assert prepare(host, data, tmp_path / "before", *flags).status == 0
    if how == "touched":
        os.utime(videos / "1.mp4", ns=(1, 1))
    else:
        (videos / "1.mp4").write_bytes(b"" if how == "emptied" else b"another")
    error = prepare(host, data, tmp_path / "out", *flags, "--skip-invalid").error()
    assert "line 3: field 'videos': video has changed since it was checked: '" in error
    assert f"{videos / '1.mp4'}'" in error and "run videokr check again" in error
    done = prepare(host, data, tmp_path / "out", *flags, "--skip-missing-video")
    assert done.status == 0 and "left out 3: video has changed since it was checked" in done.out, done
    assert [fault["line"] for fault in left_out_of(host, tmp_path / "out")] == [3, 4, 9]
    assert sum(map(len, rows_of(host, tmp_path / "out"))) == 6


def test_where_videos_are_not_looked_for_nobody_knows_that_they_changed(data, out, place):
    manifest = write_fine(place / "manifest.parquet", *(f"{n}.mp4" for n in range(11)))
    assert prepare("sft", data, out, "--manifest", manifest).status == 0


@both_hosts
@pytest.mark.parametrize("kind", ["empty", "text", "cut", "other table", "folder", "not there"])
def test_what_is_no_manifest_is_one_line(host, kind, data, place, out):
    manifest = place / "manifest"
    if kind == "folder":
        manifest.mkdir()
    elif kind == "other table":
        pq.write_table(pa.table({"path": ["0.mp4"]}), manifest)
    elif kind == "cut":
        manifest.write_bytes(write_fine(manifest, *map(str, range(500))).read_bytes()[:-100])
    elif kind != "not there":
        manifest.write_bytes(b"PAR1 and other text" if kind == "text" else b"")
    assert str(manifest) in prepare(host, data, out, "--manifest", manifest).error()
    assert contents(out) == {}


# The length of a row


@both_hosts
def test_a_folder_without_a_model_is_one_line(host, data, place, out):
    (place / "other").mkdir()
    (place / "other" / "config.json").write_text('{"model_type": "bert"}')
    for model, says in (("nowhere", "config.json"), ("other", "bert")):
        assert says in prepare(host, data, out, "--model", place / model).error()


@both_hosts
def test_a_length_that_nothing_counts_is_one_line(host, data, out):
    for flags in (["--max-tokens", 900], ["--max-tokens", 16_384], ["--max_tokens", 900, "--dry-run"]):
        assert "--max-tokens" in (error := prepare(host, data, out, *flags).error()) and "give --model" in error
    assert contents(out) == {}


@pytest.mark.sft
@both_hosts
def test_a_row_that_just_fits_stays_and_one_token_less_leaves_it_out(host, tmp_path):
    from data_prep.demo.tiny_model import chat_template, train_tokenizer
    from videokr.family import FAMILIES

    family = FAMILIES["qwen2_5vl"]
    train_tokenizer(["ball move frame"], chat_template(family)).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": family.model_types[0]}))
    (tmp_path / "Videos").mkdir()
    for number in range(3):
        encode(tmp_path / "Videos" / f"{number}.mp4", frames=10)
    long = record(2, question=f"Which way does ball {'2 3 ' * 300} move?")
    data = write_lines(tmp_path / "data.jsonl", record(0), long, record(4))
    where = ["--model", tmp_path / "model", *(["--media-dir", tmp_path] if host == "sft" else [])]

    def kept(max_tokens: int, *flags: object) -> int:
        done = prepare(host, data, tmp_path / "out", *where, "--max-tokens", max_tokens, *flags, validation=1)
        assert done.status == 0, done
        return sum(map(len, rows_of(host, tmp_path / "out")))

    assert kept(900) == 2
    (fault,) = left_out_of(host, tmp_path / "out")
    assert (fault["line"], fault["reason"]) == (2, "longer than 900 tokens")
    tokens = int(fault["detail"].split()[0].replace(",", ""))
    assert (kept(tokens), kept(tokens - 1)) == (3, 2)
    if host == "rl":
        assert kept(tokens - 1, "--max-pixels", 50_176, "--min-pixels", 784) == 3  # a budget that the rows fix
    videokr("check", "--data", data, "--videos", tmp_path, "--level", "probe", "--manifest", tmp_path / "m.parquet")
    known = ["--manifest", tmp_path / "m.parquet"]
    assert (kept(tokens, *known), kept(tokens - 1, *known)) == (3, 2)
    (tmp_path / "Videos" / "1.mp4").write_bytes(b"no video")
    error = prepare(host, data, tmp_path / "out", *where, "--max-tokens", tokens, validation=1).error()
    assert "line 2: field 'videos': video cannot be read" in error
    assert kept(32_768) == 3  # not in doubt, so nobody looks


# The split


@both_hosts
def test_validation_shares_no_video_with_training(host, data, place, out):
    """Rows with several videos tie them, and matches of a decontamination do; every row is in one split."""
    several = record(30, videos=["Videos/0.mp4", "Videos/1.mp4"]), record(31, videos=["1.mp4", "./Videos/2.mp4"])
    write_lines(data, *data.read_bytes().splitlines(), *several)
    together = place / "matches.jsonl"
    together.write_bytes(b'\xef\xbb\xbf{"videos": ["3.mp4", "nowhere.mp4"]}\r\n\n{"videos": ["nowhere.mp4", "4.mp4"]}')
    splits = []
    for seed in (*range(7), 0):
        done = prepare(host, data, out, "--seed", seed, "--together", together, validation=8)
        assert done.status == 0, done
        train, validation = rows_of(host, out)
        assert len(train) + len(validation) == 22 and 0 < len(validation) <= 8
        held_out, trained = ({name for row in rows for name in videos_of(host, row)} for rows in (validation, train))
        assert not held_out & trained
        for group in ({"0.mp4", "1.mp4", "2.mp4"}, {"3.mp4", "4.mp4"}):
            assert group <= held_out or group <= trained
        if host == "sft":
            info = json.loads((out / DATASET_INFO_FILE).read_text())
            assert {name: entry["file_name"] for name, entry in info.items()} == {
                "train": "train.json",
                "train_validation": "train_validation.json",
            }
        splits.append(contents(out))
    assert splits[0] == splits[-1] and len({json.dumps([*map(repr, split.items())]) for split in splits}) > 4


@both_hosts
@pytest.mark.parametrize("asked_for", [1, 20, 1000, -3])
def test_a_split_that_leaves_one_side_empty_is_refused(host, asked_for, data, out):
    """Of twenty rows, two to a video."""
    error = prepare(host, data, out, validation=asked_for).error()
    assert f"change --val-size ({asked_for})" in error and "20" in error
    assert contents(out) == {}


@both_hosts
def test_a_video_with_more_rows_than_are_asked_for_is_said(host, place, out):
    rows = [record(number, video_path=f"Videos/{number % 2}.mp4") for number in range(14)]
    data = write_lines(place / "data" / "data.jsonl", *rows)
    error = prepare(host, data, out, validation=6).error()
    assert "each video, with what belongs together with it, has 7 rows or more" in error
    assert "change --val-size (6)" in error
    assert "rows or more" not in prepare(host, data, out, validation=14).error()  # nothing is left to train on


@both_hosts
def test_fewer_rows_held_out_than_asked_for_are_said(host, data, out):
    """Of videos with two rows each."""
    said = "4 rows are held out, of 5 asked for"
    assert said in prepare(host, data, out, validation=5).out and len(rows_of(host, out)[1]) == 4
    assert "held out" not in prepare(host, data, out, validation=4).out


@both_hosts
def test_a_list_of_matches_that_is_of_no_use_is_said(host, data, place, out):
    uses = {"nowhere.mp4": False, "Videos/3.mp4": True, "./30.mp4": True}
    write_lines(data, *data.read_bytes().splitlines(), record(40, videos=["Videos/0.mp4", "Videos/30.mp4"]))
    for video, is_used in uses.items():
        together = write_lines(place / "matches.jsonl", {"videos": ["gone.mp4", video]})
        done = prepare(host, data, out, "--together", together)
        assert done.status == 0 and rows_of(host, out)[1], done
        warning = f"warning: no row is about a video of --together '{together}': nothing is kept together by it\n"
        assert done.err == ("" if is_used else warning)
    together.write_text("\n")
    assert prepare(host, data, out, "--together", together).err == warning


def test_a_list_of_matches_without_a_split_is_said(data, place, out):
    together = write_lines(place / "matches.jsonl", {"videos": ["0.mp4", "1.mp4"]})
    done = prepare("sft", data, out, "--together", together, validation=0)
    assert done.status == 0 and "warning" in done.err and "--val-size" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("flag", ["--max-samples", "--max_samples", "--train-size", "--train_size"])
def test_minus_one_is_all_and_less_is_nothing(flag, data, out, capsys):
    assert prepare("rl", data, out, flag, -1).status == 0 and sum(map(len, rows_of("rl", out))) == 20
    with pytest.raises(SystemExit) as ended:
        main(command("rl", data, out, "--val-size", 2, flag, -5))
    assert ended.value.code == 2 and f"{flag}" in (said := capsys.readouterr().err) and "-1, which is all" in said


@both_hosts
@pytest.mark.parametrize(
    "line", [b"\x7fELF\xd0\x02", b"{", b"[]", b'{"video": "a"}', b'{"videos": "a"}', b'{"videos": [1]}']
)
def test_what_is_no_list_of_matches_is_one_line(host, line, data, place, out):
    together = write_lines(place / "matches.jsonl", {"videos": []}, line)
    assert f"--together '{together}', line 2" in prepare(host, data, out, "--together", together).error()
    assert f"--together '{place}' is not there" in prepare(host, data, out, "--together", place).error()


# The dry run


@both_hosts
def test_a_dry_run_shows_ten_rows_and_writes_nothing(host, data, place, out):
    write_lines(data, record(0), b"{oops", record(2, solution="E"), b"{oops", *map(record, range(4, 17)), b"{late")
    before = {path: path.lstat().st_mtime_ns for path in place.rglob("*")}
    done = prepare(host, data, out, "--dry-run", "--skip-invalid")
    assert done.status == 0, done
    assert {path: path.lstat().st_mtime_ns for path in place.rglob("*")} == before
    shown = done.out.split("--- ")[1:]
    assert [text.split("\n")[0] for text in shown] == [
        *(f"row {number}" for number in range(1, 11)),
        "left out 2: not JSON",
        "left out 1: names no single option",
    ]
    for text, number in zip(shown, [0, *range(4, 13)], strict=False):
        example = parse_record(record(number))
        prompt = VIDEO_PLACEHOLDER + build_prompt(example)
        said = "[assistant]\n<think>It moves across the frame.</think>\n" if host == "sft" else "[ground truth] "
        assert f"[user]\n{prompt}\n{said}<answer>{example.answer}</answer>\n" in text
        assert f"{number // 2}.mp4" in text.split("\n")[1]
    assert "line 2: field '(record)': not JSON" in prepare(host, data, out, "--dry-run").error()
    write_lines(data, record(0))
    assert prepare(host, data, out, "--dry-run").out.count("--- row") == 1
    assert not out.exists()


@both_hosts
def test_a_dry_run_shows_what_the_run_writes(host, data, out):
    flags = ["--max-samples", 4]
    shown = prepare(host, data, out, "--dry-run", *flags).out
    assert shown.count("--- row") == 4
    assert prepare(host, data, out, *flags).status == 0
    for row in (row for split in rows_of(host, out) for row in split):
        assert asked(host, row) in shown


CONTROLS = "\x1b[2J\x00\x07\r\x7f\x9b31m"
WRITTEN_OUT = "\\x1b[2J\\x00\\x07\\x0d\\x7f\\x9b31m"


@both_hosts
def test_no_control_character_of_the_data_reaches_the_terminal(host, data, out):
    odd = record(4, video_path=f"a{CONTROLS}.mp4")
    write_lines(data, record(0, question=f"What{CONTROLS}\tis\nit?"), odd, record(2))
    flags = ["--skip-missing-video", *look_for_videos(host, data)]
    for shown, own in ((f"What{WRITTEN_OUT}\tis\nit?", ["--dry-run"]), (f"'a{WRITTEN_OUT}.mp4'", [])):
        done = prepare(host, data, out, *flags, *own, validation=1)
        assert done.status == 0 and shown in done.out and all(mark.isprintable() or mark in "\t\n" for mark in done.out)
    write_lines(data, odd)
    assert f"'a{WRITTEN_OUT}.mp4'" in prepare(host, data, out, *flags).error()


# Where it writes


@both_hosts
def test_any_name_of_a_folder_will_do(host, place, corpus):
    odd = place / "a b" / 'it\'s "видео" 影片 [1] {x} %20 é'
    odd.mkdir(parents=True)
    (odd / "Videos").symlink_to(corpus / "Videos")
    data = write_lines(odd / "das ß.jsonl", *map(record, range(8)), b"{oops")
    manifest = write_fine(odd / "m é.parquet", *(f"{n}.mp4" for n in range(4)), folder=odd / "Videos")
    together = write_lines(odd / "t ö.jsonl", {"videos": ["0.mp4", "1.mp4"]})
    flags = ["--manifest", manifest, "--together", together, "--skip-invalid"]
    out = odd / "not there" / "nor this"
    assert prepare(host, data, out, *flags, validation=4).status == 0
    assert prepare(host, data, place / "plain", *flags, validation=4).status == 0
    if host == "rl":  # whose rows hold paths
        assert [len(rows) for rows in rows_of(host, out)] == [len(rows) for rows in rows_of(host, place / "plain")]
        assert prepare(host, data, out, *flags, "--use-file-uri", validation=4).status == 0
        (video,) = rows_of(host, out)[0][0]["videos"]
        assert video["video"].startswith("file:///") and video["video"].isascii() and " " not in video["video"]
    else:
        assert contents(out) == contents(place / "plain")


OVERWRITING = [("sft", name) for name in (*FILES["sft"], LIST["sft"], DATASET_INFO_FILE)]
OVERWRITING += [("rl", name) for name in (*FILES["rl"], LIST["rl"], FULL_JSON)]


@pytest.mark.parametrize(("host", "name"), OVERWRITING)
@pytest.mark.parametrize("by_link", [False, True])
def test_what_is_read_is_not_written_to(host, name, by_link, data, place, out):
    """Nor removed, as the list of what was left out is where nothing was."""
    source = data.with_name(name)
    data.rename(source)
    if by_link:
        out.mkdir()
        (out / name).symlink_to(source)
    before = source.read_bytes()
    flags = ["--save-json"] if host == "rl" else []
    error = prepare(host, source, out if by_link else source.parent, *flags).error()
    assert "would overwrite what is read" in error and name in error
    assert source.read_bytes() == before and {path.name for path in source.parent.iterdir()} == {name, "Videos"}


@pytest.mark.parametrize("flag", ["--manifest", "--together"])
@pytest.mark.parametrize(("host", "name"), OVERWRITING)
def test_what_is_read_beside_the_data_is_not_written_to(host, name, flag, data, out):
    out.mkdir()
    if flag == "--manifest":
        write_fine(out / name, *(f"{number}.mp4" for number in range(11)), folder=data.parent / "Videos")
    else:
        write_lines(out / name, {"videos": ["0.mp4", "1.mp4"]})
    before = contents(out)
    assert "would overwrite what is read" in prepare(host, data, out, flag, out / name).error()
    assert contents(out) == before


def test_rows_as_json_do_not_outlive_their_run(data, out):
    """Which later files beside them would not agree with."""
    assert prepare("rl", data, out, "--save-json").status == 0
    assert len(json.loads((out / FULL_JSON).read_bytes())) == 20
    assert "no row" in prepare("rl", data, out, validation=1).error() and (out / FULL_JSON).exists()
    done = prepare("rl", data, out, "--max-samples", 10)
    assert done.status == 0 and f"'{out / FULL_JSON}' of an earlier run is removed" in done.out
    assert {*contents(out)} == {*FILES["rl"]}
    assert "removed" not in prepare("rl", data, out).out


@pytest.mark.parametrize("output", [".", "/", "..", "folder", "folder.json"])
def test_a_folder_for_an_output_is_one_line(output, data, place, monkeypatch):
    monkeypatch.chdir(place)
    for name in ("folder", "folder.json"):
        (place / name).mkdir()
    before = {*place.rglob("*")}
    error = videokr("prepare", "sft", "--input", data, "--output", output).error()
    assert f"'{output}' cannot be written: it is a folder" in error and {*place.rglob("*")} == before


def test_what_import_says_comes_next_writes_beside_its_output(place, monkeypatch):
    """And not where the README puts what is made of the published data."""
    monkeypatch.chdir(place)
    rows = "".join(f"How {number}?,x,Videos/{number}.mp4,It moves.\n" for number in range(8))
    (place / "data" / "table.csv").write_text(f"question,answer,video,think\n{rows}")
    done = videokr("import", "data/table.csv", "--output", "made/own.jsonl", "--follow-links")
    assert done.status == 0, done
    _, check, *prepares = (shlex.split(line) for line in done.out[done.out.index("next:") :].splitlines())
    write_fine(place / "data" / "manifest.parquet", *(f"{n}.mp4" for n in range(8)), folder=place / "data" / "Videos")
    assert check[:2] == ["videokr", "check"] and len(prepares) == 2
    for argv in prepares:
        assert (ran := videokr(*argv[1:])).status == 0, ran
    assert {*contents(place / "made" / "own_rl")} == {*FILES["rl"]}
    assert (place / "made" / "own_sft.json").is_file() and not (place / "data" / "videokr_train.json").exists()


@pytest.mark.parametrize(("host", "name"), [pair for pair in OVERWRITING if "left_out" not in pair[1]])
def test_a_folder_in_place_of_a_file_is_one_line(host, name, data, out):
    (out / name).mkdir(parents=True)
    error = prepare(host, data, out, *(["--save-json"] if host == "rl" else [])).error()
    assert str(out / name) in error and "no file" in error
    assert [path.name for path in out.iterdir()] == [name] and not list((out / name).iterdir())


@both_hosts
def test_a_file_in_place_of_a_folder_is_one_line(host, data, place):
    (place / "file").write_text("mine")
    for out in (place / "file", place / "file" / "out"):
        assert str(place / "file") in prepare(host, data, out).error()
    assert (place / "file").read_text() == "mine"


@pytest.fixture
def shut() -> Iterator[Path]:
    """A folder with data, videos and an open folder `mine`, in which this process, no longer root, may only read."""
    with tempfile.TemporaryDirectory() as name:  # the test's own folder is root's alone
        folder = Path(name)
        (folder / "Videos").mkdir()
        for number in range(4):
            (folder / "Videos" / f"{number}.mp4").touch()
        write_lines(folder / "data.jsonl", *map(record, range(8)))
        (folder / "mine").mkdir(mode=0o777)
        (folder / "mine").chmod(0o777)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        yield folder
        os.seteuid(user)
        folder.chmod(0o755)


@both_hosts
def test_a_folder_that_cannot_be_written_to_is_one_line(host, shut):
    before = sorted(shut.rglob("*"))
    for out in (shut, shut / "deeper"):
        error = prepare(host, shut / "data.jsonl", out).error()
        assert str(shut) in error and "ermission denied" in error
    assert sorted(shut.rglob("*")) == before


@both_hosts
def test_a_folder_will_do_in_one_that_cannot_be_written_to(host, shut):
    """As where a disk is mounted."""
    done = prepare(host, shut / "data.jsonl", shut / "mine")
    assert done.status == 0 and {*contents(shut / "mine")} - {DATASET_INFO_FILE} == {*FILES[host]}, done
