"""Which frames of a video a model is shown, how large, and when: decided from a file's header, before any decoding.

The rules are those of qwen-vl-utils 0.0.14, with which the published checkpoints were trained by GRPO and measured;
tests hold the two together. They differ where qwen-vl-utils fails: a video of one frame is shown twice here, as the
processors of both families repeat a last frame, and a narrow strip is never less than one token wide.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from videokr.budget import BY_TIME, VideoBudget
from videokr.errors import UserError

TEMPORAL_PATCH_FRAMES = 2  # frames in one temporal patch, all families
BFLOAT16_BITS = 8  # of a significand
TIMESTAMPED_PATCH_SIZE = 16  # pixels; of the families whose prompts hold timestamps
MERGE_SIDE = 2  # vision patches along one side of a token, all families
ASPECT_MAX = 200  # long side over short side that the processors take
# Of qwen-vl-utils: tokens of one frame at most, of a video's frames together, and how far a frame may pass its share.
FRAME_TOKENS_MAX = 768
VIDEO_TOKENS_MAX = 128_000 * 0.9
SHARE_SLACK = 1.05
MILLISECONDS = 1_000  # in a second
MARKS = 2  # tokens around a video, or with timestamps around each of its temporal patches
TIMESTAMP_TOKENS_MAX = 17  # `<86400.0 seconds>` before a temporal patch, of a tokenizer that knows no word of it


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What a file says of itself; height and width are of a frame as it is to be shown, in pixels."""

    frame_count: int  # frames that are shown
    average_fps: float  # over the whole of it
    height: int
    width: int
    times_ms: tuple[int, ...] | None = None  # when each frame is shown, from the first on; None: all are equally long

    @property
    def duration_seconds(self) -> float:
        return self.frame_count / self.average_fps

    def seconds_of(self, index: int) -> float:
        """When a frame is shown, counted from the first one."""
        return index / self.average_fps if self.times_ms is None else self.times_ms[index] / MILLISECONDS

    def index_at(self, moment_ms: int) -> int:
        """The frame that is seen at a moment, in milliseconds from the first one on."""
        if self.times_ms is None:
            return min(int(moment_ms * self.average_fps / MILLISECONDS), self.frame_count - 1)
        return bisect_right(self.times_ms, moment_ms) - 1

    @property
    def off_by_index_seconds(self) -> float:
        """How far a frame is shown, at most, from its index divided by the mean frame rate."""
        import numpy as np

        if self.times_ms is None:
            return 0.0
        by_index = np.arange(self.frame_count) / self.average_fps
        return float(np.abs(np.array(self.times_ms) / MILLISECONDS - by_index).max())


@dataclass(frozen=True, slots=True)
class FramePlan:
    """The frames of one video as a model gets them; height and width, in pixels, are of every one after resizing."""

    header: VideoHeader
    indices: tuple[int, ...]  # counted from 0 in the order of showing; an even number of them
    height: int  # a multiple of twice the patch size
    width: int  # the same
    patch_size: int  # side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL
    times_ms: tuple[int, ...] | None = None  # when each is shown; None: at its index divided by the frame rate

    @property
    def grid(self) -> tuple[int, int, int]:
        """Vision patches along time, height and width, as the processors' `video_grid_thw`."""
        side = self.patch_size
        return len(self.indices) // TEMPORAL_PATCH_FRAMES, self.height // side, self.width // side

    @property
    def tokens_per_patch(self) -> int:
        """Video tokens of one temporal patch."""
        _, height, width = self.grid
        return height * width // MERGE_SIDE**2

    @property
    def video_tokens(self) -> int:
        """Video tokens in all, without timestamps and marks."""
        return self.grid[0] * self.tokens_per_patch

    @property
    def seconds(self) -> list[float]:
        """When each frame is shown, counted from the first of the video."""
        if self.times_ms is not None:
            return [time / MILLISECONDS for time in self.times_ms]
        return [index / self.header.average_fps for index in self.indices]

    @property
    def timestamps(self) -> tuple[float, ...]:
        """Seconds into the video of each temporal patch: halfway between its frames, which Qwen3-VL is told."""
        pairs = zip(self.seconds[::2], self.seconds[1::2], strict=True)
        return tuple((first + last) / 2 for first, last in pairs)

    @property
    def sampled_fps(self) -> float:
        return len(self.indices) / self.header.frame_count * self.header.average_fps

    @property
    def seconds_per_patch(self) -> float:
        """Time from one temporal patch to the next, which Qwen2.5-VL's positions hold (`second_per_grid_ts`).

        Rounded to bfloat16, within 0.4%: vLLM casts it to the model's type before it makes positions of it, and a
        number that is the same in every type is the same in every host.
        """
        fraction, exponent = math.frexp(TEMPORAL_PATCH_FRAMES / self.sampled_fps)
        return math.ldexp(round(fraction * 2**BFLOAT16_BITS), exponent - BFLOAT16_BITS)

    @property
    def timestamped(self) -> bool:
        """Whether the prompt holds the times of the temporal patches (Qwen3-VL); else the positions do (Qwen2.5-VL)."""
        return self.patch_size == TIMESTAMPED_PATCH_SIZE

    @property
    def metadata(self) -> dict[str, Any]:
        """What a Hugging Face video processor is to know of frames that are sampled already.

        Qwen2.5-VL's makes seconds a temporal patch of the frame rate, which is given so that `seconds_per_patch` comes
        out. Qwen3-VL's divides indices by the frame rate; where frames are not equally long it is given milliseconds
        in their place, of which a second has a thousand.
        """
        count, fps, places = self.header.frame_count, self.header.average_fps, self.indices
        if not self.timestamped:
            fps = TEMPORAL_PATCH_FRAMES / self.seconds_per_patch * count / len(places)
        elif self.times_ms is not None:
            count, fps, places = round(self.header.duration_seconds * MILLISECONDS), float(MILLISECONDS), self.times_ms
        return {
            "fps": fps,
            "frames_indices": list(places),
            "total_num_frames": count,
            "duration": self.header.duration_seconds,
            "height": self.height,
            "width": self.width,
        }


