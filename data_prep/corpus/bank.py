"""The knowledge bank: subjects, their courses, lectures, knowledge points, and scenarios that videos show."""

import asyncio
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from data_prep.corpus.bank_prompts import LEVELS, SHAPES, Level, Names, Scenarios, level_prompt, size_of
from data_prep.corpus.calls import Asker, Call, Failed
from data_prep.corpus.frames import NO_FRAMES
from data_prep.corpus.provenance import PROVENANCE
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import of_shard
from data_prep.corpus.work import Outcome, Work
from videokr.errors import RecordError, UserError

MAX_CHARACTERS = 200  # of a name, a scenario or a search term
LONGEST = "\U0001f4da" * MAX_CHARACTERS  # no text of so many characters has more bytes
TWICE, TOO_MANY = "in the bank of the subject already", "more than were asked for"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the tree: the texts from the subject on, and the keys of the calls that led there."""

    path: tuple[str, ...]
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " / ".join(self.path)


class Bank(Work[str]):
    """Asks for the whole tree of a subject, one level after the other, many calls of a level at once."""

    step, name = "bank", "bank"

    def __init__(self, corpus: Corpus, shard: tuple[int, int], given: Path | None):
        if given:
            raise UserError("bank reads no --input: `subjects` of corpus.yaml names its subjects")
        if not corpus.subjects:
            raise UserError("corpus.yaml has no `subjects`: list those of the bank, as [Physics, Medicine]")
        super().__init__(corpus, shard, Path("corpus.yaml"))
        self._gate = asyncio.Semaphore(corpus.concurrency)

    @property
    def read(self) -> list[Path]:
        return []

    def count(self) -> int:
        return len(self.corpus.subjects)

    def rows(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """The subjects, each with its place in the list."""
        for place, subject in enumerate(self.corpus.subjects, start=1):
            if place > after and of_shard(subject, self.shard):
                yield place, subject

    async def calls(self, subject: str, asker: Asker) -> list[Call]:
        """As many as there may be, each with the longest names above it."""
        path: tuple[str, ...] = (subject,)
        number, calls = 1, list[Call]()
        for level in LEVELS:
            call = self._call(level, Place(path))
            calls += [replace(call, row=f"{call.row} {place}") for place in range(number)]
            number, path = number * size_of(level, self.corpus.bank), (*path, LONGEST)
        return calls

    def price(self, environment: Mapping[str, str]) -> str:
        return (
            f"{super().price(environment)}\n"
            "The number of calls is the most that `bank` in corpus.yaml allows: how many there will be hangs on the "
            "replies. Nothing is asked below what a reply leaves out, or what the bank has already."
        )

    async def outcome(self, subject: str, asker: Asker) -> Outcome:
        left_out: list[RecordError] = []
        places = [Place((subject,))]
        for level in LEVELS:
            places = await self._below(level, places, asker, left_out)
        points = groupby(places, lambda place: (place.path[:-2], place.keys))
        return [
            self._record(path, keys, [place.path[-2:] for place in found]) for (path, keys), found in points
        ], left_out

    def _record(self, path: tuple[str, ...], keys: Iterable[str], found: list[tuple[str, ...]]) -> dict[str, Any]:
        discipline, course, lecture, point = path
        return {
            "discipline": discipline,
            "course": course,
            "lecture": lecture,
            "knowledge_point": point,
            "scenarios": [scenario for scenario, _ in found],
            "search_terms": [term for _, term in found],
            PROVENANCE: self.made_by([*keys]),
        }

    async def _below(self, level: Level, places: list[Place], asker: Asker, left_out: list[RecordError]) -> list[Place]:
        """The places of the next level, each once: what was there first, in the order of the tree, stays."""
        replies = await asyncio.gather(*(self._ask(level, place, asker) for place in places))
        taken: set[str] = set()
        below: list[Place] = []
        for place, reply in zip(places, replies, strict=True):
            if isinstance(reply, Failed):
                left_out.append(RecordError(level, reply.reason, f"{place}: {reply.detail}"))
                continue
            for number, texts in enumerate(reply.value):
                forms = {same_name(text) for text in texts}
                one = Place((*place.path, *texts), (*place.keys, *reply.keys))
                if number >= size_of(level, self.corpus.bank):
                    left_out.append(RecordError(level, TOO_MANY, str(one)))
                elif forms & taken:
                    left_out.append(RecordError(level, TWICE, str(one)))
                else:
                    taken |= forms
                    below.append(one)
        return below

    async def _ask(self, level: Level, place: Place, asker: Asker) -> Any:
        async with self._gate:  # a level of one subject may have hundreds of calls
            return await asker.ask(self._call(level, place), _texts)

    def _call(self, level: Level, place: Place) -> Call:
        text = level_prompt(level, place.path, self.corpus.bank)
        return Call(self.models[0], str(place), NO_FRAMES, text, SHAPES[level])


def same_name(text: str) -> str:
    """The form in which two names are the same: case, white space and the ways to write a character do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _texts(reply: Names | Scenarios) -> list[tuple[str, ...]]:
    """What a reply lists, each text in one line; RecordError where it lists nothing, or what is no name."""
    found = [tuple(" ".join(text.split()) for text in texts) for texts in reply.texts()]
    if not found:
        raise RecordError("reply", "nothing in the list")
    for text in (text for texts in found for text in texts):
        if not 0 < len(text) <= MAX_CHARACTERS:
            raise RecordError("reply", f"a text that is empty, or longer than {MAX_CHARACTERS} characters", repr(text))
    return found
