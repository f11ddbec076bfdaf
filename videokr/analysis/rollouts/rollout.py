"""A rollout as verl dumps it, and why it earned its accuracy: scored again from its text, by the reward of the run.

A dump is `DIR/{step}.jsonl`, one JSON object a rollout. `trainer.rollout_data_dir` gives the keys `input`, `output`,
`gts`, `score`, `step` and `uid`; `trainer.validation_data_dir` those and what the reward said besides (`acc`, `format`,
`reason`). verl 0.9.1, verl/trainer/ppo/v1/trainer_base.py, `_write_generations`.
"""

import json
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from videokr.dialogue import Call, read_turn, split_turns, tells_of_tool
from videokr.dialogue_reward import LEAST_IOU, WEIGHTS, score_dialogue
from videokr.errors import UserError
from videokr.generation_prompt import opening_of
from videokr.mentions import read_answer_letter
from videokr.options import read_option_letter
from videokr.prompt import read_prompt
from videokr.response import Kind, holds_tag, read_response
from videokr.reward import ACCURACY_WEIGHT, DEFAULT_TOLERANCE, FORMAT_WEIGHT, Accuracy, Reason, score_response
from videokr.spans import read_spans

PADDING = "pad"
REQUIRED_KEYS = ("input", "output", "gts", "score")
_FILE = re.compile(r"(0|[1-9][0-9]{0,17})\.jsonl")
SCORE_TOLERANCE = 1e-5  # verl sums the reward in float32
REMEMBERED_PROMPTS = 64  # the rollouts of one prompt stand together
_read_prompt = lru_cache(REMEMBERED_PROMPTS)(read_prompt)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One response with its prompt and its reward."""

    step: int  # by the name of the file
    line: int  # in the file, counted from 1
    uid: str | None  # `{prompt}_{session}_{index}`; None where the dump has none
    prompt: str  # decoded without special tokens, as `output`
    output: str
    gold: str  # as it was dumped, with its tags if it has some; "" where it is null
    score: float  # the whole reward
    accuracy: float | None  # as the run's reward gave it; None where the dump does not say, as of the next two
    format: float | None
    reason: str | None

    @property
    def is_dialogue(self) -> bool:
        return tells_of_tool(self.prompt)

    @property
    def turns(self) -> list[str]:
        """The model's, from the opening of their thinking on, which may stand in the prompt; one, but of dialogues."""
        opening = opening_of(self.prompt)
        return [opening + turn for turn in (split_turns(self.output) if self.is_dialogue else [self.output])]

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


def find_dumps(folder: Path) -> dict[int, Path]:
    """The file of each step, in their order; files with other names are none. UserError where there is no file."""
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder: give the trainer.rollout_data_dir of a run")
    named = ((_FILE.fullmatch(path.name), path) for path in folder.iterdir() if path.is_file())
    found = {int(match[1]): path for match, path in named if match}
    if not found:
        raise UserError(f"'{folder}' has no 1.jsonl, 2.jsonl, ...: give the trainer.rollout_data_dir of a run")
    return dict(sorted(found.items()))


def read_dump(path: Path, cut_lines: list[dict[str, Any]]) -> Iterator[Rollout]:
    """Streams one file; UserError with file, line and key where a line is not as verl writes it.

    Args:
        cut_lines: gets `file` and `line` of a last line that a run that was ended did not write to its end.
    """
    step = int(path.stem)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:  # broken syntax or encoding, brackets nested too deep
                if not line.endswith(b"\n"):
                    cut_lines.append({"file": path.name, "line": number})
                    return
                raise UserError(f"{path}, line {number}: not JSON: {error}") from None
            try:
                rollout = _parse(row, step, number)
            except ValueError as fault:
                raise UserError(f"{path}, line {number}: {fault}") from None
            yield rollout


