"""Rationales judged step by step: dropped where a step rests on neither what is seen nor standard knowledge."""

from data_prep.corpus.calls import Asker, Call
from data_prep.corpus.dependency import Dependency
from data_prep.corpus.frames import Frames
from data_prep.corpus.prompts import Judgement, Step, steps_prompt
from data_prep.corpus.review import Judged, Made, Review, reply_to
from videokr.errors import RecordError
from videokr.mentions import sentences_of

REASONS = {
    "neither": "a step of the rationale rests neither on what is seen nor on standard knowledge",
    "contradicted": "a step of the rationale contradicts what is seen",
}


class Validation(Review):
    """Asks about every rationale; its sentences are its steps."""

    step, name, before = "rationale", "validated", Dependency

    def questions(self, one: Made, frames: Frames) -> list[Call]:
        (model,) = self.models
        return [Call(model, one.example.id, frames, steps_prompt(one.example, _steps(one)), Judgement)]

    async def judged(self, one: Made, frames: Frames, asker: Asker) -> Judged:
        steps = _steps(one)
        if not steps:
            raise RecordError("think", "no rationale", one.example.id)

        def each(reply: Judgement) -> list[Step]:
            numbers = [step.step for step in reply.steps]
            if numbers != list(range(1, len(steps) + 1)):
                raise RecordError("steps", f"not each of {len(steps)} steps once and in order", str(numbers))
            return reply.steps

        (call,) = self.questions(one, frames)
        said = await reply_to(call, each, asker)
        for text, step in zip(steps, said.value, strict=True):
            if step.rests_on in REASONS:
                detail = f"{one.example.id}, step {step.step}, {text!r}: {step.why}"
                raise RecordError("think", REASONS[step.rests_on], detail)
        return {}, said.keys


def _steps(one: Made) -> list[str]:
    return sentences_of(one.example.rationale or "")
