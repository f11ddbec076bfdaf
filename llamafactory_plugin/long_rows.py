"""What a run does about rows longer than its `cutoff_len`: `on_long_row: fail | drop`.

The stock host cuts them (LLaMA-Factory #3995, #6891): the response loses its end, and the model is taught never to
answer.
"""

from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sys import maxsize
from typing import Any

from llamafactory.data import loader
from llamafactory.data.processor import PackedSupervisedDatasetProcessor, SupervisedDatasetProcessor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llamafactory_plugin.row_faults import note_fault, read_faults
from videokr.errors import UserError
from videokr.prompt import VIDEO_PLACEHOLDER

REPORT_FILE = "long_rows.jsonl"  # below output_dir: one line for every row met that is too long
NO_ROW_LEFT = "Cannot find valid samples"  # as the host says so
MAX_QUESTION_CHARACTERS = 80  # of a row's question, by which it is named


class LongRowError(UserError):
    """A row longer than `cutoff_len`.

    Attributes:
        row: its video and its question.
        tokens: all of it, video, response and end of turn among them.
        limit: what `cutoff_len` allows; packing takes one token of it.
    """

    def __init__(self, row: str, tokens: int, limit: int):
        self.row, self.tokens, self.limit = row, tokens, limit
        super().__init__(
            f"row {row} has {tokens:,} tokens, and cutoff_len allows {limit:,}: raise cutoff_len, lower video_maxlen "
            "or video_max_pixels, or leave such rows out with on_long_row=drop"
        )

    def __reduce__(self) -> tuple[type["LongRowError"], tuple[str, int, int]]:
        # An exception is otherwise rebuilt from its text alone, and could not leave a worker process.
        return LongRowError, (self.row, self.tokens, self.limit)


@dataclass
class _WholeRows(SupervisedDatasetProcessor):
    """Makes rows as the host does, but cuts none.

    Attributes:
        report: takes a line for every row that is too long.
        drop: such rows are left out; else the first one ends the run.
    """

    report: Path = Path(REPORT_FILE)
    drop: bool = False

    def _encode_data_example(
        self, prompt: list[dict[str, str]], *, videos: list[str], **row: Any
    ) -> tuple[list[int], list[int]]:
        """All tokens of a row, and their labels.

        Raises:
            LongRowError: they are too many, and the row is not to be left out.
        """
        limit, whole = self.data_args.cutoff_len, copy(self)
        whole.data_args = copy(self.data_args)
        whole.data_args.cutoff_len = maxsize
        ids, labels = super(_WholeRows, whole)._encode_data_example(prompt=prompt, videos=videos, **row)
        if len(ids) > limit:
            error = LongRowError(row_name(prompt[0]["content"], videos), len(ids), limit)
            note_fault(self.report, row=error.row, tokens=error.tokens, limit=error.limit)
            if not self.drop:
                raise error
        return ids, labels


@dataclass
class WholeRows(_WholeRows):
    def preprocess_dataset(self, examples: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows = super().preprocess_dataset(examples)
        kept = [place for place, ids in enumerate(rows["input_ids"]) if len(ids) <= self.data_args.cutoff_len]
        return {column: [values[place] for place in kept] for column, values in rows.items()}


@dataclass
class PackedWholeRows(_WholeRows, PackedSupervisedDatasetProcessor):
    """The host itself leaves out what is longer than a pack, once it is not cut."""


class LongRows(TrainerCallback):
    """Says how many rows were left out, before the training that goes without them."""

    def __init__(self, output_dir: Path):
        self._output_dir = output_dir

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.is_world_process_zero:
            say(self._output_dir)


def say(output_dir: Path) -> None:
    """How many rows were left out, where there were any."""
    if rows := noted(output_dir):
        print(f"{len(rows)} rows longer than cutoff_len are left out: see '{output_dir / REPORT_FILE}'", flush=True)


def row_name(question: str, videos: list[str]) -> str:
    """How an error names a row: the host hands it over without its file and line."""
    text = " ".join(question.replace(VIDEO_PLACEHOLDER, " ").split())
    shown = f"'{text[:MAX_QUESTION_CHARACTERS]}{'...' * (len(text) > MAX_QUESTION_CHARACTERS)}'"
    return f"{shown} of video '{videos[0]}'" if videos else shown


def noted(output_dir: Path) -> list[LongRowError]:
    """Every row noted, once."""
    return [LongRowError(**fault) for fault in read_faults(output_dir / REPORT_FILE)]


def install(output_dir: Path, drop: bool) -> None:
    """Has the host make its rows by these classes; once a process."""
    given: dict[str, Any] = {"report": output_dir / REPORT_FILE, "drop": drop}
    loader.SupervisedDatasetProcessor = partial(WholeRows, **given)
    loader.PackedSupervisedDatasetProcessor = partial(PackedWholeRows, **given)
