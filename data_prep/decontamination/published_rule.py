"""The rule of the publication, as it is printed: 20-second windows, a 64-bit perceptual hash, distance 30.

Two unrelated hashes of 64 bits are within 30 bits of each other in about 40 of 100 cases, so that this takes most pairs
of unrelated videos for near-duplicates. It is here to be compared with, and never the default.
"""

from data_prep.decontamination.alignment import WINDOW_SECONDS, Alignment
from data_prep.decontamination.fingerprint import BENCHMARK_FPS, TRAIN_FPS, Fingerprint

DISTANCE_MAX = 30  # bits of 64
SHARE_MIN = 0.7  # of a window's pictures
WARNING = (
    "warning: --rule published finds a near-duplicate for most unrelated videos (two unrelated hashes of 64 bits are "
    "within 30 bits in about 40 of 100 cases)"
)


def match_published(train: Fingerprint, benchmark: Fingerprint) -> Alignment | None:
    """The pair of whole windows of which most pictures agree, if SHARE_MIN of them do."""
    import numpy as np

    length = round(WINDOW_SECONDS * TRAIN_FPS)
    own = train.hashes[:, 0, 0]
    others = benchmark.hashes[:: round(BENCHMARK_FPS / TRAIN_FPS), 0, 0]
    best: Alignment | None = None
    for start in range(0, len(own) - length + 1, length):
        for other in range(0, len(others) - length + 1, length):
            differing = np.bitwise_count(own[start : start + length] ^ others[other : other + length])
            share = float((differing <= DISTANCE_MAX).mean())
            if share >= SHARE_MIN and (best is None or share > best.share):
                seconds = float(train.seconds[start]), float(train.seconds[start + length - 1])
                offset = float(benchmark.seconds[other * round(BENCHMARK_FPS / TRAIN_FPS)]) - seconds[0]
                best = Alignment(share, 1.0, offset, *seconds, is_mirrored=False)
    return best
