"""Which records people look at, and how one is known again."""

import hashlib
import heapq
import json
from collections.abc import Collection
from pathlib import Path

from data_prep.corpus.review import Made, read_made
from videokr.example import Example, imitated_fields, to_record


def digest_of(example: Example) -> str:
    """Names what an annotator is shown: a record that says something else has another one."""
    shown = json.dumps(to_record(example) | imitated_fields(example), sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


def draw(source: Path, number: int, seed: int) -> list[Made]:
    """Records of a file, each as likely as any other, in a random order.

    Which they are follows from the seed and their ids: a larger sample begins with the smaller one, and files with the
    same ids have the same ones drawn.
    """

    def place(one: Made) -> bytes:
        return hashlib.sha256(f"{seed}/audit/{one.example.id}".encode()).digest()

    return heapq.nsmallest(number, read_made(source), key=place)


def find(source: Path, digests: Collection[str]) -> dict[str, Made]:
    """Those of these records that a file has."""
    return {digest: one for one in read_made(source) if (digest := digest_of(one.example)) in digests}
