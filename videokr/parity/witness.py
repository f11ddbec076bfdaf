"""What one host made of one example, seen from inside it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.frame_plan import MERGE_SIDE, TEMPORAL_PATCH_FRAMES
from videokr.marks import VIDEO

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class SeenVideo:
    """
    Attributes:
        indices: of the frames in the file, as the host told its processor.
        timestamps: seconds into the video of each temporal patch, from the indices and the frame rate told.
        height, width: of the frames after the processor, in pixels.
        video_tokens: in the prompt, timestamps and marks left out.
        frames: name of a .npy file beside the report, uint8 (frames, height, width, 3): what the processor's output
            shows, turned back into pictures.
    """

    indices: tuple[int, ...]
    timestamps: tuple[float, ...]
    height: int
    width: int
    video_tokens: int
    frames: str


@dataclass(frozen=True, slots=True)
class Witness:
    """
    Attributes:
        example: its id.
        prompt: the text of the prompt's tokens, every run of video tokens as one.
        prompt_ids: token ids up to the response.
        response_ids: token ids of the gold response; None where the host has none.
        loss: of each response token, whether it is trained on.
        position_ids: (3, length): time, row and column of prompt and response, or of the prompt where that is all.
        videos: in the order of the prompt.
    """

    example: str
    prompt: str
    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...] | None
    loss: tuple[bool, ...] | None
    position_ids: tuple[tuple[int, ...], ...]
    videos: tuple[SeenVideo, ...]


def write_report(folder: Path, host: str, witnesses: Sequence[Witness]) -> None:
    text = json.dumps({"host": host, "witnesses": [asdict(witness) for witness in witnesses]})
    (folder / f"{host}.json").write_text(text, encoding="utf-8")


def read_report(folder: Path, host: str) -> list[Witness]:
    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    given = json.loads((folder / f"{host}.json").read_text(encoding="utf-8"))["witnesses"]
    return [
        Witness(
            **{key: frozen(value) for key, value in entry.items() if key != "videos"},
            videos=tuple(SeenVideo(**{k: frozen(v) for k, v in video.items()}) for video in entry["videos"]),
        )
        for entry in given
    ]


@contextmanager
def recorded(owner: type, method: str) -> Iterator[list[tuple[dict[str, Any], Any]]]:
    """Records the keywords and the result of every call of a class's method while the block runs."""
    original: Callable[..., Any] = getattr(owner, method)
    calls: list[tuple[dict[str, Any], Any]] = []

    @wraps(original)
    def recording(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        calls.append((kwargs, result))
        return result

    setattr(owner, method, recording)
    try:
        yield calls
    finally:
        setattr(owner, method, original)


@contextmanager
def recorded_videos() -> Iterator[list[tuple[dict[str, Any], Any]]]:
    """Records every call of a Hugging Face video processor, which each host makes before its model."""
    from transformers.video_processing_utils import BaseVideoProcessor

    with recorded(BaseVideoProcessor, "__call__") as calls:
        yield calls


def first_calls(calls: Iterable[tuple[dict[str, Any], Any]], videos: int) -> list[tuple[dict[str, Any], Any]]:
    """The first calls that together hold so many videos: vLLM hands a processor some families' videos one by one."""
    taken: list[tuple[dict[str, Any], Any]] = []
    for call in calls:
        if sum(len(made["video_grid_thw"]) for _, made in taken) >= videos:
            break
        taken.append(call)
    return taken


def seen_videos(calls: Sequence[tuple[dict[str, Any], Any]], processor: Any, stem: Path) -> tuple[SeenVideo, ...]:
    """The videos of one example.

    Args:
        calls: of `recorded_videos`, while the host prepared this example.
        processor: the host's, for the numbers that its pixels were normalised with.
        stem: folder and beginning of the name of the frame files.
    """
    import numpy as np

    seen: list[SeenVideo] = []
    for given, made in calls:
        normalised = given.get("do_normalize") is not False
        metadata = given.get("video_metadata") or [None] * len(made["video_grid_thw"])
        metadata = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        start = 0
        for grid, told in zip(np.asarray(made["video_grid_thw"]).tolist(), metadata, strict=True):
            told = told[0] if isinstance(told, list) else told
            patches = int(np.prod(grid))
            pixels = np.asarray(made["pixel_values_videos"][start : start + patches], dtype=np.float32)
            start += patches
            frames = pictures(pixels, grid, processor, normalised)
            path = stem.with_name(f"{stem.name}-{len(seen)}.npy")
            np.save(path, frames)
            indices, fps = _told(told)
            seconds = [index / fps for index in indices]
            seen.append(
                SeenVideo(
                    indices=tuple(indices),
                    timestamps=tuple((a + b) / 2 for a, b in zip(seconds[::2], seconds[1::2], strict=False)),
                    height=frames.shape[1],
                    width=frames.shape[2],
                    video_tokens=patches // MERGE_SIDE**2,
                    frames=path.name,
                )
            )
    return tuple(seen)


def _told(metadata: Any) -> tuple[list[int], float]:
    """Frame indices and frame rate in a video's metadata; none where the host told nothing."""
    if metadata is None:
        return [], 1.0
    fields = metadata if isinstance(metadata, dict) else vars(metadata)
    return [int(index) for index in fields["frames_indices"]], float(fields["fps"])


def pictures(pixels: "np.ndarray", grid: Sequence[int], processor: Any, normalised: bool) -> "np.ndarray":
    """The frames that a processor's patches hold, uint8 (frames, height, width, 3).

    Args:
        pixels: (patches, values of a patch), as both families' video processors lay them out.
        grid: patches along time, height and width.
        normalised: the processor has subtracted its mean and divided by its deviation.
    """
    import numpy as np

    own = processor.video_processor
    side, merge, time = own.patch_size, MERGE_SIDE, TEMPORAL_PATCH_FRAMES
    count, rows, columns = grid
    patches = pixels.reshape(count, rows // merge, columns // merge, merge, merge, 3, time, side, side)
    frames = patches.transpose(0, 6, 1, 3, 7, 2, 4, 8, 5).reshape(count * time, rows * side, columns * side, 3)
    if normalised:
        frames = (frames * np.asarray(own.image_std) + np.asarray(own.image_mean)) / own.rescale_factor
    shown: np.ndarray = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    return shown


def collapsed(text: str) -> str:
    """The text with every run of video tokens as one, followed by how many there were."""
    import re

    return re.sub(f"(?:{re.escape(VIDEO)})+", lambda run: f"{VIDEO}*{len(run[0]) // len(VIDEO)}", text)
