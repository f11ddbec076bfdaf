"""The same tasks as a Ray Data job on an existing cluster; in each of its workers they run as on one machine."""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from data_prep.engine import Failure, Item, Result, Workers, local_engine
from videokr.errors import UserError

TASKS_A_BATCH = 32  # that one of Ray's workers is given at a time


def run(
    task: Callable[[Item], Result], items: Iterable[Item], workers: Workers
) -> Iterator[tuple[Item, Result | Failure]]:
    """See `data_prep.engine.run`; RAY_ADDRESS names the cluster."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise UserError("--engine ray: no Ray here; take the environment of local_script/setup_env.sh rl") from None
    address = os.environ.get("RAY_ADDRESS", "auto")
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--engine ray: no cluster at '{address}' ({reason}): ray start, or set RAY_ADDRESS") from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    # As bytes: Arrow, in which Ray Data keeps rows, would make lists of tuples.
    rows = ray.data.from_items([{"item": pickle.dumps(item)} for item in items])
    done = rows.map_batches(
        partial(_run_batch, task, replace(workers, count=1)),
        batch_size=TASKS_A_BATCH,
        concurrency=workers.count,
        num_cpus=1,
    )
    for row in done.iter_rows():
        yield pickle.loads(row["item"]), pickle.loads(row["outcome"])


def _run_batch(task: Callable[[Any], Any], workers: Workers, batch: dict[str, Any]) -> dict[str, list[bytes]]:
    items = [pickle.loads(item) for item in batch["item"]]
    outcomes = list(local_engine.run(task, items, workers))
    return {
        "item": [pickle.dumps(item) for item, _ in outcomes],
        "outcome": [pickle.dumps(outcome) for _, outcome in outcomes],
    }
