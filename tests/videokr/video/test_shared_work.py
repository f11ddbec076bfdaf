"""Work that several ask for at once: done once, kept within bounds, and tried again after a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from videokr.video.shared_work import SharedWork


@pytest.fixture
def work():
    with ThreadPoolExecutor(4) as pool:
        yield SharedWork(pool, 100, len)


def test_what_many_ask_for_at_once_is_made_once(work):
    begun, go = threading.Event(), threading.Event()

    def make():
        begun.set()
        assert go.wait(10)
        return b"made"

    asked = [work.ask("key", make) for _ in range(8)]
    assert begun.wait(10)
    go.set()
    assert {future.result() for future in asked} == {b"made"} and len({id(future.result()) for future in asked}) == 1
    assert work.take_made() == 1 and work.take_made() == 0


def test_a_failure_reaches_all_who_asked_and_is_tried_again(work):
    begun, go = threading.Event(), threading.Event()

    def fail():
        begun.set()
        assert go.wait(10)
        raise ValueError("broken")

    asked = [work.ask("key", fail) for _ in range(3)]
    assert begun.wait(10)
    go.set()
    for future in asked:
        with pytest.raises(ValueError, match="broken"):
            future.result()
    while work.ask("key", lambda: b"whole").exception():  # the callback that forgets it runs a moment later
        pass
    assert work.ask("key", lambda: b"").result() == b"whole" and work.take_made() == 1


def test_the_result_asked_for_longest_ago_goes_first(work):
    for key in "ab":
        work.ask(key, lambda: bytes(40)).result()
    work.ask("a", lambda: b"").result()
    work.ask("c", lambda: bytes(40)).result()
    settle(work, 3)
    assert len(work.ask("a", lambda: b"new").result()) == 40
    assert work.ask("b", lambda: b"new").result() == b"new"


def test_one_that_is_larger_than_the_room_is_kept_until_the_next(work):
    work.ask("large", lambda: bytes(1_000)).result()
    settle(work, 1)
    assert len(work.ask("large", lambda: b"").result()) == 1_000
    work.ask("small", lambda: b"small").result()
    settle(work, 1)
    assert work.ask("large", lambda: b"again").result() == b"again"


def settle(work, made):
    """Results are counted, and others dropped, a moment after they are there."""
    while made > 0:
        made -= work.take_made()
