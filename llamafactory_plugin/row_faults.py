"""What a run does about rows that it cannot train as they are, and the files that list them.

- `on_bad_video: fail | skip`: videos that turn out, in the middle of a run, not to decode. The stock host ends an epoch
  early and without a word where a Qwen3-VL clip holds fewer frames than its header promises (StopIteration in the
  loader, LLaMA-Factory 0.9.5), and names no file where another clip fails.
- `on_long_row: fail | drop`: rows longer than `cutoff_len`. The stock host cuts them (LLaMA-Factory #3995, #6891): the
  response loses its end, and the model is taught never to answer.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from sys import maxsize
from typing import Any

from llamafactory.data import loader
from llamafactory.data.processor import PackedSupervisedDatasetProcessor, SupervisedDatasetProcessor
from llamafactory.extras.constants import IGNORE_INDEX
from llamafactory.train.sft import workflow
from torch.utils.data import IterableDataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from videokr.errors import UserError
from videokr.prompt import VIDEO_PLACEHOLDER
from videokr.video.timeline import VideoError

BAD_VIDEOS, LONG_ROWS = "bad_videos.jsonl", "long_rows.jsonl"  # below output_dir: one line for each that was met
NO_ROW_LEFT = "Cannot find valid samples"  # as the host says so
MAX_ATTEMPTS = 20  # other rows tried in place of one, before it is the data that is at fault
MAX_QUESTION_CHARACTERS = 80  # of a row's question, by which it is named


class BadVideoCollator:
    """The host's collator, which notes a bad video and, where the run skips them, takes another row in its place.

    Args:
        rows: those that the loader reads: a sequence, or a stream, of which a second reading gives the others.
    """

    def __init__(self, collate: Callable[[Sequence[Any]], Any], rows: Any, report: Path, skip: bool):
        self._collate, self._rows, self._report, self._skip = collate, rows, report, skip
        self._stream: Iterator[Any] = iter(())

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> Any:
        """Makes a batch, with other rows in the place of those whose video does not decode.

        Raises:
            VideoError: a video does not decode, and is not to be skipped.
            UserError: so many in a row do not decode.
        """
        taken = list(features)
        for attempt in range(MAX_ATTEMPTS):
            try:
                return self._collate([dict(feature) for feature in taken])
            except VideoError as error:
                _note(self._report, video=str(error.path), reason=error.reason)
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


@dataclass
class _WholeRows(SupervisedDatasetProcessor):
    """Makes rows as the host does, but cuts none.

    Attributes:
        report: takes a line for every row that is too long.
        drop: such rows are left out; else the first one ends the run.
        loss_turns: how many of a row's last responses are trained; None: all.
    """

    report: Path = Path(LONG_ROWS)
    drop: bool = False
    loss_turns: int | None = None

    def _encode_data_example(
        self, prompt: list[dict[str, str]], *, videos: list[str], **row: Any
    ) -> tuple[list[int], list[int]]:
        """All tokens of a row, and their labels.

        Raises:
            UserError: they are too many, and the row is not to be left out.
        """
        limit, whole = self.data_args.cutoff_len, copy(self)
        whole.data_args = copy(self.data_args)
        whole.data_args.cutoff_len = maxsize
        ids, labels = super(_WholeRows, whole)._encode_data_example(prompt=prompt, videos=videos, **row)
        if len(ids) > limit:
            fault = {"row": _row_name(prompt[0]["content"], videos), "tokens": len(ids), "limit": limit}
            _note(self.report, **fault)
            if not self.drop:
                raise _long_row_error(**fault)
        return ids, labels if self.loss_turns is None else last_turns(labels, self.loss_turns)


@dataclass
class WholeRows(_WholeRows):
    def preprocess_dataset(self, examples: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows = super().preprocess_dataset(examples)
        kept = [place for place, ids in enumerate(rows["input_ids"]) if len(ids) <= self.data_args.cutoff_len]
        return {column: [values[place] for place in kept] for column, values in rows.items()}


@dataclass
class PackedWholeRows(_WholeRows, PackedSupervisedDatasetProcessor):
    """The host itself leaves out what is longer than a pack, once it is not cut."""


class DroppedRows(TrainerCallback):
    """Says how many rows were left out, before the training that goes without them."""

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.is_world_process_zero:
            say_dropped_rows(Path(args.output_dir))


def last_turns(labels: list[int], count: int) -> list[int]:
    """Labels of the last responses alone: a response is a run of labels that are not ignored."""
    before = [IGNORE_INDEX, *labels[:-1]]
    is_first = (label != IGNORE_INDEX == other for label, other in zip(labels, before, strict=True))
    starts = [place for place, begins in enumerate(is_first) if begins]
    first = starts[-count] if len(starts) > count else 0
    return [IGNORE_INDEX] * first + labels[first:]


def install(
    output_dir: Path, skip_bad_videos: bool = False, drop_long_rows: bool = False, loss_turns: int | None = None
) -> None:
    """Has the host make its rows by these classes, and its loaders, of training and of evaluation, by the collator.

    A callback is handed the loader of training alone, and that of evaluation after its first batch.
    """
    given: dict[str, Any] = {"report": output_dir / LONG_ROWS, "drop": drop_long_rows, "loss_turns": loss_turns}
    loader.SupervisedDatasetProcessor = partial(WholeRows, **given)
    loader.PackedSupervisedDatasetProcessor = partial(PackedWholeRows, **given)

    def watched(prepared: Any) -> Any:
        made = getattr(prepared, "base_dataloader", prepared)  # of accelerate's
        if not isinstance(made.collate_fn, BadVideoCollator):  # a loader with persistent workers is kept
            report = output_dir / BAD_VIDEOS
            made.collate_fn = BadVideoCollator(made.collate_fn, made.dataset, report, skip_bad_videos)
        return prepared

    class Trainer(workflow.CustomSeq2SeqTrainer):
        def get_train_dataloader(self) -> Any:
            return watched(super().get_train_dataloader())

        def get_eval_dataloader(self, *given: Any, **named: Any) -> Any:
            return watched(super().get_eval_dataloader(*given, **named))

    workflow.CustomSeq2SeqTrainer = Trainer


def bad_videos(output_dir: Path) -> list[VideoError]:
    """Every video noted, once."""
    reasons = {fault["video"]: fault["reason"] for fault in _noted(output_dir / BAD_VIDEOS)}
    return [VideoError(Path(video), reason) for video, reason in reasons.items()]


def long_rows(output_dir: Path) -> list[UserError]:
    """Every row noted, once, as the error that it is."""
    return [_long_row_error(**fault) for fault in _noted(output_dir / LONG_ROWS)]


def say_dropped_rows(output_dir: Path) -> None:
    if rows := long_rows(output_dir):
        print(f"{len(rows)} rows longer than cutoff_len are left out: see '{output_dir / LONG_ROWS}'", flush=True)


def _long_row_error(row: str, tokens: int, limit: int) -> UserError:
    """The error of a row that is longer than `cutoff_len`.

    Args:
        row: its question and its video.
        tokens: all of it, video, response and end of turn among them.
        limit: what `cutoff_len` allows; packing takes one token of it.
    """
    return UserError(
        f"row {row} has {tokens:,} tokens, and cutoff_len allows {limit:,}: raise cutoff_len, lower video_maxlen "
        "or video_max_pixels, or leave such rows out with on_long_row=drop"
    )


def _row_name(question: str, videos: list[str]) -> str:
    """How an error names a row: the host hands it over without its file and line."""
    text = " ".join(question.replace(VIDEO_PLACEHOLDER, " ").split())
    shown = f"'{text[:MAX_QUESTION_CHARACTERS]}{'...' * (len(text) > MAX_QUESTION_CHARACTERS)}'"
    return f"{shown} of video '{videos[0]}'" if videos else shown


def _note(report: Path, **fault: Any) -> None:
    """Appends one line, short enough that workers do not mix theirs."""
    report.parent.mkdir(parents=True, exist_ok=True)
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps(fault) + "\n")


def _noted(report: Path) -> list[dict[str, Any]]:
    """Every fault noted, once: a node reads its rows for itself, and a stream's first rows are read twice."""
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
    return [json.loads(line) for line in dict.fromkeys(lines)]
