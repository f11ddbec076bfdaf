"""How long rows are in tokens: counted exactly, on rows drawn at random."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep.engine import Failure, run
from data_prep.prepare.length import LengthLimit, family_patch_size
from data_prep.stats.distribution import Distribution, describe
from videokr.budget import MAX_TOKENS, VideoBudget
from videokr.errors import UserError
from videokr.evaluation.uncertainty import CRITICAL, estimate
from videokr.example import Example
from videokr.video.frame_plan import VideoHeader, plan_frames

BATCH_ROWS = 25  # a task
SECONDS_EACH = 600.0
TINY = VideoHeader(frame_count=2, average_fps=1.0, height=32, width=32)
Item = tuple[Example, tuple[VideoHeader, ...]]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over all rows, as a sample has it.

    Attributes:
        error: half of its 95% interval; 0 where all rows were counted, None where one alone was.
    """

    value: float
    error: float | None

    def times(self, rows: int) -> "Mean":
        return Mean(self.value * rows, None if self.error is None else self.error * rows)


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """How long the rows of a sample are.

    Attributes:
        sampled: rows that were counted; of: rows that they were drawn from.
        seed: of the drawing.
        lengths: of a row: prompt, and in SFT the response, too.
        text: tokens of a row that stand for no patch of a video, marks and timestamps among them.
        trained: tokens of a row that the loss is over; None but in SFT.
        limit: tokens that a row may have.
        longer: share of the rows that have more, with its 95% interval.
    """

    sampled: int
    of: int
    seed: int
    lengths: Distribution
    text: Mean
    trained: Mean | None
    limit: int
    longer: tuple[float, float, float]


def token_lengths(
    items: Sequence[Item], model: Path, budget: VideoBudget, with_response: bool, of: int, seed: int, workers: int
) -> TokenLengths:
    """Counts a sample in worker processes.

    Args:
        items: the sample, one row at least.
        model: checkpoint folder.
        with_response: whether rationale and answer belong to the row.
        of: how many rows it was drawn from.

    Raises:
        UserError: a worker process died.
    """
    batches = [items[first : first + BATCH_ROWS] for first in range(0, len(items), BATCH_ROWS)]
    count = partial(_count_tokens, model, budget, with_response)
    counted: list[tuple[int, int, int]] = []
    with tqdm(total=len(items), desc="counting tokens", unit="row", disable=None) as bar:
        for _, found in run(count, batches, workers=workers, seconds_each=SECONDS_EACH):
            if isinstance(found, Failure):
                raise UserError(f"counting tokens: {found.reason}; try fewer --workers")
            counted += found
            bar.update(len(found))
    counted.sort()  # they come as they are done
    totals, responses, videos = (np.array(column, dtype=np.int64) for column in zip(*counted, strict=True))
    lengths = describe(totals)
    assert lengths is not None
    longer = (totals > MAX_TOKENS).astype(float).tolist()
    share = estimate(longer, [str(row) for row in range(len(longer))])  # drawn row by row
    low, high = (share.value, share.value) if len(counted) == of else (share.low, share.high)
    return TokenLengths(
        sampled=len(counted),
        of=of,
        seed=seed,
        lengths=lengths,
        text=_mean(totals - videos, of),
        trained=_mean(responses, of) if with_response else None,
        limit=MAX_TOKENS,
        longer=(share.value, low, high),
    )


def _count_tokens(
    model: Path, budget: VideoBudget, with_response: bool, batch: Sequence[Item]
) -> list[tuple[int, int, int]]:
    """Of each row its tokens in all, those of the response, and those that stand for patches."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # of this worker: that there is no torch, and the like
    whole = LengthLimit(model, MAX_TOKENS, budget, with_response)
    prompt = LengthLimit(model, MAX_TOKENS, budget, with_response=False)
    patch_size = family_patch_size(model)
    counted = []
    for example, headers in batch:
        total = whole.tokens(example, headers)
        tiny = [TINY] * len(headers)  # the response is as long whatever the video, and this takes less time
        response = whole.tokens(example, tiny) - prompt.tokens(example, tiny) if with_response else 0
        video = sum(plan_frames(header, budget, patch_size).video_tokens for header in headers)
        counted.append((total, response, video))
    return counted


def _mean(values: np.ndarray, of: int) -> Mean:
    """With the error of a sample without replacement."""
    number = len(values)
    mean = int(values.sum()) / number
    if number == of:
        return Mean(mean, 0.0)
    if number == 1:
        return Mean(mean, None)
    variance = math.fsum((value - mean) ** 2 for value in values.tolist()) / (number - 1)
    return Mean(mean, CRITICAL * math.sqrt(variance / number * (1 - number / of)))
