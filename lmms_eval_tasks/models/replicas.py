"""The questions of all replicas, handed out as replicas become free.

The host gives every process a fixed share of the questions, and wants the answers to that share from it. In between the
shares are one list, from which each replica takes when it has room; at the end the answers go to whose they are.
"""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import torch.distributed as dist

from videokr.errors import UserError

T = TypeVar("T")

# A video with more questions goes to several replicas: each has to look at it once, and none has it alone at the end.
MAX_TOGETHER = 8
TENTHS = 10

_lists = count()  # of this process; the replicas make theirs in the same order


def gather(own: T, replicas: int) -> list[T]:
    """What each replica has, by rank.

    Raises:
        UserError: another one has ended.
    """
    if replicas == 1:
        return [own]
    every: list[Any] = [None] * replicas
    try:
        dist.all_gather_object(every, own)
    except RuntimeError as error:
        raise UserError(
            f"another replica has ended, and says why ({error}); started again, the run goes on where it was"
        ) from None
    return every


def together(keys: Sequence[Hashable], most: int) -> list[list[int]]:
    """Places that are handed out at once: those of one key, at most so many, in the order of their first."""
    found: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return [places[i : i + most] for places in found.values() for i in range(0, len(places), most)]


class HandOut(Generic[T]):
    """One list for all replicas; what one of them has taken no other gets.

    Args:
        parts: taken as a whole; the same in every replica.
        replicas: how many there are; with more than one, all under torchrun.
    """

    def __init__(self, parts: Sequence[Sequence[T]], replicas: int):
        self._parts = parts
        store: Any = dist.HashStore()
        if replicas > 1:  # the one that torchrun's processes found each other by; over nodes, too
            store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
        self._store = dist.PrefixStore(f"videokr/{next(_lists)}", store)

    def __iter__(self) -> Iterator[T]:
        while (taken := self._store.add("taken", 1)) <= len(self._parts):
            yield from self._parts[taken - 1]

    def answered(self) -> int:
        """Counts one more, and says how many the replicas have answered."""
        number: int = self._store.add("answered", 1)
        return number


def in_flight(spans: Iterable[tuple[float, float]]) -> list[float]:
    """How many questions were in flight, as a mean of each tenth of the time.

    Args:
        spans: seconds from the start at which each was asked, and answered.
    """
    spans = list(spans)
    tenth = max(end for _, end in spans) / TENTHS
    return [
        sum(max(0.0, min(end, (i + 1) * tenth) - max(start, i * tenth)) for start, end in spans) / tenth
        for i in range(TENTHS)
    ]
