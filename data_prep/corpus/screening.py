"""Collected videos looked at by models: dropped where they show something else, or what should not be shown."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from data_prep.corpus.calls import Asker, Call
from data_prep.corpus.collect import NAME as COLLECTED
from data_prep.corpus.frames import NO_FRAMES, Frames, undecodable
from data_prep.corpus.provenance import PROVENANCE
from data_prep.corpus.review import reply_to
from data_prep.corpus.screening_prompts import Opinion, frames_prompt, metadata_prompt, moderation_prompt
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import source_of
from data_prep.corpus.videos import Video, read_videos
from data_prep.corpus.work import Outcome, Work
from videokr.errors import RecordError
from videokr.example import VIDEO_FIELDS
from videokr.video.timeline import VideoError

RELEVANCE_FRAMES, MODERATION_FRAMES = 8, 4  # spread over a video
Check = tuple[str, Call]  # why a video is dropped that does not pass, and what is asked


class Screening(Work[Video]):
    """Asks about every video of the step before, or of a file that is given, until a check is not passed.

    Attributes:
        before: that step, and the name of its output.
        needed: fields of a video's line that the checks are about.
    """

    before: ClassVar[tuple[str, str]]
    needed: ClassVar[Sequence[str]]

    def __init__(self, corpus: Corpus, shard: tuple[int, int], given: Path | None):
        step, name = self.before
        super().__init__(corpus, shard, source_of(corpus, step, name, shard, given))

    def rows(self, after: int = 0) -> Iterator[tuple[int, Video]]:
        videos = read_videos(self.source, self.corpus, self.shard, self.needed, after)
        return ((video.line, video) for video in videos)

    @abstractmethod
    def checks(self, video: Video, asker: Asker) -> AsyncIterator[Check]:
        """What a video has to pass; nothing is decoded for a check that is not reached."""

    async def calls(self, video: Video, asker: Asker) -> list[Call]:
        return [call async for _, call in self.checks(video, asker)]

    async def outcome(self, video: Video, asker: Asker) -> Outcome:
        keys: list[str] = []
        try:
            async for reason, call in self.checks(video, asker):
                said = await reply_to(call, lambda opinion: opinion, asker)
                if not said.value.passes:
                    raise RecordError(VIDEO_FIELDS[0], reason, f"{video.name}: {said.value.why}")
                keys += said.keys
        except RecordError as fault:
            return [], [fault.located(str(self.source), video.line)]
        except VideoError as error:
            return [], [undecodable(error, self.source, video.line)]
        return [video.record | {PROVENANCE: video.record.get(PROVENANCE, {}) | self.made_by(keys)}], []

    async def _frames(self, video: Video, number: int, asker: Asker) -> Frames:
        return await Frames.of(video.name, video.path, self.corpus.video_budget.bounded(number), asker.ledger)


class Relevance(Screening):
    """Asks what the metadata say that a video shows, and then what its frames show."""

    step, name, before = "relevance", "relevant", ("collect", COLLECTED)
    needed = ("discipline", "knowledge_point", "scenario", "title")

    async def checks(self, video: Video, asker: Asker) -> AsyncIterator[Check]:
        (model,) = self.models
        by_metadata = metadata_prompt(video.record)
        yield "not relevant by its metadata", Call(model, video.name, NO_FRAMES, by_metadata, Opinion)
        frames = await self._frames(video, RELEVANCE_FRAMES, asker)
        yield "not relevant by its frames", Call(model, video.name, frames, frames_prompt(video.record), Opinion)


class Moderation(Screening):
    """Asks whether a video may be shown; its output is what `generate` reads as `videos`."""

    step, name, before = "moderation", "moderated", (Relevance.step, Relevance.name)
    needed = ("discipline",)

    async def checks(self, video: Video, asker: Asker) -> AsyncIterator[Check]:
        (model,) = self.models
        frames = await self._frames(video, MODERATION_FRAMES, asker)
        text = moderation_prompt(video.discipline)
        yield "not to be shown", Call(model, video.name, frames, text, Opinion)
