"""How many tokens a question takes: what the model classes ask with, the videos' headers in place of their frames."""

from pathlib import Path
from typing import Any

import torch

from lmms_eval_tasks.models.video_model import VideoModel
from lmms_eval_tasks.task import doc_to_messages
from videokr.example import Example, to_record
from videokr.family import VIDEO
from videokr.video.frame_plan import FramePlan
from videokr.video.reader import plan_video
from videokr.video.timeline import read_header
from videokr.video.vision_tokens import MARKED_VIDEO, put_videos


class PromptLength(VideoModel):
    """Takes the settings of the model class that is going to answer, and loads no weights."""

    def load(self, *args: Any, **engine_args: Any) -> None:
        """Nothing but the processor is needed."""

    def tokens(self, example: Example) -> int:
        """Exactly as many as the engine makes of the question.

        Raises:
            VideoError: the header of a video cannot be read.
        """
        asked = self.read(doc_to_messages(to_record(example)))
        plans = [plan for _, plan in asked.videos]
        place = VIDEO if plans and plans[0].timestamped else MARKED_VIDEO
        text = put_videos(asked.text, place, plans)
        return len(self.processor.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def frames(self, video: Path) -> tuple[torch.Tensor, FramePlan]:
        """Frames without pixels: their number is all that a probe looks at."""
        patch_size = self.processor.video_processor.patch_size
        plan = plan_video(video, read_header(video), self.budget, patch_size)
        return torch.empty(len(plan.indices), 0), plan
