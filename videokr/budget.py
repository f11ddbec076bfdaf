"""How much of a video a model is shown. One budget a stage, applied when a run starts."""

import math
from dataclasses import dataclass

from videokr.errors import UserError

BY_INDEX, BY_TIME = SAMPLINGS = ("index", "time")  # what sampled frames are even in
MAX_BOUND = 2**31  # of any bound; no host counts further


@dataclass(frozen=True, slots=True)
class VideoBudget:
    """How many frames and pixels of a video a model is shown.

    Attributes:
        fps: frames sampled a second.
        min_frames, max_frames: bounds on the number of sampled frames.
        min_pixels, max_pixels: bounds on height * width of one frame, before rounding to the patch grid.
        sampling: what the frames are even in, which differs where they are not equally long: `index`, as the published
            checkpoints were trained, or `time`.
    """

    fps: float
    min_frames: int
    max_frames: int
    min_pixels: int
    max_pixels: int
    sampling: str = BY_INDEX

    def __post_init__(self) -> None:
        """Raises UserError at a value that is no positive number, a least above the most, or another sampling."""
        if self.sampling not in SAMPLINGS:
            raise UserError(f"video budget: sampling is '{self.sampling}': {' or '.join(SAMPLINGS)}")
        for name in ("fps", "min_frames", "max_frames", "min_pixels", "max_pixels"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value < MAX_BOUND):
                raise UserError(f"video budget: {name} is {value}: a positive number is needed, below {MAX_BOUND:,}")
        for what in ("frames", "pixels"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least > most:
                raise UserError(f"video budget: min_{what} {least} is above max_{what} {most}")

    def bounded(self, max_frames: int | None = None, max_pixels: int | None = None) -> "VideoBudget":
        """The same with other upper bounds, and lower ones no higher than these."""
        frames = self.max_frames if max_frames is None else max_frames
        pixels = self.max_pixels if max_pixels is None else max_pixels
        least_frames, least_pixels = min(self.min_frames, frames), min(self.min_pixels, pixels)
        return VideoBudget(self.fps, least_frames, frames, least_pixels, pixels, self.sampling)


# Paper, training recipe: 2 fps, at most 128 frames, 128 * 28 * 28 = 100,352 px a frame; published RL rows ask for
# exactly that many. Evaluation allows twice the pixels.
SFT_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=16 * 16, max_pixels=100_352)
RL_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=100_352, max_pixels=100_352)
EVAL_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=16 * 16, max_pixels=200_704)
BUDGETS = {"sft": SFT_BUDGET, "rl": RL_BUDGET, "eval": EVAL_BUDGET}
MAX_TOKENS = 16_384  # paper, training recipe: of an SFT row, response and all; of an RL prompt
