"""Conversations decoded before they are asked for, in order, and no more of them than memory should hold."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Read = TypeVar("Read")


class ReadAhead(Generic[Asked, Read]):
    """Reads in threads what will be taken next.

    Args:
        read: what a thread does with one.
        asked: in the order that they are taken in; each is asked for when there is room to read it.
        threads: that read.
        most: how many are read, or being read, and not taken.

    Attributes:
        taken_at: when each was taken, in seconds since the start.
        waited_seconds: for which `take` waited.
    """

    def __init__(self, read: Callable[[Asked], Read], asked: Iterable[Asked], threads: int, most: int):
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._read, self._left, self._most = read, iter(asked), most
        self._coming: deque[Future[Read]] = deque()
        self.taken_at: list[float] = []
        self._start, self.waited_seconds = monotonic(), 0.0
        self._fill()

    def _fill(self) -> None:
        while len(self._coming) < self._most and (following := next(self._left, None)) is not None:
            self._coming.append(self._pool.submit(self._read, following))

    @property
    def taken(self) -> int:
        return len(self.taken_at)

    def seconds(self) -> float:
        """Since the start."""
        return monotonic() - self._start

    def take(self, wait: bool) -> Read | None:
        """The next one; None where all are taken, or where it is not there yet and `wait` is false.

        Raises:
            UserError: it cannot be read; nothing more is.
        """
        if not self._coming or not (wait or self._coming[0].done()):
            return None
        start = monotonic()
        try:
            found = self._coming.popleft().result()
        except BaseException:
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise
        self.waited_seconds += monotonic() - start
        self.taken_at.append(self.seconds())
        self._fill()
        return found

    def submit(self, read: Callable[[], Read | None]) -> "Future[Read | None]":
        """Has something else read by the same threads."""
        return self._pool.submit(read)

    def batches(self, size: int) -> Iterator[list[Read]]:
        """All of them, so many at once."""
        while self._coming:
            yield [one for _ in range(size) if (one := self.take(wait=True)) is not None]
