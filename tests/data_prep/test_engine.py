"""Tasks in worker processes: what hangs or dies takes nothing with it."""

from functools import partial
from itertools import count

import pytest
from misbehaving import misbehave

from data_prep.engine import Failure, Workers, run
from videokr.errors import UserError


def double(number: int) -> int:
    return 2 * number


def refuse(number: int) -> int:
    raise UserError(f"not {number}")


def test_every_item_has_its_result():
    assert sorted(run(double, range(100), Workers(2, 10, "local"))) == [(n, 2 * n) for n in range(100)]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hang", "took longer than 1 s"),
        ("killed", "its process died (signal 9)"),
        ("aborts", "its process died (signal 6)"),
        ("exits", "its process died (status 7)"),
    ],
)
def test_a_task_that_hangs_or_dies_takes_nothing_with_it(how, reason):
    outcomes = dict(run(partial(misbehave, how=how), range(8), Workers(2, 1, "local")))
    assert outcomes == {n: Failure(reason) if n == 3 else 2 * n for n in range(8)}


def test_what_a_task_raises_is_raised():
    with pytest.raises(UserError, match="not 0"):
        list(run(refuse, [0], Workers(1, 10, "local")))


def test_items_are_not_read_far_ahead():
    read = count()
    running = run(double, read, Workers(2, 10, "local"))
    for _ in range(5):
        next(running)
    running.close()
    assert next(read) < 20
