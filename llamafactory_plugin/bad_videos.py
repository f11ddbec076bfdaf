"""What a run does about videos that turn out, in the middle of it, not to decode: `on_bad_video: fail | skip`.

The stock host ends an epoch early and without a word where a Qwen3-VL clip holds fewer frames than its header promises
(StopIteration in the loader, LLaMA-Factory 0.9.5), and names no file where another clip fails.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from llamafactory.train.sft import workflow
from torch.utils.data import IterableDataset

from llamafactory_plugin.row_faults import note_fault, read_faults
from videokr.errors import UserError
from videokr.video.timeline import VideoError

REPORT_FILE = "bad_videos.jsonl"  # below output_dir: one line for every video met that does not decode
MAX_ATTEMPTS = 20  # other rows tried in place of one, before it is the data that is at fault


class BadVideoCollator:
    """The host's collator, which notes a bad video and, where the run skips them, takes another row in its place.

    Args:
        rows: those that the loader reads: a sequence, or a stream, of which a second reading gives the others.
    """

    def __init__(self, collate: Callable[[Sequence[Any]], Any], rows: Any, report: Path, skip: bool):
        self._collate, self._rows, self._report, self._skip = collate, rows, report, skip
        self._stream: Iterator[Any] = iter(())

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> Any:
        """
        Raises:
            VideoError: a video does not decode, and is not to be skipped.
            UserError: so many in a row do not decode.
        """
        taken = list(features)
        for attempt in range(MAX_ATTEMPTS):
            try:
                return self._collate([dict(feature) for feature in taken])
            except VideoError as error:
                note_fault(self._report, video=str(error.path), reason=error.reason)
                if not self._skip:
                    raise
                other = self._other(f"{error.path}/{attempt}")
                taken = [other if str(error.path) in (row["videos"] or ()) else row for row in taken]
        raise UserError(f"{MAX_ATTEMPTS} rows in a row have videos that do not decode: see '{self._report}'")

    def _other(self, seed: str) -> Any:
        """Any row, where they can be counted; else the next one."""
        if not isinstance(self._rows, IterableDataset):
            return self._rows[Random(seed).randrange(len(self._rows))]
        other = next(self._stream, None)
        if other is None:
            self._stream = iter(deepcopy(self._rows))  # a stream remembers how far it has been read
            other = next(self._stream)
        return other


def install(output_dir: Path, skip: bool) -> None:
    """Puts the collator into the loaders that the host's trainer makes, of training and of evaluation.

    A callback is handed the loader of training alone, and that of evaluation after its first batch.
    """

    class Trainer(workflow.CustomSeq2SeqTrainer):
        def get_train_dataloader(self) -> Any:
            return watched(super().get_train_dataloader())

        def get_eval_dataloader(self, *given: Any, **named: Any) -> Any:
            return watched(super().get_eval_dataloader(*given, **named))

    def watched(prepared: Any) -> Any:
        loader = getattr(prepared, "base_dataloader", prepared)  # of accelerate's
        if not isinstance(loader.collate_fn, BadVideoCollator):  # a loader with persistent workers is kept
            report = output_dir / REPORT_FILE
            loader.collate_fn = BadVideoCollator(loader.collate_fn, loader.dataset, report, skip)
        return prepared

    workflow.CustomSeq2SeqTrainer = Trainer


def noted(output_dir: Path) -> list[VideoError]:
    """Every video noted, once."""
    reasons = {fault["video"]: fault["reason"] for fault in read_faults(output_dir / REPORT_FILE)}
    return [VideoError(Path(video), reason) for video, reason in reasons.items()]
