"""What the hosts made of the examples, and where they differ: for people and for machines."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from videokr.analysis.parity.comparison import ASPECTS, Difference
from videokr.capture.trace import Trace

NAME_WIDTH, COUNT_WIDTH = 18, 14  # characters
Traces = Mapping[str, Sequence[Trace]]  # of each host by the name to show; the others are held against the first


def as_json(traces: Traces, differences: Sequence[Difference]) -> dict[str, Any]:
    """Everything that each host showed, frame files aside, and the differences."""
    first, *others = traces
    return {
        "compared_with": first,
        "hosts": others,
        "examples": [trace.example for trace in traces[first]],
        "aspects": list(ASPECTS),
        "differences": [asdict(difference) for difference in differences],
        "seen": {host: [_values(trace) for trace in seen] for host, seen in traces.items()},
    }


def _values(trace: Trace) -> dict[str, Any]:
    values = asdict(trace)
    for video in values["videos"]:
        del video["frames"]
    return values


def as_text(traces: Traces, differences: Sequence[Difference]) -> str:
    """Every example by aspect, as the first host has it, with what others have instead; and a table of all."""
    first, *others = traces
    lines: list[str] = []
    for trace in traces[first]:
        own = [difference for difference in differences if difference.example == trace.example]
        lines += [trace.example, *_aspects(trace, own), ""]
    lines.append(f"{'differ from ' + first:<{NAME_WIDTH}}" + "".join(f"{host:>{COUNT_WIDTH}}" for host in others))
    for aspect in ASPECTS:
        counts = [len({d.example for d in differences if d.host == host and d.aspect == aspect}) for host in others]
        lines.append(f"{aspect:<{NAME_WIDTH}}" + "".join(f"{count:>{COUNT_WIDTH}}" for count in counts))
    asked, differing = len(traces[first]), len({difference.example for difference in differences})
    verdict = f"{differing} of {asked} examples differ" if differing else f"{asked} examples: the same in all hosts"
    return "\n".join([*lines, verdict, ""])


def _aspects(trace: Trace, differences: Sequence[Difference]) -> Iterator[str]:
    room = shutil.get_terminal_size().columns - NAME_WIDTH - 2
    for aspect, value in zip(ASPECTS, _shown(trace), strict=True):
        yield f"  {aspect:<{NAME_WIDTH}}{_elided(value, room)}"
        yield from (f"    {found.host}: {found.detail}" for found in differences if found.aspect == aspect)


def _shown(trace: Trace) -> Iterator[str]:
    """What a line can hold of each aspect, in their order."""
    response, loss, videos = trace.response_ids or (), trace.loss or (), trace.videos
    yield repr(trace.prompt)
    yield _counted(trace.prompt_ids)
    yield ", ".join(
        f"{axis} to {max(ids)}" for axis, ids in zip(("time", "row", "column"), trace.position_ids, strict=True)
    )
    yield "; ".join(_counted(video.indices) for video in videos)
    yield "; ".join(" ".join(f"{seconds:.3f}" for seconds in video.timestamps) + " s" for video in videos)
    yield "; ".join(str(video.video_tokens) for video in videos)
    yield "; ".join(f"{video.width}x{video.height}" for video in videos)
    yield "; ".join(f"{len(video.indices)} frames" for video in videos)
    yield _counted(response)
    yield f"{sum(loss)} of {len(loss)} response tokens"


def _counted(values: Sequence[int]) -> str:
    return f"{len(values)}: {' '.join(map(str, values))}"


def _elided(text: str, room: int) -> str:
    """The text in so many characters, its middle left out where it is longer."""
    if len(text) <= room:
        return text
    half = max(room - 5, 20) // 2
    return f"{text[:half]} ... {text[-half:]}"