def _parse(row: Any, step: int, line: int) -> Rollout:
    if not isinstance(row, dict):
        raise ValueError(f"not a JSON object, but {type(row).__name__}")
    if missing := [key for key in REQUIRED_KEYS if key not in row]:
        raise ValueError(f"key '{missing[0]}' is missing")
    gold, score = row["gts"], _number(row, "score")
    if score is None:
        raise ValueError("key 'score' is null")
    gold = str(gold) if isinstance(gold, int | float) and not isinstance(gold, bool) else gold
    return Rollout(
        step=step,
        line=line,
        uid=_text(row, "uid") if row.get("uid") is not None else None,
        prompt=_text(row, "input"),
        output=_text(row, "output"),
        gold="" if gold is None else _text({"gts": gold}, "gts"),
        score=score,
        accuracy=_number(row, "acc"),
        format=_number(row, "format"),
        reason=_text(row, "reason") if row.get("reason") is not None else None,
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


class NoVerdict(StrEnum):
    """Why a rollout has no accuracy: beside the reward's own reasons."""

    EMPTY_GOLD = "empty_gold"
    BAD_GOLD = "bad_gold"
    UNKNOWN_PROMPT = "unknown_prompt"
    JUDGE_FAILED = "judge_failed"


_JUDGED = frozenset((Reason.JUDGED_RIGHT, Reason.JUDGED_WRONG, NoVerdict.JUDGE_FAILED))


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rollout with why it earned what it did."""

    rollout: Rollout
    kind: Kind | None  # None where the prompt is unknown
    options: tuple[str, ...]
    gold: str  # without tags; "" where it is empty
    answer: str | None  # of the output; None where it has none
    letter: str | None  # the option that the answer names; None where it names none, or none is asked for
    gold_letter: str | None
    format: float  # 0 or 1
    accuracy: float | None  # in [0, 1]; None where there is no verdict
    reason: str  # a `Reason` or `NoVerdict`, or what else the dump says
    score_differs: bool  # the text earns another score than the dumped one; False where it cannot be scored
    calls: tuple[tuple[Call, ...], ...]  # of a dialogue, those of each turn that calls the tool
    iou: float | None  # of its last look with the gold spans, as the score of a right answer tells it

    @property
    def is_zero(self) -> bool:
        """Whether it earned no accuracy, or there is none to earn."""
        return not self.accuracy

    @property
    def chance(self) -> float | None:
        """The accuracy of an answer drawn blindly; 0 for open questions, None where the prompt is unknown."""
        if self.kind is None:
            return None
        return 1 / len(self.options) if self.options else 0.0


def explain(
    rollout: Rollout, accuracy: Accuracy, tolerance: float = DEFAULT_TOLERANCE, judged: bool = False
) -> Explanation:
    """Scores a rollout again; where the dump has accuracy, format or a reason of its own, those count.

    Args:
        judged: the run asked a judge: where `typed` does not decide on an open answer, or the dump has another score,
            that is its verdict.
    """
    kind, options = _read_prompt(rollout.prompt) or (None, ())
    written = read_response(rollout.gold)
    gold = written.answer or ("" if written.has_empty_block else rollout.gold.strip())
    turns = rollout.turns
    response, read = read_response(turns[-1]), [read_turn(turn) for turn in turns] if rollout.is_dialogue else []
    value = overlap = None
    differs, form = False, all(turn.is_well_formed for turn in read) if read else response.is_well_formed
    reason = _why_no_verdict(kind, gold, options)
    if reason is None and kind is not None:
        reward = score_response(turns[-1], gold, kind, options or None, accuracy, tolerance)
        value, reason = reward.accuracy, str(reward.reason)
        differs = rollout.reason not in _JUDGED and abs(reward.score - rollout.score) > SCORE_TOLERANCE
        if read:  # no dump has the clues, which the last look is held against
            of_look = rollout.score - score_dialogue(turns, gold, kind, options, (), accuracy, tolerance).score(WEIGHTS)
            differs = not -LEAST_IOU - SCORE_TOLERANCE <= of_look <= 1 + SCORE_TOLERANCE
            if not differs and abs(of_look) > SCORE_TOLERANCE:  # nothing is paid where no gold spans are known
                overlap = of_look + LEAST_IOU * (of_look < 0)
        if judged and kind is Kind.OPEN_ENDED and (differs or reward.reason is Reason.WRONG):
            # The accuracy out of the whole reward; a judge gives 0 or 1 and nothing between.
            given = (rollout.score - FORMAT_WEIGHT * reward.format) / ACCURACY_WEIGHT
            for verdict, judged_reason in ((0.0, Reason.JUDGED_WRONG), (1.0, Reason.JUDGED_RIGHT)):
                if abs(given - verdict) < SCORE_TOLERANCE:
                    value, reason, differs = verdict, str(judged_reason), False
    if rollout.reason == NoVerdict.JUDGE_FAILED or rollout.accuracy is not None:
        value = None if rollout.reason == NoVerdict.JUDGE_FAILED else rollout.accuracy
    is_choice = kind is Kind.MULTIPLE_CHOICE
    return Explanation(
        rollout=rollout,
        kind=kind,
        options=options,
        gold=gold,
        answer=response.answer,
        letter=read_answer_letter(response.answer, options) if is_choice else None,
        gold_letter=read_option_letter(gold, options) if is_choice else None,
        format=float(form) if rollout.format is None else rollout.format,
        accuracy=value,
        reason=rollout.reason or reason or "",
        score_differs=differs,
        calls=tuple(turn.calls for turn in read if turn.calls),
        iou=overlap,
    )


def _why_no_verdict(kind: Kind | None, gold: str, options: tuple[str, ...]) -> str | None:
    if kind is None:
        return NoVerdict.UNKNOWN_PROMPT
    if not gold:
        return NoVerdict.EMPTY_GOLD
    if kind is Kind.MULTIPLE_CHOICE:
        is_bad = read_option_letter(gold, options) is None
    else:
        is_bad = holds_tag(gold) if kind is Kind.OPEN_ENDED else not read_spans(gold)
    return NoVerdict.BAD_GOLD if is_bad else None
