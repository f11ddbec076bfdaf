"""Rows that are longer than the token budget, as `videokr prepare --model` leaves them out; no video is opened."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_prep.lint.finding import Flag
from data_prep.prepare.length import LengthLimit
from videokr.budget import RL_BUDGET, SFT_BUDGET
from videokr.errors import RecordError
from videokr.example import QUESTION_FIELDS, Example
from videokr.video.frame_plan import VideoHeader


class Lengths(NamedTuple):
    """Tells whether a row fits into the token budget: of SFT where it has a rationale, else of RL."""

    model: Path  # checkpoint folder, whose tokenizer and chat template count
    max_tokens: int  # a row may have so many

    def flag(self, example: Example, headers: Sequence[VideoHeader]) -> Flag | None:
        """The finding, if the row is longer; the headers are of its videos."""
        is_sft = example.rationale is not None
        limit = LengthLimit(self.model, self.max_tokens, SFT_BUDGET if is_sft else RL_BUDGET, is_sft)
        try:
            limit.refuse_longer(example, example.videos, headers)
        except RecordError:
            tokens = limit.tokens(example, headers)
            return Flag("too-long", f"{tokens:,} tokens of {self.max_tokens:,}", tokens, QUESTION_FIELDS[0])
        return None
