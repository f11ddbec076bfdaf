"""What a model is asked, and how a dialogue with the crop tool goes on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from videokr.budget import VideoBudget
from videokr.dialogue import CallFault, build_observation, calls_to_answer, read_turn
from videokr.family import END_OF_TURN, USER_TURN, VIDEO
from videokr.generation_prompt import generation_prompt
from videokr.prompt import VIDEO_PLACEHOLDER
from videokr.video.frame_plan import TIMESTAMPED_PATCH_SIZE, FramePlan
from videokr.video.look import look
from videokr.video.vision_tokens import MARKED_VIDEO, put_videos


@dataclass(frozen=True, slots=True)
class Conversation:
    """One question as the model is asked it.

    Attributes:
        text: the chat template's, with one place a video.
        videos: frames, uint8 (frames, 3, height, width), and plan of each.
        asked_about: the question's own video; None where it has none, or none is shown.
        said: turns so far, the user's among them, of a dialogue with a tool.
    """

    text: str
    videos: tuple[tuple[torch.Tensor, FramePlan], ...]
    asked_about: Path | None = None
    said: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        return sum(frames.numel() // 3 for frames, _ in self.videos)


class Rounds:
    """Dialogues with the crop tool.

    Args:
        processor: whose chat template writes videos without outer marks.
        budget: of the videos, and of their parts.
        max_model_len: context in tokens.
        opening: what the prompt holds of a response.
    """

    def __init__(self, processor: Any, budget: VideoBudget, max_model_len: int, opening: str):
        self._processor, self._budget, self._max_model_len = processor, budget, max_model_len
        self._opening, self._patch_size = opening, processor.video_processor.patch_size
        self._place = VIDEO if self._patch_size == TIMESTAMPED_PATCH_SIZE else MARKED_VIDEO

    def following(self, before: Conversation, said: str) -> Conversation | None:
        """The next round; None where the model has called for nothing more, or there is no room even to say so."""
        calls = calls_to_answer(read_turn(self._opening + said), len(before.said) // 2)
        if not calls or before.asked_about is None:
            return None
        shown = [look(before.asked_about, self._budget, self._patch_size, call) for call in calls]
        for seen in (shown, [(CallFault.NO_ROOM, None)]):
            told = build_observation([call for call, _ in seen])
            turns = f"{said}{END_OF_TURN}\n{USER_TURN.format(told)}{generation_prompt(self._processor)}"
            following = Conversation(
                before.text + turns.replace(VIDEO_PLACEHOLDER, self._place),
                before.videos + tuple(found for _, found in seen if found is not None),
                before.asked_about,
                (*before.said, said, told.replace(VIDEO_PLACEHOLDER, "")),
            )
            if self.tokens(following) < self._max_model_len:
                return following
        return None

    def tokens(self, conversation: Conversation) -> int:
        """Exactly as many as the engine makes of it."""
        text = put_videos(conversation.text, self._place, [plan for _, plan in conversation.videos])
        return len(self._processor.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
