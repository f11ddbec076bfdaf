"""The frames that each host saw, side by side in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from videokr.capture.trace import SeenVideo, Trace
from videokr.outputs import atomic_write

FRAMES_A_ROW = 8  # shown of a video, evenly over it
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 128, 72  # pixels, at most
LABEL_WIDTH, INDEX_WIDTH, LINE_HEIGHT, MARGIN = 110, 64, 16, 4  # pixels


def draw(traces: Mapping[str, Sequence[Trace]], folder: Path, output: Path) -> None:
    """Writes a PNG: for each example and video a block, in it one row of frames a host.

    Args:
        traces: of each host by the name to show, all of the same examples.
        folder: holds the frame files.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    rows: list[tuple[str, SeenVideo | None]] = []  # label and frames; a title has none
    for examples in zip(*traces.values(), strict=True):
        for number in range(max(len(example.videos) for example in examples)):
            rows.append((f"{examples[0].example}, video {number + 1}", None))
            for host, example in zip(traces, examples, strict=True):
                rows.append((host, example.videos[number] if number < len(example.videos) else None))
    sizes = {video.frames: _thumbnail_size(video) for _, video in rows if video}
    heights = [THUMBNAIL_HEIGHT + LINE_HEIGHT + MARGIN if video else LINE_HEIGHT + MARGIN for _, video in rows]
    width = LABEL_WIDTH + FRAMES_A_ROW * max(map(_pitch, sizes.values()), default=0)
    sheet = Image.new("RGB", (width, sum(heights)), "white")
    pen = ImageDraw.Draw(sheet)
    top = 0
    for (label, video), height in zip(rows, heights, strict=True):
        pen.text((MARGIN, top + MARGIN), label, fill="black")
        if video:
            frames, size = np.load(folder / video.frames), sizes[video.frames]
            chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES_A_ROW).round().astype(int))
            for column, place in enumerate(chosen):
                left = LABEL_WIDTH + column * _pitch(size)
                sheet.paste(Image.fromarray(frames[place]).resize(size), (left, top))
                name = str(video.indices[place]) if place < len(video.indices) else "?"
                pen.text((left, top + THUMBNAIL_HEIGHT), f"frame {name}", fill="gray")
        top += height
    with atomic_write(output) as aside:
        sheet.save(aside, format="PNG")


def _thumbnail_size(video: SeenVideo) -> tuple[int, int]:
    """Width and height, in pixels, at which a video's frames are shown."""
    scale = min(THUMBNAIL_WIDTH / video.width, THUMBNAIL_HEIGHT / video.height)
    return max(1, round(scale * video.width)), max(1, round(scale * video.height))


def _pitch(size: tuple[int, int]) -> int:
    """Pixels from one frame of a row to the next."""
    return max(size[0], INDEX_WIDTH) + MARGIN
