import threading
import time

import pytest

from videokr.errors import UserError

pytestmark = pytest.mark.eval


@pytest.fixture
def read_ahead():
    pytest.importorskip("lmms_eval")
    from lmms_eval_tasks.models.read_ahead import ReadAhead

    return ReadAhead


def test_everything_is_taken_in_order_and_no_more_is_read_than_may_wait(read_ahead):
    begun, most_waiting, lock = 0, 0, threading.Lock()

    def read(number: int) -> int:
        nonlocal begun, most_waiting
        with lock:
            begun += 1
            most_waiting = max(most_waiting, begun - ahead_taken())
        time.sleep(0.001 * (number % 3))
        return number * 10

    ahead = None

    def ahead_taken() -> int:
        return ahead.taken if ahead is not None else 0

    ahead = read_ahead(read, range(50), threads=4, most=6)
    assert [ahead.take(wait=True) for _ in range(50)] == [number * 10 for number in range(50)]
    assert ahead.take(wait=True) is None and ahead.taken == 50
    assert most_waiting <= 6 + 1  # one is counted as taken a moment after its place is given away


def test_what_is_not_there_yet_is_not_waited_for(read_ahead):
    go = threading.Event()
    ahead = read_ahead(lambda number: go.wait() and number, range(2), threads=1, most=2)
    assert ahead.take(wait=False) is None and ahead.taken == 0
    go.set()
    assert ahead.take(wait=True) == 0 and ahead.waited_seconds >= 0
    assert list(ahead.batches(4)) == [[1]]


def test_a_fault_is_raised_and_ends_the_reading(read_ahead):
    read = []

    def fails_at_two(number: int) -> int:
        read.append(number)
        if number == 2:
            raise UserError("video 'two' cannot be decoded")
        return number

    ahead = read_ahead(fails_at_two, range(1000), threads=1, most=5)
    assert [ahead.take(wait=True), ahead.take(wait=True)] == [0, 1]
    with pytest.raises(UserError, match="video 'two'"):
        ahead.take(wait=True)
    time.sleep(0.05)
    assert len(read) < 20
