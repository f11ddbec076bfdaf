"""Questions solved again from the frames alone: kept where the answer agrees, with the reasoning that led to it."""

from dataclasses import replace

from data_prep.corpus.calls import Answered, Asker, Call
from data_prep.corpus.frames import Frames
from data_prep.corpus.generate import Generation, check_language
from data_prep.corpus.prompts import Reply, answer_prompt
from data_prep.corpus.review import Judged, Made, Review, reply_to, verdict_on
from videokr.errors import RecordError
from videokr.evaluation.verdict import Verdict
from videokr.example import ANSWER_FIELDS, Example, imitated_fields, parse_example

REASONS = {
    Verdict.WRONG: "solved again, the answer is another one",
    Verdict.UNPARSED: "solved again, there is no answer that can be read",
    Verdict.UNSCORED: "solved again, the answer is in other words, and no rule tells whether it agrees",
}


class Verification(Review):
    """Asks every generated question again."""

    step, name, before = "verify", "verified", Generation

    def questions(self, one: Made, frames: Frames) -> list[Call]:
        (model,) = self.models
        return [Call(model, one.example.id, frames, answer_prompt(one.example), Reply)] * model.samples

    async def judged(self, one: Made, frames: Frames, asker: Asker) -> Judged:
        """The reasoning that led to its answer again takes the place of its rationale."""

        def solution(reply: Reply) -> tuple[Verdict, Example]:
            if not reply.answer.strip():
                raise RecordError("answer", "empty")
            again = replace(one.example, rationale=reply.reasoning)
            # Reasoning that is no rationale, or not English, is asked for again.
            check_language(parse_example(one.record | imitated_fields(again)))
            return verdict_on(one.example, reply), again

        solved: list[Answered[tuple[Verdict, Example]]] = []
        for sample, call in enumerate(self.questions(one, frames)):
            said = await reply_to(call, solution, asker, sample)
            verdict, again = said.value
            if verdict is not Verdict.RIGHT:
                detail = f"{one.example.id}, {one.example.answer!r}; solved again: {again.rationale}"
                raise RecordError(ANSWER_FIELDS[0], REASONS[verdict], detail)
            solved.append(said)
        return imitated_fields(solved[0].value[1]), [key for answer in solved for key in answer.keys]