def plan_frames(header: VideoHeader, budget: VideoBudget, patch_size: int) -> FramePlan:
    """The frames of a video that a budget asks for.

    Args:
        patch_size: side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL.

    Raises:
        UserError: a frame too narrow for the processors.
    """
    count = frame_number(header, budget)
    height, width = frame_size(header, budget, patch_size, count)
    indices, times = _chosen(header, budget, count)
    return FramePlan(header, indices, height, width, patch_size, times)


def _chosen(header: VideoHeader, budget: VideoBudget, number: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Indices of the frames, and the milliseconds at which they are shown where that does not follow from these."""
    indices = spread(header.frame_count, number)
    if header.times_ms is None:
        return indices, None
    if budget.sampling == BY_TIME:
        moments = spread(header.times_ms[-1] + 1, number)
        return tuple(bisect_right(header.times_ms, moment) - 1 for moment in moments), moments
    return indices, tuple(header.times_ms[index] for index in indices)


def video_token_bound(budget: VideoBudget, patch_size: int, header: VideoHeader | None = None) -> int:
    """As many tokens as a video may take at most, its marks and timestamps among them.

    Args:
        header: the video's; None: for any video.
    """
    if header is None:
        number, tokens = budget.max_frames, _frame_token_bound(budget, patch_size)
    else:
        number = frame_number(header, budget)
        tokens = math.prod(frame_size(header, budget, patch_size, number)) // (patch_size * MERGE_SIDE) ** 2
    around = MARKS + TIMESTAMP_TOKENS_MAX if patch_size == TIMESTAMPED_PATCH_SIZE else 0
    return MARKS + -(-number // TEMPORAL_PATCH_FRAMES) * (tokens + around)


def _frame_token_bound(budget: VideoBudget, patch_size: int) -> int:
    """Of a frame of any shape, see `frame_size`.

    A strip is never less than one token wide, however long the most pixels let it be. Both sides of a small frame are
    rounded up, until it has the least pixels: one that is barely wider than a token is shown as two.
    """
    most, least = (pixels / (patch_size * MERGE_SIDE) ** 2 for pixels in (budget.max_pixels, budget.min_pixels))
    return math.floor(max(most, math.sqrt(ASPECT_MAX * max(most, least)) + 1, 2 * (least + 1)))


def frame_number(header: VideoHeader, budget: VideoBudget) -> int:
    """How many frames are sampled; an even number, no more than there are but for a video of one frame."""
    factor = TEMPORAL_PATCH_FRAMES
    least = math.ceil(budget.min_frames / factor) * factor
    most = math.floor(budget.max_frames / factor) * factor
    wanted = header.frame_count / header.average_fps * budget.fps
    count = min(min(max(wanted, least), most), header.frame_count)
    return max(math.floor(count / factor) * factor, factor)


def spread(frame_count: int, number: int) -> tuple[int, ...]:
    """Indices evenly over the whole video, its first and its last frame among them.

    As `torch.linspace(0, frame_count - 1, number).round()` places them: a float32 step, counted from the nearer end,
    rounded to float32 once. In float64 all before that rounding is exact.
    """
    import numpy as np

    last = frame_count - 1
    step = float(np.float32(last) / np.float32(number - 1))
    places = np.arange(number, dtype=np.float64)
    first_half = places < number // 2
    exact = np.where(first_half, step * places, last - step * (number - 1 - places))
    return tuple(np.rint(exact.astype(np.float32)).astype(int).tolist())


def frame_size(header: VideoHeader, budget: VideoBudget, patch_size: int, number: int) -> tuple[int, int]:
    """Height and width, in pixels, of each of `number` frames."""
    factor = patch_size * MERGE_SIDE
    share = VIDEO_TOKENS_MAX * factor**2 / number * TEMPORAL_PATCH_FRAMES
    ceiling = max(min(FRAME_TOKENS_MAX * factor**2, share), int(budget.min_pixels * SHARE_SLACK))
    most = min(budget.max_pixels, ceiling)
    height, width = header.height, header.width
    if max(height, width) / min(height, width) > ASPECT_MAX:
        raise UserError(f"a frame of {width}x{height} pixels: one side may be {ASPECT_MAX} times the other at most")
    rounded = [max(factor, round(side / factor) * factor) for side in (height, width)]
    if math.prod(rounded) > most:
        shrink = math.sqrt(height * width / most)
        rounded = [max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width)]
    elif math.prod(rounded) < budget.min_pixels:
        grow = math.sqrt(budget.min_pixels / (height * width))
        rounded = [math.ceil(side * grow / factor) * factor for side in (height, width)]
    return rounded[0], rounded[1]
