"""What one host made of one example, seen from inside it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videokr.family import VIDEO
from videokr.video.frame_plan import MERGE_SIDE, TEMPORAL_PATCH_FRAMES

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class SeenVideo:
    """A video as a host showed it to the model.

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
class Trace:
    """One example as a host asked or trained it.

    Attributes:
        example: its id.
        prompt: the text of the prompt's tokens, every run of video tokens as one.
        prompt_ids: token ids up to the response.
        response_ids: token ids of the gold response, with the tool's turns in between; of an engine, as far as it was
            asked with them, which is up to the last turn of the model's.
        loss: of each response token, whether it is trained on; None of an engine.
        position_ids: (3, length): time, row and column of prompt and response.
        videos: in the order of the prompt.
    """

    example: str
    prompt: str
    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    loss: tuple[bool, ...] | None
    position_ids: tuple[tuple[int, ...], ...]
    videos: tuple[SeenVideo, ...]


def write_report(folder: Path, host: str, traces: Sequence[Trace]) -> None:
    text = json.dumps({"host": host, "traces": [asdict(trace) for trace in traces]})
    (folder / f"{host}.json").write_text(text, encoding="utf-8")


def read_report(folder: Path, host: str) -> list[Trace]:
    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    given = json.loads((folder / f"{host}.json").read_text(encoding="utf-8"))["traces"]
    return [
        Trace(
            **{key: frozen(value) for key, value in entry.items() if key != "videos"},
            videos=tuple(SeenVideo(**{k: frozen(v) for k, v in video.items()}) for video in entry["videos"]),
        )
        for entry in given
    ]


@contextmanager
def recorded(owner: type, method: str, keep: Callable[[Any, dict[str, Any], Any], Any]) -> Iterator[list[Any]]:
    """Records every call of a class's method while the block runs.

    Args:
        keep: makes, of the object, the keywords and the result of a call, what is kept of it.
    """
    original: Callable[..., Any] = getattr(owner, method)
    calls: list[Any] = []

    @wraps(original)
    def recording(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        calls.append(keep(self, kwargs, result))
        return result

    setattr(owner, method, recording)
    try:
        yield calls
    finally:
        setattr(owner, method, original)


@contextmanager
def recorded_videos(folder: Path, host: str) -> Iterator[list[tuple[SeenVideo, ...]]]:
    """Records every call of a Hugging Face video processor, which each host makes before its model.

    Args:
        folder, host: where the frame files go, and what their names start with.
    """
    from transformers.video_processing_utils import BaseVideoProcessor

    numbers = count()

    def keep(processor: Any, given: dict[str, Any], made: Any) -> tuple[SeenVideo, ...]:
        return tuple(_seen(processor, given, made, folder, (f"{host}-{number}.npy" for number in numbers)))

    with recorded(BaseVideoProcessor, "__call__", keep) as calls:
        yield calls


def first_videos(calls: Iterable[Sequence[SeenVideo]], number: int) -> tuple[SeenVideo, ...]:
    """The videos of the first calls that together hold so many: vLLM hands a processor some families' one by one."""
    return tuple(islice(chain.from_iterable(calls), number))


def _seen(
    processor: Any, given: Mapping[str, Any], made: Any, folder: Path, names: Iterator[str]
) -> Iterator[SeenVideo]:
    """The videos of one call; their frames are written, because the pixels of many do not fit into memory."""
    import numpy as np

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
        name = next(names)
        np.save(folder / name, frames)
        indices, fps = _told(told)
        seconds = [index / fps for index in indices]
        yield SeenVideo(
            indices=tuple(indices),
            timestamps=tuple((a + b) / 2 for a, b in zip(seconds[::2], seconds[1::2], strict=False)),
            height=frames.shape[1],
            width=frames.shape[2],
            video_tokens=patches // MERGE_SIDE**2,
            frames=name,
        )


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
        processor: the video processor.
        normalised: the processor has subtracted its mean and divided by its deviation.
    """
    import numpy as np

    side, merge, time = processor.patch_size, MERGE_SIDE, TEMPORAL_PATCH_FRAMES
    count, rows, columns = grid
    patches = pixels.reshape(count, rows // merge, columns // merge, merge, merge, 3, time, side, side)
    frames = patches.transpose(0, 6, 1, 3, 7, 2, 4, 8, 5).reshape(count * time, rows * side, columns * side, 3)
    if normalised:
        frames = (
            frames * np.asarray(processor.image_std) + np.asarray(processor.image_mean)
        ) / processor.rescale_factor
    shown: np.ndarray = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    return shown


def collapsed(text: str) -> str:
    """The text with every run of video tokens as one, followed by how many there were."""
    import re

    return re.sub(f"(?:{re.escape(VIDEO)})+", lambda run: f"{VIDEO}*{len(run[0]) // len(VIDEO)}", text)
