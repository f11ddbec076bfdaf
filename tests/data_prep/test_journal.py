"""What work that was killed finds again."""

import json

import pytest

from data_prep.journal import Journal
from videokr.errors import UserError

ASKED = {"level": "fast", "files": 3}


class Killed(Exception):
    pass


def interrupted(output, *records, asked=ASKED):
    with pytest.raises(Killed), Journal(output, asked) as journal:
        for record in records:
            journal.add(record)
        raise Killed


def test_what_was_done_is_found_again_and_forgotten_at_the_end(tmp_path):
    output = tmp_path / "deep" / "out.parquet"
    interrupted(output, {"path": "a"}, {"path": "b \u2028 \udce4"})
    interrupted(output, {"path": "c"})
    with Journal(output, ASKED) as journal:
        assert [record["path"] for record in journal.records()] == ["a", "b \u2028 \udce4", "c"]
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_line_that_a_kill_cut_is_not_done(tmp_path, cut):
    output = tmp_path / "out"
    interrupted(output, {"path": "a"}, {"path": "b"})
    path = tmp_path / ".out.journal"
    path.write_bytes(path.read_bytes()[:-cut])
    interrupted(output, {"path": "c"})
    with Journal(output, ASKED) as journal:
        assert [record["path"] for record in journal.records()] == ["a", "c"]


@pytest.mark.parametrize("garbage", [b"", b"\0" * 100, b"{}\n", b"[1]\n", b'{"asked": 3'])
def test_a_journal_of_other_work_is_begun_anew(tmp_path, garbage):
    (tmp_path / ".out.journal").write_bytes(garbage)
    interrupted(tmp_path / "out", {"path": "a"})
    interrupted(tmp_path / "out", {"path": "b"}, asked=ASKED | {"level": "probe"})
    with Journal(tmp_path / "out", ASKED | {"level": "probe"}) as journal:
        assert [record["path"] for record in journal.records()] == ["b"]


def test_two_processes_are_not_at_the_same_work(tmp_path):
    with (
        Journal(tmp_path / "out", ASKED),
        pytest.raises(UserError, match="another process"),
        Journal(tmp_path / "out", ASKED),
    ):
        pass


def test_its_first_line_says_what_was_asked(tmp_path):
    interrupted(tmp_path / "out")
    assert json.loads((tmp_path / ".out.journal").read_text()) == {"asked": ASKED}
