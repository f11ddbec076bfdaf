"""Where the hosts differ about one example: the report for people and for machines, and the frames side by side."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videokr.capture.trace import SeenVideo, Trace
from videokr.outputs import atomic_write

TIMESTAMP_TOLERANCE_SECONDS = 0.001
CONTEXT_VALUES, CONTEXT_CHARACTERS = 3, 40  # shown on either side of the first difference
NAME_WIDTH, COUNT_WIDTH = 18, 14  # characters
AXES = ("time", "row", "column")

Traces = Mapping[str, Sequence[Trace]]  # of each host by the name to show; the others are held against the first
FRAMES_A_ROW = 8  # shown of a video, evenly over it
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 128, 72  # pixels, at most
LABEL_WIDTH, LINE_HEIGHT, MARGIN = 110, 16, 4  # pixels


def _counted(values: Sequence[int]) -> str:
    return f"{len(values)}: {' '.join(map(str, values))}"


# What is compared, in the order of the table, and what a line can hold of it.
ASPECTS: dict[str, Callable[[Trace], str]] = {
    "prompt": lambda trace: repr(trace.prompt),
    "token ids": lambda trace: _counted(trace.prompt_ids),
    "position ids": lambda trace: ", ".join(
        f"{axis} to {max(ids)}" for axis, ids in zip(AXES, trace.position_ids, strict=True)
    ),
    "frame indices": lambda trace: "; ".join(_counted(video.indices) for video in trace.videos),
    "timestamps": lambda trace: "; ".join(
        " ".join(f"{seconds:.3f}" for seconds in video.timestamps) + " s" for video in trace.videos
    ),
    "video tokens": lambda trace: "; ".join(str(video.video_tokens) for video in trace.videos),
    "target size": lambda trace: "; ".join(f"{video.width}x{video.height}" for video in trace.videos),
    "pixels": lambda trace: "; ".join(f"{len(video.indices)} frames" for video in trace.videos),
    "response tokens": lambda trace: _counted(trace.response_ids),
    "loss": lambda trace: f"{sum(trace.loss or ())} of {len(trace.loss or ())} response tokens",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One aspect of one example in which a host differs from the first."""

    example: str  # its id
    host: str  # the one that differs from the first
    aspect: str  # one of ASPECTS
    detail: str  # the first difference with what stands around it, the first host's side first


def compare(first: Trace, other: Trace, host: str, folder: Path) -> Iterator[Difference]:
    """Every aspect in which `host` differs from the first, which has a loss; the folder holds the frame files of both.

    An engine is held against what comes before the model's last turn.
    """
    for aspect, detail in _differing(first, other, folder):
        yield Difference(first.example, host, aspect, detail)


def _differing(first: Trace, other: Trace, folder: Path) -> Iterator[tuple[str, str]]:
    import numpy as np

    if first.prompt != other.prompt:
        place = _first_difference(first.prompt, other.prompt)
        around = slice(max(0, place - CONTEXT_CHARACTERS), place + CONTEXT_CHARACTERS)
        yield "prompt", f"from character {place}: {first.prompt[around]!r} | {other.prompt[around]!r}"
    if first.prompt_ids != other.prompt_ids:
        yield "token ids", _sequences(first.prompt_ids, other.prompt_ids)
    loss = first.loss or ()
    length = len(loss) if other.loss is not None else _last_turn(loss)
    if first.response_ids[:length] != other.response_ids:
        yield "response tokens", _sequences(first.response_ids[:length], other.response_ids)
    if other.loss is not None and loss != other.loss:
        yield "loss", _sequences(loss, other.loss)
    length += len(first.prompt_ids)
    for axis, one, two in zip(AXES, first.position_ids, other.position_ids, strict=True):
        if one[:length] != two:
            yield "position ids", f"{axis}: {_sequences(one[:length], two)}"
            break
    if len(first.videos) != len(other.videos):
        yield "frame indices", f"{len(first.videos)} videos | {len(other.videos)}"
        return
    for ours, theirs in zip(first.videos, other.videos, strict=True):
        if ours.indices != theirs.indices:
            yield "frame indices", _sequences(ours.indices, theirs.indices)
        times = ours.timestamps, theirs.timestamps
        if len(times[0]) != len(times[1]) or not np.allclose(*times, rtol=0, atol=TIMESTAMP_TOLERANCE_SECONDS):
            yield "timestamps", _sequences(*times)
        if ours.video_tokens != theirs.video_tokens:
            yield "video tokens", f"{ours.video_tokens} | {theirs.video_tokens}"
        if (ours.height, ours.width) != (theirs.height, theirs.width):
            yield "target size", f"{ours.height}x{ours.width} | {theirs.height}x{theirs.width}"
        elif detail := _pixels(folder / ours.frames, folder / theirs.frames):
            yield "pixels", detail


def _pixels(one: Path, two: Path) -> str:
    import numpy as np

    ours, theirs = np.load(one).astype(np.int16), np.load(two).astype(np.int16)
    if ours.shape != theirs.shape:
        return f"{len(ours)} frames | {len(theirs)}"
    apart = np.abs(ours - theirs)
    if not apart.any():
        return ""
    worst = int(apart.reshape(len(apart), -1).max(axis=1).argmax())
    return f"up to {apart.max()} of 255, most in frame {worst}; {100 * (apart > 0).mean():.2f}% of all values"


