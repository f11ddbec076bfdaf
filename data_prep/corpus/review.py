"""A step over the records of the step before: each is kept, or dropped with a reason."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from data_prep.corpus.calls import Answered, Asker, Call, Read, ReadReply
from data_prep.corpus.frames import Frames, undecodable
from data_prep.corpus.prompts import QUESTIONS, Reply
from data_prep.corpus.provenance import PROVENANCE, origins_of
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import of_shard, source_of
from data_prep.corpus.work import Outcome, Work
from videokr.errors import RecordError
from videokr.evaluation.answer import TAGGED
from videokr.evaluation.verdict import Verdict, score
from videokr.example import Example
from videokr.jsonl import LINE, parse_record, read_records
from videokr.response import build_response
from videokr.video.paths import resolve_video
from videokr.video.timeline import VideoError

Judged = tuple[dict[str, Any], Sequence[str]]  # fields of a record that change, and the keys of the calls


@dataclass(frozen=True, slots=True)
class Made:
    """A record that a step made, its line, and the example in it."""

    line: int
    record: dict[str, Any]
    example: Example


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions about one video that follow each other."""

    path: Path
    questions: list[Made]

    @property
    def video(self) -> str:
        return self.questions[0].example.videos[0]


class Review(Work[Asked]):
    """Asks about every record of the step before, or of a file that is given.

    Attributes:
        before: that step.
    """

    before: ClassVar[type[Work[Any]]]

    def __init__(self, corpus: Corpus, shard: tuple[int, int], given: Path | None):
        super().__init__(corpus, shard, source_of(corpus, self.before.step, self.before.name, shard, given))

    def rows(self, after: int = 0) -> Iterator[tuple[int, Asked]]:
        for video, questions in groupby(read_made(self.source, after), lambda one: one.example.videos[0]):
            asked = list(questions)
            if of_shard(video, self.shard):
                yield asked[-1].line, Asked(resolve_video(video, self.corpus.video_dir), asked)

    @abstractmethod
    def questions(self, one: Made, frames: Frames) -> list[Call]:
        """What is asked about a record at most, if every first reply will do."""

    @abstractmethod
    async def judged(self, one: Made, frames: Frames, asker: Asker) -> Judged:
        """What is kept of a record; RecordError says why it is dropped."""

    async def calls(self, row: Asked, asker: Asker) -> list[Call]:
        frames = await Frames.of(row.video, row.path, self.corpus.video_budget, asker.ledger)
        return [call for one in row.questions for call in self.questions(one, frames)]

    async def outcome(self, row: Asked, asker: Asker) -> Outcome:
        kept: list[dict[str, Any]] = []
        left_out: list[RecordError] = []
        frames: Frames | None = None
        for one in row.questions:
            try:
                frames = frames or await Frames.of(row.video, row.path, self.corpus.video_budget, asker.ledger)
                changes, keys = await self.judged(one, frames, asker)
            except VideoError as error:
                left_out.append(undecodable(error, self.source, one.line))
            except RecordError as fault:
                left_out.append(fault.located(str(self.source), one.line))
            else:
                provenance = one.record.get(PROVENANCE, {}) | self.made_by(keys)
                kept.append(one.record | changes | {PROVENANCE: provenance})
        return kept, left_out


def read_made(source: Path, after: int = 0) -> Iterator[Made]:
    """The records of a file that are questions which a step can ask about, behind a line of it.

    Raises:
        UserError: a line is none.
    """
    for line, record in read_records(source, after):
        try:
            example = parse_record(record)
            origins_of(record)  # which what is asked is added to
            if example.kind not in QUESTIONS or len(example.videos) > 1:
                raise RecordError(LINE, "not a question of multiple choice or an open one about one video")
        except RecordError as error:
            raise error.located(str(source), line) from None
        yield Made(line, record, example)


async def reply_to(call: Call, read: ReadReply[Read], asker: Asker, sample: int = 0) -> Answered[Read]:
    """As `Asker.ask`; RecordError where no reply will do, so that nothing is kept that was not looked at."""
    said = await asker.ask(call, read, sample)
    if not isinstance(said, Answered):
        raise RecordError("reply", said.reason, said.detail)
    return said


async def all_right(example: Example, calls: Iterable[tuple[Call, int]], asker: Asker) -> tuple[bool, list[str]]:
    """Whether the replies to all calls, each with its sample, are right, asked until one is not; and their keys."""
    keys: list[str] = []
    for call, sample in calls:
        said = await reply_to(call, partial(verdict_on, example), asker, sample)
        keys += said.keys
        if said.value is not Verdict.RIGHT:
            return False, keys
    return True, keys


def verdict_on(example: Example, reply: Reply) -> Verdict:
    """What evaluation says of an answer; one that no rule decides is not right."""
    return score(example, build_response(reply.reasoning, reply.answer), None, TAGGED).verdict
