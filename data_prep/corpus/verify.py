"""Questions solved again from the frames alone: kept where the answer agrees, with the reasoning that led to it."""

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from data_prep.corpus.calls import Answered, Asker, Call
from data_prep.corpus.frames import Frames
from data_prep.corpus.generate import PROVENANCE
from data_prep.corpus.prompts import VERSIONS, Reply, answer_prompt
from data_prep.corpus.settings import Corpus
from data_prep.corpus.work import Outcome, Work, output_of
from videokr.errors import RecordError, UserError
from videokr.evaluation.answer import TAGGED
from videokr.evaluation.verdict import Verdict, score
from videokr.example import ANSWER_FIELDS, Example, imitated_fields, parse_example
from videokr.jsonl import parse_record, read_records
from videokr.response import build_response
from videokr.video.paths import resolve_video

REASONS = {
    Verdict.WRONG: "solved again, the answer is another one",
    Verdict.UNPARSED: "solved again, there is no answer that can be read",
    Verdict.UNSCORED: "solved again, the answer is in other words, and no rule tells whether it agrees",
}


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated record, its line, and the example in it."""

    line: int
    record: dict[str, Any]
    example: Example


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions about one video that follow each other."""

    path: Path
    questions: list[Generated]

    @property
    def video(self) -> str:
        return self.questions[0].example.videos[0]


class Verification(Work[Asked]):
    """Asks every generated question again."""

    step, name = "verify", "verified"

    def __init__(self, corpus: Corpus, shard: tuple[int, int]):
        super().__init__(corpus, shard)
        self.source = output_of(corpus, "generated", shard)
        if not self.source.is_file():
            raise UserError(f"'{self.source}' is not there: run `videokr corpus generate` first")
        generated = (Generated(line, record, parse_record(record)) for line, record in read_records(self.source))
        self.rows = [
            Asked(resolve_video(video, corpus.video_dir), list(questions))
            for video, questions in groupby(generated, lambda one: one.example.videos[0])
        ]

    async def calls(self, row: Asked, asker: Asker) -> list[Call]:
        frames = await Frames.of(row.video, row.path, self.corpus.video_budget, asker.ledger)
        return [_call(one, frames) for one in row.questions for _ in range(asker.model.samples)]

    async def outcome(self, row: Asked, asker: Asker) -> Outcome:
        kept: list[dict[str, Any]] = []
        left_out: list[RecordError] = []
        frames = await Frames.of(row.video, row.path, self.corpus.video_budget, asker.ledger)
        for one in row.questions:
            try:
                kept.append(await self._verified(one, frames, asker))
            except RecordError as fault:
                left_out.append(fault.located(str(self.source), one.line))
        return kept, left_out

    async def _verified(self, one: Generated, frames: Frames, asker: Asker) -> dict[str, Any]:
        """The record with the reasoning that led to its answer again; RecordError says why it is dropped."""

        def solution(reply: Reply) -> tuple[Verdict, Example]:
            if not reply.answer.strip():
                raise RecordError("answer", "empty")
            again = replace(one.example, rationale=reply.reasoning)
            parse_example(one.record | imitated_fields(again))  # reasoning that is no rationale is asked for again
            return score(one.example, build_response(reply.reasoning, reply.answer), None, TAGGED).verdict, again

        solved: list[Answered[tuple[Verdict, Example]]] = []
        for sample in range(asker.model.samples):
            said = await asker.ask(_call(one, frames), solution, sample)
            if not isinstance(said, Answered):
                raise RecordError("reply", said.reason, said.detail)
            verdict, again = said.value
            if verdict is not Verdict.RIGHT:
                detail = f"{one.example.id}, {one.example.answer!r}; solved again: {again.rationale}"
                raise RecordError(ANSWER_FIELDS[0], REASONS[verdict], detail)
            solved.append(said)
        made_by = {"model": asker.model.name, "prompt": VERSIONS[self.step], "calls": [answer.key for answer in solved]}
        provenance = {**one.record[PROVENANCE], self.step: made_by}
        return one.record | imitated_fields(solved[0].value[1]) | {PROVENANCE: provenance}


def _call(one: Generated, frames: Frames) -> Call:
    return Call(one.example.id, frames, answer_prompt(one.example), Reply)
