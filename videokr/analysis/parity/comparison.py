"""Where two hosts differ about one example."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.capture.trace import Trace

TIMESTAMP_TOLERANCE_SECONDS = 0.001
CONTEXT = 3  # values shown on either side of the first that differs
TEXT_CONTEXT = 40  # characters

# What is compared, in the order of the table. `pixels` is the largest difference, out of 255.
ASPECTS = (
    "prompt",
    "token ids",
    "position ids",
    "frame indices",
    "timestamps",
    "video tokens",
    "target size",
    "pixels",
    "response tokens",
    "loss",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """
    Attributes:
        example: its id.
        host: the one that differs from the first.
        aspect: one of ASPECTS.
        detail: the first difference with what stands around it, the first host's side first.
    """

    example: str
    host: str
    aspect: str
    detail: str


def compare(first: Trace, other: Trace, host: str, folder: Path) -> Iterator[Difference]:
    """Every aspect in which `host` differs; what one of the two does not have is not compared.

    Args:
        folder: holds the frame files of both.
    """

    def differing(aspect: str, detail: str) -> Difference:
        return Difference(first.example, host, aspect, detail)

    if first.prompt != other.prompt:
        yield differing("prompt", _texts(first.prompt, other.prompt))
    sequences: list[tuple[str, Sequence[Any], Sequence[Any] | None]] = [
        ("token ids", first.prompt_ids, other.prompt_ids),
        ("response tokens", first.response_ids or (), other.response_ids),
        ("loss", first.loss or (), other.loss),
    ]
    for aspect, one, two in sequences:
        if two is not None and one != two:
            yield differing(aspect, _sequences(one, two))
    # A host without the response has positions of the prompt alone.
    length = len(first.position_ids[0]) if other.response_ids is not None else len(first.prompt_ids)
    for axis, one, two in zip(("time", "row", "column"), first.position_ids, other.position_ids, strict=True):
        if one[:length] != two:
            yield differing("position ids", f"{axis}: {_sequences(one[:length], two)}")
            break
    if len(first.videos) != len(other.videos):
        yield differing("frame indices", f"{len(first.videos)} videos | {len(other.videos)}")
        return
    for mine, theirs in zip(first.videos, other.videos, strict=True):
        if mine.indices != theirs.indices:
            yield differing("frame indices", _sequences(mine.indices, theirs.indices))
        if not _close(mine.timestamps, theirs.timestamps):
            yield differing("timestamps", _sequences(mine.timestamps, theirs.timestamps))
        if mine.video_tokens != theirs.video_tokens:
            yield differing("video tokens", f"{mine.video_tokens} | {theirs.video_tokens}")
        if (mine.height, mine.width) != (theirs.height, theirs.width):
            yield differing("target size", f"{mine.height}x{mine.width} | {theirs.height}x{theirs.width}")
            continue
        if detail := _pixels(folder / mine.frames, folder / theirs.frames):
            yield differing("pixels", detail)


def _close(one: Sequence[float], two: Sequence[float]) -> bool:
    pairs = zip(one, two, strict=False)
    return len(one) == len(two) and all(abs(a - b) <= TIMESTAMP_TOLERANCE_SECONDS for a, b in pairs)


def _pixels(one: Path, two: Path) -> str:
    import numpy as np

    mine, theirs = np.load(one).astype(np.int16), np.load(two).astype(np.int16)
    if mine.shape != theirs.shape:
        return f"{len(mine)} frames | {len(theirs)}"
    apart = np.abs(mine - theirs)
    if not apart.any():
        return ""
    worst = int(apart.reshape(len(apart), -1).max(axis=1).argmax())
    return f"up to {apart.max()} of 255, most in frame {worst}; {100 * (apart > 0).mean():.2f}% of all values"


def _texts(one: str, two: str) -> str:
    place = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, place - TEXT_CONTEXT)
    shown = [repr(text[start : place + TEXT_CONTEXT]) for text in (one, two)]
    return f"from character {place}: {shown[0]} | {shown[1]}"


def _sequences(one: Sequence[Any], two: Sequence[Any]) -> str:
    place = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, place - CONTEXT)
    shown = [" ".join(map(_short, values[start : place + CONTEXT + 1])) or "nothing" for values in (one, two)]
    lengths = "" if len(one) == len(two) else f" (lengths {len(one)}, {len(two)})"
    return f"from place {place}{lengths}: {shown[0]} | {shown[1]}"


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(int(value))
