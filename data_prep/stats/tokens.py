"""How long rows are in tokens: counted exactly, on rows drawn at random."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep.prepare.length import LengthLimit, family_patch_size
from data_prep.stats.distribution import Distribution, describe
from videokr.budget import MAX_TOKENS, VideoBudget
from videokr.evaluation.uncertainty import CRITICAL, estimate
from videokr.example import Example
from videokr.video.frame_plan import VideoHeader, plan_frames

TINY = VideoHeader(frame_count=2, average_fps=1.0, height=32, width=32)
Item = tuple[Example, tuple[VideoHeader, ...]]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over all rows, as a sample has it."""

    value: float
    error: float | None  # half of its 95% interval; 0 where all rows were counted, None where one alone was

    def times(self, rows: int) -> "Mean":
        return Mean(self.value * rows, None if self.error is None else self.error * rows)


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """How long the rows of a sample are, in tokens."""

    sampled: int  # rows that were counted
    of: int  # rows that they were drawn from
    lengths: Distribution  # of a row: prompt, and in SFT the response, too
    text: Mean  # a row's that stand for no patch of a video, marks and timestamps among them
    trained: Mean | None  # a row's that the loss is over; None but in SFT
    limit: int  # that a row may have
    longer: tuple[float, float, float]  # share of the rows that have more, with its 95% interval


def token_lengths(
    items: Sequence[Item], model: Path, budget: VideoBudget, with_response: bool, of: int
) -> TokenLengths:
    """Counts a sample of at least one row, drawn from so many; with rationale and answer where so asked."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # that there is no torch, and the like
    whole = LengthLimit(model, MAX_TOKENS, budget, with_response)
    prompt = LengthLimit(model, MAX_TOKENS, budget, with_response=False)
    patch_size = family_patch_size(model)
    counted = []
    for example, headers in tqdm(items, desc="counting tokens", unit="row", disable=None):
        total = whole.tokens(example, headers)
        tiny = [TINY] * len(headers)  # the response is as long whatever the video, and this takes less time
        response = whole.tokens(example, tiny) - prompt.tokens(example, tiny) if with_response else 0
        video = sum(plan_frames(header, budget, patch_size).video_tokens for header in headers)
        counted.append((total, response, video))
    totals, responses, videos = np.array(counted, dtype=np.int64).T
    lengths = describe(totals)
    assert lengths is not None
    share = estimate((totals > MAX_TOKENS).astype(float).tolist(), list(map(str, range(len(totals)))))  # row by row
    low, high = (share.value, share.value) if len(totals) == of else (share.low, share.high)
    return TokenLengths(
        sampled=len(totals),
        of=of,
        lengths=lengths,
        text=_mean(totals - videos, of),
        trained=_mean(responses, of) if with_response else None,
        limit=MAX_TOKENS,
        longer=(share.value, low, high),
    )


def _mean(values: np.ndarray, of: int) -> Mean:
    number, mean = len(values), float(values.mean())
    if number == of:
        return Mean(mean, 0.0)
    return Mean(mean, CRITICAL * float(values.std(ddof=1)) / math.sqrt(number) if number > 1 else None)
