"""How long a row is in tokens, decided by the frame plan: no video is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from videokr.budget import VideoBudget
from videokr.dialogue import SYSTEM, build_call_turn, build_observation, write_calls
from videokr.errors import RecordError
from videokr.example import QUESTION_FIELDS, VIDEO_FIELDS, Example
from videokr.family import END_OF_TURN, USER_TURN, VIDEO, family_of
from videokr.generation_prompt import continuation, generation_prompt, opening_of
from videokr.prompt import VIDEO_PLACEHOLDER, build_prompt, text_token_bound
from videokr.response import EMPTY_THINK, build_response
from videokr.spans import Span
from videokr.video.frame_plan import VideoHeader, plan_frames, video_token_bound
from videokr.video.part import plan_part
from videokr.video.timeline import VideoError, read_header
from videokr.video.vision_tokens import MARKED_VIDEO, put_videos

UNREADABLE_VIDEO = "video cannot be read"


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """The most tokens that a row may have."""

    model: Path  # checkpoint folder, whose tokenizer and chat template count
    max_tokens: int
    budget: VideoBudget  # of the video
    with_response: bool  # whether rationale and answer belong to the row, as in SFT
    without_rationale: str = EMPTY_THINK  # see `build_response`
    agentic: bool = False  # whether a row is a dialogue: the system turn tells of the tool, and rounds belong to it

    @property
    def reason(self) -> str:
        """Of the fault of a longer record."""
        return f"longer than {self.max_tokens:,} tokens"

    def refuse_longer(self, example: Example, paths: Sequence[str], headers: Sequence[VideoHeader | None]) -> None:
        """Counts only where bounds leave it in doubt.

        Args:
            paths: of the videos, for headers that are not known.
            headers: of the videos, as far as known.

        Raises:
            RecordError: the row is longer, or its length cannot be told because a header cannot be read.
        """
        said = self._system() + "".join(self._turns(example)) + self._response(example)
        text_bound = text_token_bound(build_prompt(example) + said)
        patch_size = family_patch_size(self.model)
        video_bound = video_token_bound(self.budget, patch_size)
        text_bound += said.count(MARKED_VIDEO) * video_bound
        if text_bound + len(paths) * video_bound <= self.max_tokens:
            return
        try:
            known = [header or read_header(Path(path)) for path, header in zip(paths, headers, strict=True)]
            bounds = [video_token_bound(self.budget, patch_size, header) for header in known]
            if text_bound + sum(bounds) <= self.max_tokens:
                return
            tokens = self.tokens(example, known)
        except VideoError as error:
            raise RecordError(VIDEO_FIELDS[0], UNREADABLE_VIDEO, str(error)) from None
        if tokens > self.max_tokens:
            raise RecordError(QUESTION_FIELDS[0], self.reason, f"{tokens:,} tokens")

    def tokens(self, example: Example, headers: Sequence[VideoHeader]) -> int:
        """Exactly as many as the hosts make of the row."""
        tokenizer, patch_size = _tokenizer(self.model), family_patch_size(self.model)
        plans = [plan_frames(header, self.budget, patch_size) for header in headers]
        content: list[dict[str, Any]] = [{"type": "video"} for _ in plans]
        messages = [{"role": "user", "content": [*content, {"type": "text", "text": build_prompt(example)}]}]
        if self.agentic:
            messages = [{"role": "system", "content": self._system()}, *messages]
        for _, spans in self._rounds(example):
            plans += [plan_part(headers[0], span, self.budget, patch_size) for span in spans]
        asked = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        parts, place = [asked, *self._turns(example)], MARKED_VIDEO
        if plans[0].timestamped:  # see videokr.video.vision_tokens.drop_outer_marks
            parts, place = [part.replace(MARKED_VIDEO, VIDEO) for part in parts], VIDEO
        shown = iter(plans)
        parts = [put_videos(part, place, islice(shown, part.count(place))) for part in parts]
        if self.with_response:
            parts.append(continuation(self._response(example), opening_of(asked)) + END_OF_TURN)
        return sum(len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in parts)

    def _rounds(self, example: Example) -> tuple[tuple[str, tuple[Span, ...]], ...]:
        return example.rounds if self.agentic and self.with_response else ()

    def _system(self) -> str:
        return write_calls(SYSTEM, _tokenizer(self.model).chat_template) if self.agentic else ""

    def _turns(self, example: Example) -> list[str]:
        """What stands between question and response, turn by turn, with the marks of its videos."""
        turns: list[str] = []
        for thoughts, spans in self._rounds(example):
            prompt = generation_prompt(tokenizer := _tokenizer(self.model))
            said = write_calls(build_call_turn(thoughts, spans), tokenizer.chat_template)
            shown = build_observation(spans).replace(VIDEO_PLACEHOLDER, MARKED_VIDEO)
            turns += [continuation(said, opening_of(prompt)) + END_OF_TURN, f"\n{USER_TURN.format(shown)}{prompt}"]
        return turns

    def _response(self, example: Example) -> str:
        return build_response(example.rationale, example.answer, self.without_rationale) if self.with_response else ""


@lru_cache
def family_patch_size(model: Path) -> int:
    return family_of(model).patch_size


@lru_cache(maxsize=1)
def _tokenizer(model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
