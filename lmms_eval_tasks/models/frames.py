"""Frames of a video at the evaluation budget, sampled as the training rollouts sample them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from qwen_vl_utils import fetch_video

from videokr.budget import VideoBudget
from videokr.errors import UserError


@dataclass(frozen=True, slots=True)
class SampledVideo:
    """
    Attributes:
        frames: uint8, (frames, 3, height, width); height and width are multiples of the patch factor.
        metadata: `fps` (of the file), `frames_indices`, `total_num_frames`; timestamps follow from it.
    """

    frames: torch.Tensor
    metadata: Mapping[str, Any]


def sample_video(path: str, budget: VideoBudget, patch_size: int) -> SampledVideo:
    """Decodes the frames that the budget asks for.

    Args:
        path: a file.
        budget: how many frames, and how large.
        patch_size: side of a vision patch in pixels: 14 for Qwen2.5-VL, 16 for Qwen3-VL.

    Raises:
        UserError: the file cannot be decoded, or is shorter than two frames.
    """
    element = {
        "video": path,
        "fps": budget.fps,
        "min_frames": budget.min_frames,
        "max_frames": budget.max_frames,
        "min_pixels": budget.min_pixels,
        "max_pixels": budget.max_pixels,
    }
    if not Path(path).is_file():
        raise UserError(f"video '{path}' is not there")
    try:
        frames, metadata = fetch_video(element, image_patch_size=patch_size, return_video_metadata=True)
    except (AttributeError, ValueError, RuntimeError, OSError) as error:
        # qwen-vl-utils falls back to torchvision's reader, which current releases lack: an AttributeError then hides
        # what the first reader said, which is the context.
        cause = error.__context__ or error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise UserError(f"video '{path}' cannot be decoded: {reason}; replace it or leave its record out") from error
    # Resizing an uint8 video rounds before it returns floats, so the way back loses nothing and takes a quarter.
    return SampledVideo(frames.to(torch.uint8), {**metadata, "do_sample_frames": False})
