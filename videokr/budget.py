"""How much of a video a model is shown. One budget a stage, applied when a run starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoBudget:
    """
    Attributes:
        fps: frames sampled a second.
        min_frames, max_frames: bounds on the number of sampled frames.
        min_pixels, max_pixels: bounds on height * width of one frame, before rounding to the patch grid.
    """

    fps: float
    min_frames: int
    max_frames: int
    min_pixels: int
    max_pixels: int


# Paper, training recipe: 2 fps, at most 128 frames, 128 * 28 * 28 = 100,352 px a frame; published RL rows ask for
# exactly that many. Evaluation allows twice the pixels.
SFT_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=16 * 16, max_pixels=100_352)
RL_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=100_352, max_pixels=100_352)
EVAL_BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=16 * 16, max_pixels=200_704)
