"""The videos of a prompt, as verl's messages and vLLM's prompts hold them, and how often a run works on them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from videokr.budget import VideoBudget
from videokr.video.frame_cache import Frames, frame_cache

BUDGET_FIELDS = tuple(field.name for field in fields(VideoBudget))

# In a rollout's extra_fields: what its process did since the rollout before, counted where it happens.
DECODES = "videokr_video_decodes"
PROCESSOR_PASSES = "videokr_video_processor_passes"  # in the agent loop
ENGINE_PASSES = "videokr_engine_video_processor_passes"  # in vLLM
REPLICA = "videokr_replica"  # in a rollout's extra_fields: the one of vLLM's that it came from
CURVES = {DECODES: "video/decodes", PROCESSOR_PASSES: "video/processor_passes", ENGINE_PASSES: "video/engine_passes"}


def videos_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The videos of a prompt, in order: each a part of a message with its whole budget."""
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    return [part for content in contents for part in content if part.get("type") == "video"]


def without_videos(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same messages for the host, which is to decode images alone."""
    return [
        message | {"content": [part for part in message["content"] if part.get("type") != "video"]}
        if isinstance(message["content"], list)
        else message
        for message in messages
    ]


def as_given(shown: Sequence[Frames]) -> list[tuple[Any, dict[str, Any]]] | None:
    """Videos as verl hands them on."""
    return [(frames, plan.metadata) for frames, plan in shown] or None


def frames_of(messages: list[dict[str, Any]], patch_size: int) -> list["Future[Frames]"]:
    """Each video's frames, once they are decoded; rollouts of a prompt share them."""
    frames = frame_cache()
    return [frames.read(local_path(part), budget_of(part), patch_size) for part in videos_of(messages)]


def budget_of(part: Mapping[str, Any]) -> VideoBudget:
    """The frame budget that a part of a message states."""
    return VideoBudget(**{name: part[name] for name in BUDGET_FIELDS})


def local_path(video: str | dict[str, Any]) -> Path:
    """Where a video lies, of which a row gives a path or a `file://` address."""
    path = video if isinstance(video, str) else video["video"]
    return Path(unquote(urlparse(path).path)) if path.startswith("file://") else Path(path)


def rollout_prompt(prompt_ids: Sequence[int], media: int, processor: Any) -> list[int]:
    """The prompt as vLLM is to be given it: one mark for each of `media` images and videos.

    One that has them already is left alone; another was expanded by one of verl's own agent loops, and is folded.
    """
    from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens

    marks = sum(token in (processor.image_token_id, processor.video_token_id) for token in prompt_ids)
    return list(prompt_ids) if marks == media else list(qwen2_5_vl_dedup_image_tokens(list(prompt_ids), processor))


def video_metrics(rollouts: Sequence[Mapping[str, Any]], prompts: int) -> dict[str, float]:
    """How often a step decoded and processed videos.

    Args:
        rollouts: their extra_fields.
        prompts: that these are rollouts of.

    Returns:
        A prompt's share of each count in CURVES, which is none where another agent loop ran; and from how many replicas
        its rollouts came.
    """
    shares: dict[str, float] = {
        f"{name}_per_prompt": sum(int(rollout[key]) for rollout in rollouts) / prompts
        for key, name in CURVES.items()
        if rollouts and all(key in rollout for rollout in rollouts)
    }
    if rollouts and all(REPLICA in rollout for rollout in rollouts):
        pairs = {(rollout.get("uid"), rollout[REPLICA]) for rollout in rollouts}
        shares["video/replicas_per_prompt"] = len(pairs) / prompts
    return shares
