"""How many tokens a question takes: what the model classes ask with, the videos' headers in place of their frames."""

from pathlib import Path
from typing import Any

import torch

from lmms_eval_tasks.models.video_model import VideoModel
from lmms_eval_tasks.task import doc_to_messages
from videokr.example import Example, to_record
from videokr.video.frame_plan import FramePlan
from videokr.video.reader import plan_video
from videokr.video.timeline import read_header


class PromptLength(VideoModel):
    """Takes the settings of the model class that is going to answer, and loads no weights."""

    def load(self, *args: Any, **engine_args: Any) -> None:
        """Nothing but the processor is needed."""

    def tokens(self, example: Example) -> int:
        """Exactly as many as the engine makes of the question.

        Raises:
            VideoError: the header of a video cannot be read.
        """
        return self.rounds.tokens(self.read(self.told(doc_to_messages(to_record(example)))))

    def frames(self, video: Path) -> tuple[torch.Tensor, FramePlan]:
        """Frames without pixels: their number is all that a probe looks at."""
        patch_size = self.processor.video_processor.patch_size
        plan = plan_video(video, read_header(video), self.budget, patch_size)
        return torch.empty(len(plan.indices), 0), plan
