"""Single-frame probing for a benchmark: kept are the questions that no model solves from one frame."""

from collections.abc import Mapping
from random import Random

from data_prep.corpus.calls import Asker, Call
from data_prep.corpus.frames import Frames
from data_prep.corpus.prompts import Reply, guess_prompt
from data_prep.corpus.rationale import Validation
from data_prep.corpus.review import Judged, Made, Review, all_right
from videokr.errors import RecordError
from videokr.evaluation.uncertainty import exact_interval

TRIALS = 3  # of a model, all with its frame; it has solved a question that it gets right in each
SOLVED = "a model solves it from a single frame"


class Probe(Review):
    """Asks every model, each with a frame of its own, until one has solved the question."""

    step, name, before = "probe", "probed", Validation

    def questions(self, one: Made, frames: Frames) -> list[Call]:
        return [call for call in self._calls(one, frames) for _ in range(TRIALS)]

    async def judged(self, one: Made, frames: Frames, asker: Asker) -> Judged:
        keys: list[str] = []
        for call in self._calls(one, frames):
            are_right, own_keys = await all_right(one.example, [(call, trial) for trial in range(TRIALS)], asker)
            keys += own_keys
            if are_right:
                shown = f"{call.model.name}, the frame at {call.frames.seconds[0]:.1f} s"
                raise RecordError("question", SOLVED, f"{one.example.id}, {one.example.answer!r}: {shown}")
        return {}, keys

    def summary(self, kept: int, left_out: Mapping[str, int]) -> str:
        return single_frame(kept, left_out)

    def _calls(self, one: Made, frames: Frames) -> list[Call]:
        text = guess_prompt(one.example, 1)
        rng = Random(f"{self.corpus.seed}/{self.step}/{one.example.id}")
        places = [rng.randrange(len(frames.seconds)) for _ in self.models]
        shown = [frames.chosen([place], [frames.seconds[place]]) for place in places]
        return [Call(model, one.example.id, some, text, Reply) for model, some in zip(self.models, shown, strict=True)]


def single_frame(kept: int, left_out: Mapping[str, int]) -> str:
    """The share that a single frame solves, of questions kept and left out by reason."""
    solved = left_out.get(SOLVED, 0)
    low, high = exact_interval(solved, kept + solved)
    return (
        f"a single frame solves {solved} of {kept + solved} questions: {solved / (kept + solved):.1%} "
        f"(95% interval {low:.1%} to {high:.1%})"
    )
