"""The videos of a prompt, as verl's messages hold them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from videokr.budget import VideoBudget
from videokr.video.frame_cache import Frames, frame_cache

BUDGET_FIELDS = tuple(field.name for field in fields(VideoBudget))


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
