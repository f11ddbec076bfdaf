"""Subtitles before a question: what is said while one of the frames that a run shows is seen."""

import json
import os
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lmms_eval_tasks.stock import Row, is_there
from videokr.budget import EVAL_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.example import Example
from videokr.video.frame_plan import TIMESTAMPED_PATCH_SIZE, plan_frames
from videokr.video.timeline import read_header

# In the words of Video-MME's prompt, and of lmms-eval's task.
HEADING = "This video's subtitles are listed below:"
NO_SUBTITLES = "No subtitles available"
MIN_CUE_SECONDS = 1  # of LongVideoBench's; a shorter one is as long around its middle

_MARKUP = re.compile(r"<[^>]+>")


class Cue(NamedTuple):
    """What is said from one second of a video to another."""

    start_seconds: float
    end_seconds: float
    text: str


# The cues of a row's video; its file lies where the folder of the videos says.
ReadCues = Callable[[Row, Path], list[Cue]]


def budget_from_env(environment: Mapping[str, str]) -> VideoBudget:
    """How many frames a run shows: FPS, MAX_FRAME_NUM and SAMPLING, which the launcher exports.

    Their sizes are not asked for here.
    """
    frames = EVAL_BUDGET.bounded(int(environment.get("MAX_FRAME_NUM") or EVAL_BUDGET.max_frames))
    fps, sampling = environment.get("FPS") or frames.fps, environment.get("SAMPLING") or frames.sampling
    return replace(frames, fps=float(fps), sampling=sampling)


def with_subtitles(read_cues: ReadCues, examples: Sequence[Example], rows: Iterable[Row], root: Path) -> list[Example]:
    """The examples with their subtitles before the question, and says how many videos have none.

    One whose video is not there is left as it is: whoever asks it will be told.

    Raises:
        UserError: no video has any; VideoError: one whose header cannot be read.
    """
    budget = budget_from_env(os.environ)
    seconds: dict[str, Sequence[float]] = {}
    lacking: dict[str, str] = {}
    asked = []
    for example, row in zip(examples, rows, strict=True):
        video = example.videos[0]
        if not is_there(Path(video)):
            asked.append(example)
            continue
        if video not in seconds:
            seconds[video] = plan_frames(read_header(Path(video)), budget, TIMESTAMPED_PATCH_SIZE).seconds
        try:
            said = spoken(read_cues(row, root), seconds[video])
        except FileNotFoundError as error:
            said = []
            lacking[video] = str(error.filename)
        asked.append(replace(example, question="\n".join([HEADING, *(said or [NO_SUBTITLES]), example.question])))
    if lacking:
        count = f"{len(lacking)} of {len(seconds)} videos have no subtitles: '{next(iter(lacking.values()))}'"
        if len(lacking) == len(seconds):
            raise UserError(f"{count} and the like are not there; lmms-eval unpacks them beside the videos")
        print(f"{count} and the like; they are asked with '{NO_SUBTITLES}'", file=sys.stderr)
    return asked


def spoken(cues: Iterable[Cue], seconds: Sequence[float]) -> list[str]:
    """The texts that are on at one of these times, which rise."""
    times = [*seconds, float("inf")]
    return [cue.text for cue in cues if cue.text and times[bisect_left(times, cue.start_seconds)] < cue.end_seconds]


def videomme_cues(row: Row, root: Path) -> list[Cue]:
    import av

    path = root / "subtitle" / f"{row['videoID']}.srt"
    if not path.stat().st_size:  # FFmpeg takes it for no subtitles file
        return []
    with av.open(str(path)) as container:
        packets: list[Any] = [packet for packet in container.demux() if packet.size]  # the last one ends the file
    return [
        Cue(
            float(packet.pts * packet.time_base),
            float((packet.pts + packet.duration) * packet.time_base),
            " ".join(_MARKUP.sub("", bytes(packet).decode()).split()),
        )
        for packet in packets
    ]


def longvideobench_cues(row: Row, root: Path) -> list[Cue]:
    """As they are timed in the video that the clip is from; one that has no end lasts as long as the clip."""
    cues = []
    for entry in json.loads((root.parent / "subtitles" / row["subtitle_path"]).read_text(encoding="utf-8")):
        if "timestamp" in entry:
            start, end = entry["timestamp"]
            end, text = row["duration"] if end is None else end, entry["text"]
        else:
            start, end, text = _seconds(entry["start"]), _seconds(entry["end"]), entry["line"]
        middle = (start + end) / 2 - row["starting_timestamp_for_subtitles"]
        half = max(end - start, MIN_CUE_SECONDS) / 2
        cues.append(Cue(middle - half, middle + half, " ".join(text.split())))
    return cues


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
