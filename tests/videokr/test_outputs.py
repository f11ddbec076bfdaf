"""Files that appear whole or not at all, also where several processes write them."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from checkout import ROOT

from videokr.__main__ import main
from videokr.errors import UserError, exit_status
from videokr.outputs import JSON, atomic_write, refuse_to_overwrite, require_suffix

HOLD = (
    "import sys, pathlib; from videokr.outputs import atomic_write\n"
    "with atomic_write(pathlib.Path(sys.argv[1])) as aside:\n"
    "    aside.write_text('theirs'); print('held', flush=True); sys.stdin.readline()\n"
)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_write(path) as aside:
        aside.write_text("half")
        assert not path.exists()
        aside.write_text("whole")
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_former_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("former")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as aside:
        aside.write_text("half")
        _ = 1 / 0
    assert path.read_text() == "former" and list(tmp_path.iterdir()) == [path]


def test_a_second_process_is_refused_and_spoils_nothing(tmp_path):
    path = tmp_path / "file.txt"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process"), atomic_write(path):
            pass
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait() == 0
    assert path.read_text() == "theirs"
    with atomic_write(path) as aside:
        aside.write_text("mine")
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_is_no_obstacle(tmp_path):
    path = tmp_path / "file.txt"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        process.kill()
    assert not path.exists()
    with atomic_write(path) as aside:
        aside.write_text("mine")
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def test_many_that_wait_each_add_their_own(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("")

    def add(number: int) -> None:
        with atomic_write(path, waits=True) as aside:
            aside.write_text(f"{path.read_text()}{number}\n")

    threads = [threading.Thread(target=add, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, path.read_text().split())) == list(range(20))


def test_outputs_are_neither_inputs_nor_one_another(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    refuse_to_overwrite([one, None], [other, None])
    for outputs, read in (([one], [one]), ([one, tmp_path / "." / "one"], []), ([one, None, other], [other])):
        with pytest.raises(UserError, match="overwrite"):
            refuse_to_overwrite(outputs, read)


def test_a_name_says_what_is_written(tmp_path):
    """There already or not, so that the second run is refused like the first."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"frames")
    for output in (None, tmp_path / "new.json"):
        require_suffix(output, JSON)
    for name, says in {
        "clip.mp4": "would overwrite a file of another kind: what is written is JSON, so call it NAME.json",
        "new.txt": "what is written is JSON, so call it NAME.json",
        "new": "call it NAME.json",
        "new.jsonl": "call it NAME.json",
        ".json": "call it NAME.json",
        "folder.json": "it is a folder",
        ".": "it is a folder",
    }.items():
        with pytest.raises(UserError, match=re.escape(says)):
            require_suffix(tmp_path / name, JSON)


PATHS = {
    "check": ["--data", "--videos", "--manifest", "--json"],
    "lint": ["--data", "--model", "--manifest", "--json"],
    "stats": ["--data", "--model", "--manifest", "--output"],
    "import": ["--output", "--videos", "--json"],
    "prepare sft": ["--input", "--output", "--media-dir", "--media_dir", "--manifest", "--model", "--together"],
    "prepare rl": ["--input-json", "--video-base-dir", "--output-dir", "--output_dir", "--manifest", "--together"],
}


@pytest.fixture
def given(tmp_path, monkeypatch) -> Path:
    """The working folder, with an annotation file, a table and a video, and a record of each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text(
        '{"id": 1, "question": "What?", "answer": "x", "think": "x", "video": "a.mp4"}\n'
    )
    (tmp_path / "table.csv").write_text("question,answer,video\nWhat?,x,a.mp4\n")
    (tmp_path / "a.mp4").write_bytes(b"frames")
    return tmp_path


NEEDED = {
    "check": {"--data": "data.jsonl", "--videos": "."},
    "lint": {"--data": "data.jsonl"},
    "stats": {"--data": "data.jsonl"},
    "import": {"table.csv": "--follow-links", "--output": "own.jsonl"},
    "prepare sft": {"--input": "data.jsonl", "--output": "rows.json"},
    "prepare rl": {"--input-json": "data.jsonl", "--output-dir": "rows"},
}


def videokr(verb: str, flags: dict[str, str]) -> int:
    argv = [*verb.split(), *(word for flag in {**NEEDED[verb], **flags}.items() for word in flag)]
    return exit_status(lambda: main(argv))


@pytest.mark.parametrize(("verb", "flag"), [(verb, flag) for verb, flags in PATHS.items() for flag in flags])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_path_is_not_the_working_folder(given, capsys, verb, flag, text):
    """As of a variable of the shell that is not set."""
    before = {path: path.read_bytes() for path in given.iterdir()}
    with pytest.raises(SystemExit) as ended:
        videokr(verb, {flag: text})
    said = capsys.readouterr().err
    assert ended.value.code == 2 and f"{flag}" in said and f"{text!r} is no path: give a name" in said
    assert {path: path.read_bytes() for path in given.iterdir()} == before


@pytest.mark.parametrize(
    ("verb", "flag"),
    [
        ("check", "--json"),
        ("lint", "--json"),
        ("import", "--json"),
        ("import", "--output"),
        ("prepare sft", "--output"),
    ],
)
def test_a_video_is_never_replaced(given, capsys, verb, flag):
    before = {path: path.read_bytes() for path in given.iterdir()}
    assert videokr(verb, {flag: "a.mp4"}) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: 'a.mp4' would overwrite a file of another kind") and said.count("\n") == 1
    assert {path: path.read_bytes() for path in given.iterdir()} == before


@pytest.mark.parametrize("verb", ["check", "lint"])
def test_a_report_never_replaces_the_annotations(tmp_path: Path, verb: str):
    data = tmp_path / "data.jsonl"
    data.write_text('{"id": 1, "question": "What?", "answer": "x", "video": "a.mp4"}\n')
    videos = ["--videos", str(tmp_path)] if verb == "check" else []
    command = [sys.executable, "-m", "videokr", verb, "--data", str(data), *videos, "--json", str(data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "overwrite" in done.stderr and data.read_text().startswith('{"id"')


def launched(script: str, *arguments: object, **variables: str) -> str:
    """What a launcher says of a mistake, which it ends with."""
    command = ["bash", str(ROOT / "local_script" / script), *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", ""), "VIDEOKR_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, env=environment | variables)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_sft_on_several_nodes_wants_their_addresses():
    nowhere = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "no.invalid"}
    assert "no machine of that name is known here" in launched("train_videokr.sh", "qwen3vl", **nowhere)
    assert "NODE_RANK (0, 1, ...) and MASTER_ADDR" in launched("train_videokr.sh", "qwen3vl", NNODES="2", NODE_RANK="1")


def test_a_whole_model_needs_no_merge(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "is a whole model already" in launched("merge_videokr_checkpoint.sh", tmp_path, tmp_path / "merged")
