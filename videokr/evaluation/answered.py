"""One question of a run with what became of it, and the file that holds them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.errors import UserError
from videokr.evaluation.answer import TAGGED
from videokr.evaluation.verdict import OPEN, Verdict, read
from videokr.example import Example, parse_example, to_record
from videokr.jsonl import read_records
from videokr.outputs import atomic_write
from videokr.response import ANSWER_TAGS, Kind
from videokr.spans import iou, read_spans


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with its response and what became of it.

    Attributes:
        task: the name it was asked under.
        example: as it was asked; its videos are the paths that were read.
        response: everything the model said.
        answer: the option letter, the spans of time, or the text of an open answer (of one without a letter that was
            judged all the same, what the judge was shown); None where it is unparsed.
        judge_reply: what the judge said; None where it was not asked.
        prompt_tokens, response_tokens: how many there were; None where the host did not count.
    """

    task: str
    example: Example
    response: str
    verdict: Verdict
    answer: str | None
    judge_reply: str | None
    prompt_tokens: int | None
    response_tokens: int | None

    @property
    def score(self) -> float | None:
        """1 right, None where nobody knows, else 0."""
        return None if self.verdict in OPEN else float(self.verdict is Verdict.RIGHT)

    @property
    def iou(self) -> float | None:
        """Of the spans of a grounding answer with the gold ones, in [0, 1]: 0 where it is unparsed; else None."""
        if self.example.kind is not Kind.GROUNDING:
            return None
        return iou(read_spans(self.answer or ""), read_spans(self.example.answer))

    @property
    def is_tagged(self) -> bool:
        """Whether the same answer is read where nothing but the tags that the prompt asks for counts."""
        if self.answer is None:
            return False
        # As nearly all end that were trained on the tags; a report asks many times.
        ends_so = self.response.rstrip().endswith(ANSWER_TAGS.format(self.answer))
        return ends_so or self.answer == read(self.example, self.response, TAGGED)

    @property
    def video(self) -> str:
        """What the uncertainty is clustered by."""
        return self.example.videos[0]

    def group(self, grouping: str) -> str | None:
        """Its value in a breakdown: `kind`, or one of the example's groups; None where it has none."""
        return self.example.kind.value if grouping == "kind" else self.example.groups.get(grouping)


def write_answers(answers: Iterable[Answered], path: Path) -> None:
    """Writes JSONL, whole or not at all."""
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8") as file:
        for one in answers:
            record = {
                "task": one.task,
                **to_record(one.example),
                "response": one.response,
                "verdict": one.verdict.value,
                "extracted": one.answer,  # a record's own `answer` is the gold one
                **({} if one.iou is None else {"iou": one.iou}),
                "judge_reply": one.judge_reply,
                "prompt_tokens": one.prompt_tokens,
                "response_tokens": one.response_tokens,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def read_answers(path: Path) -> Iterator[Answered]:
    """Reads what `write_answers` wrote; UserError, which names the line, where it is something else."""
    for line, record in read_records(path):
        try:
            yield _parse(record)
        except (KeyError, TypeError, ValueError, UserError) as error:
            raise UserError(f"{path}, line {line}: not an answered question: {type(error).__name__}: {error}") from None


def _parse(record: Mapping[str, Any]) -> Answered:
    example = parse_example(record)
    answer = record["extracted"]
    if answer is not None and not isinstance(answer, str):
        raise TypeError(f"field 'extracted' is {answer!r}")
    return Answered(
        task=str(record["task"]),
        example=example,
        response=str(record["response"]),
        verdict=Verdict(record["verdict"]),
        answer=answer,
        judge_reply=record["judge_reply"],
        prompt_tokens=record["prompt_tokens"],
        response_tokens=record["response_tokens"],
    )
