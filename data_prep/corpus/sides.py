"""Which side of a split a video goes to: with its near-duplicates, and to the same when more videos come."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from data_prep.corpus.frames import Frames
from data_prep.corpus.ledger import NAME, Ledger
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import WHOLE, output_of
from data_prep.decontamination.alignment import MIN_PICTURES
from data_prep.decontamination.candidates import BenchmarkIndex
from data_prep.decontamination.comparison import aligned, stores
from data_prep.decontamination.fingerprint import Fingerprint
from data_prep.decontamination.texts import holders_by_id
from data_prep.engine import Workers
from data_prep.prepare.split import VideoGroups, video_key
from videokr.errors import UserError
from videokr.video.paths import resolve_video

MAX_BLOCK_BYTES = 1_000_000_000  # of hashes that are in memory at once, on the side that has more of them


@dataclass(frozen=True, slots=True)
class Side:
    """Which groups of videos go to RL: a share of them, drawn by a seed."""

    seed: int
    share: float
    groups: VideoGroups

    def group_of(self, video: str) -> int:
        return self.groups.group_of(video_key(video))

    def is_rl(self, video: str) -> bool:
        """By a hash of the group, so that a video that is added moves no other group, and its own but rarely."""
        drawn = hashlib.blake2b(f"{self.seed}/{self.group_of(video)}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) < self.share * 2**64


def tie_near_duplicates(
    groups: VideoGroups, videos: Sequence[str], root: Path, fingerprints: Path, workers: Workers
) -> set[str]:
    """Ties videos that have an id in common, or that decontamination would take for near-duplicates by their hashes.

    Pairs whose pictures differ on a closer look are tied, too: to keep them together costs nothing.

    Args:
        videos: plain paths, all different.
        fingerprints: the folder that keeps hashes; see `videokr decontaminate --fingerprints`.

    Returns:
        Videos that show too little to be compared so.

    Raises:
        UserError: a video cannot be read.
    """
    for same in holders_by_id(videos).values():
        groups.tie([video_key(video) for video in same])
    train, benchmark = stores(fingerprints, root, root)
    for store, which in ((train, "hashing, 1 of 2"), (benchmark, "hashing, 2 of 2")):
        for video, reason in sorted(store.complete(videos, workers, which).items()):
            raise UserError(f"video '{video}' {reason}: it has to be compared with the others, so leave out its rows")
    short: set[str] = set()
    for others in _blocks(benchmark.read(videos)):
        index = BenchmarkIndex(list(others.values()))
        for piece in tqdm(train.read(videos), "comparing", unit="piece", disable=None):
            short.update(one.path for one in piece if len(one.seconds) < MIN_PICTURES)
            candidates = (one for one in index.candidates(piece) if one.train != one.benchmark)
            for own, other, _ in aligned(candidates, {one.path: one for one in piece}, others):
                groups.tie([video_key(own), video_key(other)])
    return short


def tie_same_frames(groups: VideoGroups, videos: Iterable[str], corpus: Corpus) -> None:
    """Ties videos whose frames, as models are shown them, are the same to the last pixel.

    Raises:
        UserError: a video is not there.
        VideoError: a video cannot be decoded.
    """

    async def digest_of(video: str) -> str:
        path = resolve_video(video, corpus.video_dir)
        return (await Frames.of(video, path, corpus.video_budget, ledger)).digest

    path = output_of(corpus, NAME, WHOLE)
    first: dict[str, str] = {}
    with closing(Ledger(path if path.is_file() else None)) as ledger:  # which knows most of them
        for video in sorted(videos):
            same = first.setdefault(asyncio.run(digest_of(video)), video)
            groups.tie([video_key(video), video_key(same)])


def _blocks(pieces: Iterator[list[Fingerprint]]) -> Iterator[dict[str, Fingerprint]]:
    """Fingerprints by path, as many at once as fit into memory."""
    block: dict[str, Fingerprint] = {}
    held_bytes = 0
    for one in chain.from_iterable(pieces):
        block[one.path] = one
        held_bytes += one.hashes.nbytes
        if held_bytes >= MAX_BLOCK_BYTES:
            yield block
            block, held_bytes = {}, 0
    if block:
        yield block
