"""What a run does about videos that turn out, in the middle of it, not to decode: `on_bad_video: fail | skip`.

The stock host ends an epoch early and without a word where a Qwen3-VL clip holds fewer frames than its header promises
(StopIteration in the loader, LLaMA-Factory 0.9.5), and names no file where another clip fails.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from transformers import TrainerCallback

from videokr.errors import UserError
from videokr.video_file import VideoError

REPORT_FILE = "bad_videos.jsonl"  # below output_dir: one line for every video met that does not decode
ATTEMPTS = 20  # other rows tried in place of one, before it is the data that is at fault


class BadVideoCollator:
    """The host's collator, which notes a bad video and, where the run skips them, takes another row in its place."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any], rows: Sequence[Any], report: Path, skip: bool):
        self._collate, self._rows, self._report, self._skip = collate, rows, report, skip

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> Any:
        """
        Raises:
            VideoError: a video does not decode, and is not to be skipped.
            UserError: so many in a row do not decode.
        """
        taken = list(features)
        for attempt in range(ATTEMPTS):
            try:
                return self._collate([dict(feature) for feature in taken])
            except VideoError as error:
                note(self._report, error)
                if not self._skip:
                    raise
                other = self._rows[Random(f"{error.path}/{attempt}").randrange(len(self._rows))]
                taken = [other if str(error.path) in feature["videos"] else feature for feature in taken]
        raise UserError(f"{ATTEMPTS} rows in a row have videos that do not decode: see '{self._report}'")


class BadVideos(TrainerCallback):
    """Puts the collator into the host's data loader before the first batch."""

    def __init__(self, output_dir: Path, skip: bool):
        self._report, self._skip = output_dir / REPORT_FILE, skip

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        loader = getattr(given["train_dataloader"], "base_dataloader", given["train_dataloader"])  # of accelerate's
        loader.collate_fn = BadVideoCollator(loader.collate_fn, loader.dataset, self._report, self._skip)


def note(report: Path, error: VideoError) -> None:
    """Appends one line, short enough that workers do not mix theirs."""
    report.parent.mkdir(parents=True, exist_ok=True)
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"video": str(error.path), "reason": error.reason}) + "\n")


def noted(output_dir: Path) -> list[VideoError]:
    """Every video noted, once."""
    report = output_dir / REPORT_FILE
    if not report.is_file():
        return []
    entries = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    reasons = {entry["video"]: entry["reason"] for entry in entries}
    return [VideoError(Path(video), reason) for video, reason in reasons.items()]
