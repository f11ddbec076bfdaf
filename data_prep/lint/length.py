"""Rows that are longer than the token budget, as `videokr prepare --model` leaves them out; no video is opened."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data_prep.lint.finding import Flag
from data_prep.prepare.length import LengthLimit, family_patch_size
from videokr.budget import BUDGETS
from videokr.example import QUESTION_FIELDS, Example
from videokr.prompt import build_prompt, text_token_bound
from videokr.response import build_response
from videokr.video.frame_plan import VideoHeader, plan_frames, video_token_bound
from videokr.video.manifest import VideoEntry, read_manifest
from videokr.video.paths import plain_path

FITS, LONGER, UNKNOWN = "fits", "longer", "unknown"
_LEAST_VIDEO = VideoHeader(frame_count=1, average_fps=1.0, height=28, width=28)  # no video has fewer tokens


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tells whether a row fits into the token budget."""

    model: Path  # checkpoint folder, whose tokenizer and chat template count
    max_tokens: int  # a row may have so many
    stage: str | None  # one of BUDGETS; None: SFT for a row with a rationale, RL for one without
    manifest: Path | None  # of `videokr check`; None: nothing is known of the videos

    def flag(self, tokens: int) -> Flag:
        return Flag("too-long", f"{tokens:,} tokens of {self.max_tokens:,}", tokens, QUESTION_FIELDS[0])

    def verdict(self, example: Example) -> tuple[str, int]:
        """Whether the row fits, and its tokens where it does not (at least so many, if its videos are not known)."""
        stage = self.stage or ("sft" if example.rationale else "rl")
        limit = LengthLimit(self.model, self.max_tokens, BUDGETS[stage], stage == "sft")
        entries = entries_of(self.manifest) if self.manifest else {}
        found = [entries.get(plain_path(video)) for video in example.videos]
        headers = [entry.header if entry else None for entry in found]
        patch_size = family_patch_size(self.model)
        bound = sum(video_token_bound(limit.budget, patch_size, header) for header in headers)
        text = build_prompt(example)
        if limit.with_response:
            text += build_response(example.rationale, example.answer)
        if text_token_bound(text) + bound <= self.max_tokens:
            return FITS, 0  # nothing has to be tokenized
        least = [header or _LEAST_VIDEO for header in headers]
        tokens = limit.tokens(example, least)
        if tokens > self.max_tokens:
            return LONGER, tokens
        shown = sum(plan_frames(header, limit.budget, patch_size).video_tokens for header in least)
        fits = None not in headers or tokens - shown + bound <= self.max_tokens
        return (FITS if fits else UNKNOWN), 0


@lru_cache(maxsize=1)  # once a process, not once a row
def entries_of(path: Path) -> dict[str, VideoEntry]:
    """A manifest's entries, read once."""
    return read_manifest(path)
