"""Tasks in worker processes: what hangs or dies takes nothing with it."""

from functools import partial
from itertools import count

import pytest
from misbehaving import misbehave

from data_prep.engine import Failure, run
from videokr.errors import UserError


def double(number: int) -> int:
    return 2 * number


def refuse(number: int) -> int:
    raise UserError(f"not {number}")


def test_every_item_has_its_result():
    assert sorted(run(double, range(100), workers=2, seconds_each=10)) == [(n, 2 * n) for n in range(100)]


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
    outcomes = dict(run(partial(misbehave, how=how), range(8), workers=2, seconds_each=1))
    assert outcomes == {n: Failure(reason) if n == 3 else 2 * n for n in range(8)}


def test_what_a_task_raises_is_raised():
    with pytest.raises(UserError, match="not 0"):
        list(run(refuse, [0], workers=1, seconds_each=10))


def test_items_are_not_read_far_ahead():
    read = count()
    running = run(double, read, workers=2, seconds_each=10)
    for _ in range(5):
        next(running)
    running.close()
    assert next(read) < 20
