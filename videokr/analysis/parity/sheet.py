"""The frames that each host saw, side by side in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from videokr.capture.trace import SeenVideo, Trace
from videokr.outputs import written_aside

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

    blocks = []
    for examples in zip(*traces.values(), strict=True):
        for number in range(max(len(example.videos) for example in examples)):
            shown = [example.videos[number] if number < len(example.videos) else None for example in examples]
            blocks.append((f"{examples[0].example}, video {number + 1}", shown))
    rows: list[tuple[str, SeenVideo | None]] = []
    for title, videos in blocks:
        rows += [(title, None), *zip(traces, videos, strict=True)]
    size_of = {video.frames: thumbnail(video) for _, video in rows if video}
    width = LABEL_WIDTH + FRAMES_A_ROW * max(map(pitch, size_of.values()), default=0)
    row_height = THUMBNAIL_HEIGHT + LINE_HEIGHT + MARGIN
    height = sum(row_height if video else LINE_HEIGHT + MARGIN for _, video in rows)
    sheet = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    top = 0
    for label, video in rows:
        pen.text((MARGIN, top + MARGIN), label, fill="black")
        if video is None:
            top += LINE_HEIGHT + MARGIN
            continue
        frames = np.load(folder / video.frames)
        chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES_A_ROW).round().astype(int))
        size = size_of[video.frames]
        for column, place in enumerate(chosen):
            left = LABEL_WIDTH + column * pitch(size)
            small = Image.fromarray(frames[place]).resize(size)
            sheet.paste(small, (left, top))
            name = str(video.indices[place]) if place < len(video.indices) else "?"
            pen.text((left, top + THUMBNAIL_HEIGHT), f"frame {name}", fill="gray")
        top += row_height
    with written_aside(output) as aside:
        sheet.save(aside, format="PNG")


def thumbnail(video: SeenVideo) -> tuple[int, int]:
    """Width and height, in pixels, at which a video's frames are shown."""
    scale = min(THUMBNAIL_WIDTH / video.width, THUMBNAIL_HEIGHT / video.height)
    return max(1, round(scale * video.width)), max(1, round(scale * video.height))


def pitch(size: tuple[int, int]) -> int:
    """Pixels from one frame of a row to the next."""
    return max(size[0], INDEX_WIDTH) + MARGIN
