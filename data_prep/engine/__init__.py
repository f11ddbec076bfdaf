"""Many tasks over files that may hang or kill what reads them: in processes of this machine, or of a Ray cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from typing import TypeVar

ENGINES = ("local", "ray")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Failure:
    """A task without a result; `reason` says what became of its process."""

    reason: str


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that run tasks.

    Attributes:
        count: processes at once; with Ray, how many of its CPUs.
        seconds_each: for a task. One that takes longer is ended, and is a Failure; so is one whose process dies.
        engine: one of ENGINES.
    """

    count: int
    seconds_each: float
    engine: str


def cpu_count() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def run(
    task: Callable[[Item], Result], items: Iterable[Item], workers: Workers
) -> Iterator[tuple[Item, Result | Failure]]:
    """Runs a task on every item, each in a worker process with a time limit; yields them as they are done.

    Args:
        task: a function of a module, or a functools.partial of one; what it raises is raised here.
        items: read a little ahead of the workers, and no more.

    Raises:
        UserError: there is no Ray, or no cluster of it.
    """
    if isinstance(items, Sized):
        if not items:
            return iter(())
        workers = replace(workers, count=min(workers.count, len(items)))
    if workers.engine == "ray":
        from data_prep.engine import ray_engine

        return ray_engine.run(task, items, workers)
    from data_prep.engine import local_engine

    return local_engine.run(task, items, workers)
