"""Worker processes of this machine, by pebble: each task has a time limit and takes nothing with it."""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing import get_context, resource_tracker
from threading import Thread
from typing import Any

from data_prep.engine import Failure, Item, Result, Workers
from videokr.errors import UserError

AHEAD = 2  # tasks waiting for each worker


def run(
    task: Callable[[Item], Result], items: Iterable[Item], workers: Workers
) -> Iterator[tuple[Item, Result | Failure]]:
    """See `data_prep.engine.run`."""
    from pebble import ProcessPool

    coming = iter(items)
    # Forked from a process without threads (this one has those of a progress bar, and of pebble) that has imported what
    # the task needs, so that the workers share it.
    context = get_context("forkserver")
    context.set_forkserver_preload(_modules(task))
    pool = ProcessPool(max_workers=workers.count, context=context)
    under_way: dict[Any, Item] = {}
    # In a thread, where no signal breaks it off: a worker that is half started outlives the pool, and complains.
    starting = Thread(target=_start, args=[pool])
    try:
        starting.start()
        starting.join()
        while True:
            for item in islice(coming, workers.count * (1 + AHEAD) - len(under_way)):
                under_way[pool.schedule(task, args=[item], timeout=workers.seconds_each)] = item
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), _outcome(future, workers.seconds_each)
    finally:
        starting.join()
        pool.stop()
        pool.join()


def _start(pool: Any) -> None:
    """Starts the processes, from which Ctrl-C, which a terminal sends to all, is kept: this one ends them."""
    resource_tracker.ensure_running()  # which would let it through again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # of this thread, and of what it starts
    with suppress(BrokenProcessPool):  # which comes again with the first task, or was meant
        _ = pool.active


def _modules(task: Any) -> list[str]:
    """Where a task and what it is given come from."""
    if not isinstance(task, partial):
        return [getattr(task, "__module__", None) or type(task).__module__]
    parts = (task.func, *task.args, *task.keywords.values())
    return list(dict.fromkeys(name for part in parts for name in _modules(part)))


def _outcome(future: Any, seconds_each: float) -> Any:
    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        return Failure(f"took longer than {seconds_each:g} s")
    except BrokenProcessPool:  # one died that had nothing to do: pebble then gives up all of them
        raise UserError("a worker process died, as for want of memory: run it again, with fewer --workers") from None
    except ProcessExpired as error:
        how = f"signal {-error.exitcode}" if error.exitcode < 0 else f"status {error.exitcode}"
        return Failure(f"its process died ({how})")
