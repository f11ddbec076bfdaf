"""Results that several threads ask for at once, made once and kept while there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    def __init__(self, executor: Executor, max_bytes: int, size_of: Callable[[Result], int]):
        """Work that is done once and shared by those who ask for it.

        Args:
            executor: does the work.
            max_bytes: of the results that are kept; those asked for longest ago go first. One that is larger than all
                of it is kept until the next is made.
            size_of: bytes of a result.
        """
        self._made = 0
        self._executor, self._max_bytes, self._size_of = executor, max_bytes, size_of
        self._results: OrderedDict[Hashable, Future[Result]] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._lock = Lock()

    def ask(self, key: Hashable, make: Callable[[], Result]) -> "Future[Result]":
        """The result for a key. What `make` raises, everybody gets who asked meanwhile; it is tried again after."""
        with self._lock:
            known = self._results.get(key)
            if known is not None:
                self._results.move_to_end(key)
                return known
            future = self._results[key] = self._executor.submit(make)
        future.add_done_callback(partial(self._keep, key))
        return future

    def take_made(self) -> int:
        """How many results were made since this was last asked."""
        with self._lock:
            made, self._made = self._made, 0
        return made

    def _keep(self, key: Hashable, future: "Future[Result]") -> None:
        failed = future.cancelled() or future.exception() is not None
        with self._lock:
            if failed:
                self._results.pop(key, None)
                return
            self._made += 1
            self._sizes[key] = self._size_of(future.result())
            held = sum(self._sizes.values())
            for oldest in [known for known in self._results if known in self._sizes and known != key]:
                if held <= self._max_bytes:
                    break
                held -= self._sizes.pop(oldest)
                del self._results[oldest]
