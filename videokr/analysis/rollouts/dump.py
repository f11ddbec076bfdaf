"""The rollouts that verl writes: `DIR/{step}.jsonl`, one JSON object a rollout.

`trainer.rollout_data_dir` gives the keys `input`, `output`, `gts`, `score`, `step` and `uid`;
`trainer.validation_data_dir` those and what the reward said besides (`acc`, `format`, `reason`). verl 0.9.1,
verl/trainer/ppo/v1/trainer_base.py, `_write_generations`.
"""

import json
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.errors import UserError
from videokr.generation_prompt import opening_of

PADDING = "pad"
REQUIRED_KEYS = ("input", "output", "gts", "score")
_FILE = re.compile(r"(0|[1-9][0-9]{0,17})\.jsonl")
# What Python's reader says of text that is not JSON: broken syntax or encoding, brackets nested thousands deep.
_NOT_JSON = (ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response with its prompt and its reward.

    Attributes:
        step: by the name of the file.
        line: in the file, counted from 1.
        uid: `{prompt}_{session}_{index}`; None where the dump has none.
        prompt, output: decoded without special tokens.
        gold: as it was dumped, with its tags if it has some; "" where it is null.
        score: the whole reward.
        accuracy, format, reason: as the reward of the run gave them; None where the dump does not have them.
    """

    step: int
    line: int
    uid: str | None
    prompt: str
    output: str
    gold: str
    score: float
    accuracy: float | None
    format: float | None
    reason: str | None

    @property
    def response(self) -> str:
        """The output, from the opening of its thinking on, which may stand in the prompt."""
        return opening_of(self.prompt) + self.output

    @property
    def is_padding(self) -> bool:
        """Whether verl put it in the place of a rollout that failed: it has no text, and a uid that begins so."""
        return self.uid is not None and self.uid.startswith(PADDING) and not self.prompt and not self.output

    @property
    def group(self) -> Hashable:
        """The same for all rollouts of one prompt at one step."""
        if self.uid is None:
            return self.prompt, self.gold
        parts = self.uid.rsplit("_", 2)
        return parts[0] if len(parts) == 3 else self.uid


@dataclass(frozen=True, slots=True)
class CutLine:
    """The last line of a file, which a run that was ended did not write to its end."""

    file: str
    line: int


def find_dumps(folder: Path) -> dict[int, Path]:
    """The file of each step, in their order; files with other names are none.

    Raises:
        UserError: the folder is not there, or holds no dumps.
    """
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder: give the trainer.rollout_data_dir of a run")
    named = ((_FILE.fullmatch(path.name), path) for path in folder.iterdir() if path.is_file())
    found = {int(match[1]): path for match, path in named if match}
    if not found:
        raise UserError(f"'{folder}' has no 1.jsonl, 2.jsonl, ...: give the trainer.rollout_data_dir of a run")
    return dict(sorted(found.items()))


def read_dump(path: Path, cut_lines: list[CutLine]) -> Iterator[Rollout]:
    """Streams one file; a last line that is cut is added to `cut_lines`.

    Raises:
        UserError: a line is not JSON, or a key is missing or of the wrong type; names file, line and key.
    """
    step = int(path.stem)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except _NOT_JSON as error:
                if not line.endswith(b"\n"):
                    cut_lines.append(CutLine(path.name, number))
                    return
                raise UserError(f"{path}, line {number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise UserError(f"{path}, line {number}: not a JSON object, but {type(row).__name__}")
            try:
                rollout = _parse(row, step, number)
            except ValueError as fault:
                raise UserError(f"{path}, line {number}: {fault}") from None
            yield rollout


def _parse(row: Mapping[str, Any], step: int, line: int) -> Rollout:
    for key in REQUIRED_KEYS:
        if key not in row:
            raise ValueError(f"key '{key}' is missing")
    gold, score = row["gts"], _number(row, "score")
    if score is None:
        raise ValueError("key 'score' is null")
    if isinstance(gold, int | float) and not isinstance(gold, bool):
        gold = str(gold)
    return Rollout(
        step=step,
        line=line,
        uid=None if row.get("uid") is None else _text(row, "uid"),
        prompt=_text(row, "input"),
        output=_text(row, "output"),
        gold="" if gold is None else _text({"gts": gold}, "gts"),
        score=score,
        accuracy=_number(row, "acc"),
        format=_number(row, "format"),
        reason=None if row.get("reason") is None else _text(row, "reason"),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"key '{key}' is not text, but {type(value).__name__}")
    return value


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"key '{key}' is not a finite number, but {str(value)[:80]!r}")
    return float(value)
