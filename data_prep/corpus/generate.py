"""Questions about videos, written by a model: six rounds a video, two for each skill."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data_prep.corpus.calls import Answered, Asker, Call
from data_prep.corpus.frames import Frames, undecodable
from data_prep.corpus.prompts import (
    NEEDS_KNOWLEDGE,
    QUESTIONS,
    WRONG_OPTIONS,
    ChoiceQuestion,
    OpenQuestion,
    question_prompt,
)
from data_prep.corpus.provenance import PROVENANCE
from data_prep.corpus.settings import Corpus, Model, Skill
from data_prep.corpus.shards import made_by, named
from data_prep.corpus.videos import Video, read_videos
from data_prep.corpus.work import Outcome, Work
from data_prep.lint.language import find_language
from data_prep.prepare.split import video_key
from videokr.errors import RecordError, UserError
from videokr.example import Example, imitated_fields, parse_example, to_record
from videokr.jsonl import read_examples
from videokr.options import LETTERS
from videokr.response import Kind
from videokr.video.timeline import VideoError

SEED_EXAMPLES = 3  # that a round shows
# The longest option has no more characters than this many times the shortest, and so many more: a right answer that is
# told by its length teaches to look at lengths.
MAX_LENGTH_RATIO, FREE_CHARACTERS = 2, 12
Seeds = Mapping[tuple[str, str], Sequence[Example]]  # by discipline and skill


def read_seeds(corpus: Corpus, videos: Sequence[Video]) -> Seeds:
    """The seed examples by discipline and skill.

    Raises:
        UserError: there are too few for a discipline of these videos.
    """
    seeds: dict[tuple[str, str], list[Example]] = {}
    for example in read_examples(corpus.seed_examples):
        groups = example.groups
        seeds.setdefault((groups.get("discipline", ""), groups.get("task_type", "")), []).append(example)
    for discipline in sorted({video.discipline for video in videos}):
        for skill in corpus.skills:
            found = len(seeds.get((discipline, skill), ()))
            if found < SEED_EXAMPLES:
                raise UserError(
                    f"'{corpus.seed_examples}' has {found} examples with discipline '{discipline}' and task_type "
                    f"'{skill}': {SEED_EXAMPLES} are needed for the videos of '{corpus.videos}'"
                )
    return seeds


class Generation(Work[Video]):
    """Asks for every round of a video."""

    step, name = "generate", "generated"

    def __init__(self, corpus: Corpus, shard: tuple[int, int], given: Path | None):
        if given:
            raise UserError("generate reads no --input: `videos` of corpus.yaml names its videos")
        if named(corpus.videos):
            made_by("moderation", corpus.videos, corpus.videos)
        super().__init__(corpus, shard, corpus.videos)
        needed = ["discipline", *(["knowledge_point"] if {*NEEDS_KNOWLEDGE} & {*corpus.skills} else [])]
        self._videos = list(read_videos(corpus.videos, corpus, shard, needed))
        self._seeds = read_seeds(corpus, self._videos)

    @property
    def read(self) -> list[Path]:
        return [self.source, self.corpus.seed_examples]

    def rows(self, after: int = 0) -> Iterator[tuple[int, Video]]:
        return ((video.line, video) for video in self._videos if video.line > after)

    async def calls(self, video: Video, asker: Asker) -> list[Call]:
        frames = await Frames.of(video.name, video.path, self.corpus.video_budget, asker.ledger)
        return [round_.call(video, frames, self.models[0]) for round_ in self._rounds(video)]

    async def outcome(self, video: Video, asker: Asker) -> Outcome:
        kept: list[dict[str, Any]] = []
        left_out: list[RecordError] = []
        try:
            frames = await Frames.of(video.name, video.path, self.corpus.video_budget, asker.ledger)
            for number, round_ in enumerate(self._rounds(video)):
                answered = await asker.ask(
                    round_.call(video, frames, self.models[0]), partial(round_.example, video), number
                )
                if isinstance(answered, Answered):
                    example = answered.value
                    record = to_record(example) | imitated_fields(example) | video.origin
                    provenance = video.origin.get(PROVENANCE, {}) | self.made_by(answered.keys)
                    kept.append(record | {"knowledge_point": round_.point(video), PROVENANCE: provenance})
                else:
                    detail = f"round {number}, {answered.detail}"
                    left_out.append(RecordError(round_.skill, answered.reason, detail, str(self.source), video.line))
        except VideoError as error:
            left_out += [undecodable(error, self.source, video.line) for _ in self._rounds(video)]
        return kept, left_out

    def _rounds(self, video: Video) -> Iterator["Round"]:
        for number, skill in enumerate(
            skill for skill in self.corpus.skills for _ in range(self.corpus.rounds_per_skill)
        ):
            rng = random.Random(f"{self.corpus.seed}/{video.name}/{number}")
            kind = Kind.OPEN_ENDED if rng.random() < self.corpus.open_share else Kind.MULTIPLE_CHOICE
            seeds = rng.sample(list(self._seeds[video.discipline, skill]), SEED_EXAMPLES)
            order = tuple(rng.sample(range(WRONG_OPTIONS + 1), WRONG_OPTIONS + 1))
            yield Round(f"{video_key(video.name):016x}-{number}", skill, kind, tuple(seeds), order)


@dataclass(frozen=True, slots=True)
class Round:
    """One question that is asked for.

    Attributes:
        id: of its record.
        order: the place of the right option, and of each wrong one: drawn by us, so that letters are even.
    """

    id: str
    skill: Skill
    kind: Kind
    seeds: tuple[Example, ...]
    order: tuple[int, ...]

    def point(self, video: Video) -> str:
        return video.knowledge_point if self.skill in NEEDS_KNOWLEDGE else ""

    def call(self, video: Video, frames: Frames, model: Model) -> Call:
        text = question_prompt(self.skill, self.kind, video.discipline, self.point(video), self.seeds)
        return Call(model, self.id, frames, text, QUESTIONS[self.kind])

    def example(self, video: Video, reply: OpenQuestion) -> Example:
        """What a reply asks, as an example that reads back as it is.

        Raises:
            RecordError: its options will not do, or it is no record.
        """
        answer, options = reply.answer, []
        if isinstance(reply, ChoiceQuestion):
            _check_options(texts := [reply.answer, *reply.wrong_options])
            by_place = dict(zip(self.order, texts, strict=True))
            options = [f"{letter}. {by_place[place]}" for place, letter in enumerate(LETTERS[: len(texts)])]
            answer = LETTERS[self.order[0]]
        example = parse_example(
            {
                "id": self.id,
                "question": reply.question,
                "options": options,
                "problem_type": self.kind.value,
                "answer": answer,
                "think": reply.reasoning,
                "videos": [video.name],
                "discipline": video.discipline,
                "task_type": self.skill,
            }
        )
        check_language(example)
        return example


def check_language(example: Example) -> None:
    """Raises RecordError where a question or its rationale is not English: models slip into other languages."""
    for flag in find_language(example):
        raise RecordError(flag.field, "not English", flag.detail)


def check_distinct(texts: Sequence[str]) -> None:
    """Raises RecordError where two options say the same."""
    if len({" ".join(text.lower().split()) for text in texts}) < len(texts):
        raise RecordError("options", "two options are the same", "; ".join(texts))


def _check_options(texts: Sequence[str]) -> None:
    """Raises RecordError at a wrong number of options, two that are the same, or one that its length gives away."""
    if len(texts) != WRONG_OPTIONS + 1:
        raise RecordError("wrong_options", "not as many as asked for", str(len(texts) - 1))
    check_distinct(texts)
    shortest, *_, longest = sorted(map(len, texts))
    if longest > MAX_LENGTH_RATIO * shortest + FREE_CHARACTERS:
        raise RecordError("wrong_options", "not of about one length", f"{shortest} to {longest} characters")
