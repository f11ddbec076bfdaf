"""Questions that models answer without the video, or from a few frames of it: dropped where all of them are right."""

from itertools import permutations
from random import Random

from data_prep.corpus.calls import Asker, Call
from data_prep.corpus.frames import Frames
from data_prep.corpus.prompts import Reply, guess_prompt
from data_prep.corpus.review import Judged, Made, Review, all_right
from data_prep.corpus.settings import View
from data_prep.corpus.verify import Verification
from videokr.errors import RecordError

SHOWN_FRAMES = 4
REASONS: dict[View, str] = {
    "frames": "all models are right from a few frames",
    "blind": "all models are right without the video",
    "shuffled": "all models are right from a few frames in another order",
}


class Dependency(Review):
    """Asks every model with each view of the video, until one is not right."""

    step, name, before = "dependency", "dependent", Verification

    def questions(self, one: Made, frames: Frames) -> list[Call]:
        return [call for view in self.corpus.dependency for call in self._calls(one, frames, view)]

    async def judged(self, one: Made, frames: Frames, asker: Asker) -> Judged:
        keys: list[str] = []
        for view in self.corpus.dependency:
            calls = ((call, 0) for call in self._calls(one, frames, view))
            are_right, own_keys = await all_right(one.example, calls, asker)
            keys += own_keys
            if are_right:
                raise RecordError("question", REASONS[view], f"{one.example.id}, {one.example.answer!r}")
        return {}, keys

    def _calls(self, one: Made, frames: Frames, view: View) -> list[Call]:
        rng = Random(f"{self.corpus.seed}/{self.step}/{one.example.id}")
        number = len(frames.seconds)
        places = tuple(sorted(rng.sample(range(number), min(SHOWN_FRAMES, number))))
        seconds = [frames.seconds[place] for place in places]
        if view == "shuffled":  # told at the times of the places that they stand in, or they could be put in order
            places = rng.choice(list(permutations(places))[1:] or [places])
        some = frames.chosen((), ()) if view == "blind" else frames.chosen(places, seconds)
        text = guess_prompt(one.example, len(some.seconds))
        return [Call(model, one.example.id, some, text, Reply) for model in self.models]
