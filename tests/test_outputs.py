"""Files that appear whole or not at all, also where several processes write them."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from videokr.errors import UserError
from videokr.outputs import refuse_to_overwrite, written_aside

HOLD = (
    "import sys, pathlib; from videokr.outputs import written_aside\n"
    "with written_aside(pathlib.Path(sys.argv[1])) as aside:\n"
    "    aside.write_text('theirs'); print('held', flush=True); sys.stdin.readline()\n"
)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with written_aside(path) as aside:
        aside.write_text("half")
        assert not path.exists()
        aside.write_text("whole")
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_former_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("former")
    with pytest.raises(ZeroDivisionError), written_aside(path) as aside:
        aside.write_text("half")
        _ = 1 / 0
    assert path.read_text() == "former" and list(tmp_path.iterdir()) == [path]


def test_a_second_process_is_refused_and_spoils_nothing(tmp_path):
    path = tmp_path / "file.txt"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process"), written_aside(path):
            pass
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait() == 0
    assert path.read_text() == "theirs"
    with written_aside(path) as aside:
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
    with written_aside(path) as aside:
        aside.write_text("mine")
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def test_many_that_wait_each_add_their_own(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("")

    def add(number: int) -> None:
        with written_aside(path, waits=True) as aside:
            aside.write_text(f"{path.read_text()}{number}\n")

    threads = [threading.Thread(target=add, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, path.read_text().split())) == list(range(20))


def test_outputs_are_neither_inputs_nor_one_another(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    refuse_to_overwrite([one, None], [other])
    for outputs, read in (([one], [one]), ([one, tmp_path / "." / "one"], []), ([one, None, other], [other])):
        with pytest.raises(UserError, match="overwrite"):
            refuse_to_overwrite(outputs, read)


@pytest.mark.parametrize("verb", ["check", "lint"])
def test_a_report_never_replaces_the_annotations(tmp_path: Path, verb: str):
    data = tmp_path / "data.jsonl"
    data.write_text('{"id": 1, "question": "What?", "answer": "x", "video": "a.mp4"}\n')
    videos = ["--videos", str(tmp_path)] if verb == "check" else []
    command = [sys.executable, "-m", "videokr", verb, "--data", str(data), *videos, "--json", str(data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "overwrite" in done.stderr and data.read_text().startswith('{"id"')