def _last_turn(loss: Sequence[bool]) -> int:
    """Where the last run of trained tokens begins."""
    end = max((place + 1 for place, trained in enumerate(loss) if trained), default=0)
    return max((place + 1 for place, trained in enumerate(loss[:end]) if not trained), default=0)


def _first_difference(one: Sequence[Any], two: Sequence[Any]) -> int:
    pairs = enumerate(zip(one, two, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(two)))


def _sequences(one: Sequence[Any], two: Sequence[Any]) -> str:
    place = _first_difference(one, two)
    around = slice(max(0, place - CONTEXT_VALUES), place + CONTEXT_VALUES + 1)
    shown = [" ".join(map(_value, values[around])) or "nothing" for values in (one, two)]
    lengths = "" if len(one) == len(two) else f" (lengths {len(one)}, {len(two)})"
    return f"from place {place}{lengths}: {shown[0]} | {shown[1]}"


def _value(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(int(value))


def as_json(traces: Traces, differences: Sequence[Difference]) -> dict[str, Any]:
    """Everything that each host showed, frame files aside, and the differences."""
    first, *others = traces
    seen = {host: [asdict(trace) for trace in shown] for host, shown in traces.items()}
    for video in (video for shown in seen.values() for trace in shown for video in trace["videos"]):
        del video["frames"]
    return {
        "compared_with": first,
        "hosts": others,
        "examples": [trace.example for trace in traces[first]],
        "aspects": list(ASPECTS),
        "differences": [asdict(difference) for difference in differences],
        "seen": seen,
    }


def as_text(traces: Traces, differences: Sequence[Difference]) -> str:
    """Every example by aspect, as the first host has it, with what others have instead; and a table of all."""
    first, *others = traces
    room = shutil.get_terminal_size().columns - NAME_WIDTH - 2
    lines: list[str] = []
    for trace in traces[first]:
        own = [difference for difference in differences if difference.example == trace.example]
        lines.append(trace.example)
        for aspect, shown in ASPECTS.items():
            lines.append(f"  {aspect:<{NAME_WIDTH}}{_elided(shown(trace), room)}")
            lines += [f"    {found.host}: {found.detail}" for found in own if found.aspect == aspect]
        lines.append("")
    lines.append(f"{'differ from ' + first:<{NAME_WIDTH}}" + "".join(f"{host:>{COUNT_WIDTH}}" for host in others))
    for aspect in ASPECTS:
        counts = [len({d.example for d in differences if (d.host, d.aspect) == (host, aspect)}) for host in others]
        lines.append(f"{aspect:<{NAME_WIDTH}}" + "".join(f"{count:>{COUNT_WIDTH}}" for count in counts))
    examples, differing = len(traces[first]), len({difference.example for difference in differences})
    same = f"{examples} examples: the same in all hosts"
    return "\n".join([*lines, f"{differing} of {examples} examples differ" if differing else same, ""])


def _elided(text: str, width: int) -> str:
    """The text in so many characters, its middle left out where it is longer."""
    if len(text) <= width:
        return text
    half = max(width - 5, 20) // 2
    return f"{text[:half]} ... {text[-half:]}"


def draw_sheet(traces: Traces, folder: Path, output: Path) -> None:
    """Writes a PNG: for each example and video a block of a row of frames a host, out of the folder."""
    import numpy as np
    from PIL import Image, ImageDraw

    rows: list[tuple[str, SeenVideo | None]] = []  # label and frames; a title has none
    for examples in zip(*traces.values(), strict=True):
        for number in range(max(len(example.videos) for example in examples)):
            rows.append((f"{examples[0].example}, video {number + 1}", None))
            for host, example in zip(traces, examples, strict=True):
                rows.append((host, example.videos[number] if number < len(example.videos) else None))
    heights = [THUMBNAIL_HEIGHT + LINE_HEIGHT + MARGIN if video else LINE_HEIGHT + MARGIN for _, video in rows]
    pitch = THUMBNAIL_WIDTH + MARGIN
    sheet = Image.new("RGB", (LABEL_WIDTH + FRAMES_A_ROW * pitch, sum(heights)), "white")
    pen = ImageDraw.Draw(sheet)
    top = 0
    for (label, video), height in zip(rows, heights, strict=True):
        pen.text((MARGIN, top + MARGIN), label, fill="black")
        if video:
            frames = np.load(folder / video.frames)
            chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES_A_ROW).round().astype(int))
            for column, place in enumerate(chosen):
                left = LABEL_WIDTH + column * pitch
                shown = Image.fromarray(frames[place])
                shown.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT))
                sheet.paste(shown, (left, top))
                name = str(video.indices[place]) if place < len(video.indices) else "?"
                pen.text((left, top + THUMBNAIL_HEIGHT), f"frame {name}", fill="gray")
        top += height
    with atomic_write(output) as aside:
        sheet.save(aside, format="PNG")
