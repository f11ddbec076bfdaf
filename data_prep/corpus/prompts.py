"""What the models are asked, in our own words, and the form of their replies."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from data_prep.corpus import bank_prompts, screening_prompts
from data_prep.corpus.settings import Skill
from videokr.example import Example
from videokr.options import LETTERS
from videokr.prompt import build_question
from videokr.response import Kind

WRONG_OPTIONS = 3
SKILLS: dict[Skill, str] = {
    "VidR": "reasoning over the video: the answer follows from several moments that are put together (what comes "
    "before what, what causes what, how often, how much it changes). No knowledge of the subject is needed.",
    "KnowVid": "knowledge in what is seen: the answer names or explains what the video shows with knowledge of the "
    "subject. Without the video it cannot be answered, and without the knowledge it cannot either.",
    "KnowVidR": "reasoning with knowledge: the answer takes several steps, of which some rest on what is seen and some "
    "on knowledge of the subject.",
}
NEEDS_KNOWLEDGE: tuple[Skill, ...] = ("KnowVid", "KnowVidR")

_QUESTION = """\
You have seen frames of one video, each with its time. Write one question about this video for an exam in {discipline}.

The question is to test {skill}
{knowledge}
Rules:
- It cannot be answered without watching the video, nor from any single frame of it.
- It has one answer, which what is seen decides beyond doubt.
- It does not speak of frames or of their times as such: the reader sees a video.
- It stands alone: it does not refer to these rules or to the examples.
{form}
Questions of this kind about other videos, to show the style. Do not copy what they are about:

{examples}

First reason step by step from what is seen to the answer (reasoning), then write the question."""
_KNOWLEDGE = "It is to be about this piece of knowledge: {point}\n"
_FORMS = {
    Kind.MULTIPLE_CHOICE: f"""\
- Give the right answer and {WRONG_OPTIONS} wrong ones (wrong_options). A wrong one is what somebody would say who \
missed a moment of the video or a step of the reasoning. All are about equally long and in the same form, none has a \
letter in front, and no two mean the same.
""",
    Kind.OPEN_ENDED: "- The answer is a number with its unit, a name, or a few words.\n",
}
_ANSWER = """\
{seen}

{question}

First reason step by step, each step from what is seen or from common knowledge (reasoning). Then give {answer}."""
_SEEN_WHOLE = "You have seen frames of one video, each with its time. Answer the question about it."
# Without the last sentence a careful model says that it cannot know, and a question that is easy to guess stays.
_SEEN_PART = """\
You have seen {frames} of the frames of one video, each with its time. Answer the question about it. Where that does \
not tell, give the likeliest answer."""
_SEEN_NOTHING = (
    "You have not seen a certain video. Answer the question about it all the same, with the likeliest answer."
)
_ANSWERS = {
    Kind.MULTIPLE_CHOICE: "the letter of the right option alone (answer)",
    Kind.OPEN_ENDED: "the final answer alone, in as few words as it takes (answer)",
}
_STEPS = """\
You have seen frames of one video, each with its time. Somebody was asked this about it, and answered:

{question}

by these steps:

{steps}

Judge each step by itself, in their order (steps): its number (step), in a few words what bears it out or speaks \
against it (why), and what it rests on (rests_on), which is one of:
- seen: the video shows it, or it follows from what was seen so far;
- knowledge: it is standard knowledge, as a textbook has it, or follows from that and from what was seen so far;
- neither: it is asserted, and neither of these bears it out;
- contradicted: the video shows that it is not so."""


class Reply(BaseModel):
    """What a model is to reply: JSON with these fields and no others, each of them."""

    model_config = ConfigDict(extra="forbid")

    reasoning: str
    answer: str


class OpenQuestion(Reply):
    question: str


class ChoiceQuestion(OpenQuestion):
    wrong_options: list[str]


class Step(BaseModel):
    """What a judge says of one step of a rationale."""

    model_config = ConfigDict(extra="forbid")

    step: int
    why: str
    rests_on: Literal["seen", "knowledge", "neither", "contradicted"]


class Judgement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: list[Step]


QUESTIONS: dict[Kind, type[OpenQuestion]] = {Kind.MULTIPLE_CHOICE: ChoiceQuestion, Kind.OPEN_ENDED: OpenQuestion}


def question_prompt(skill: Skill, kind: Kind, discipline: str, point: str, examples: Sequence[Example]) -> str:
    """Asks for one question; the knowledge point is shown to the skills that need it alone."""
    return _QUESTION.format(
        discipline=discipline,
        skill=SKILLS[skill],
        knowledge=_KNOWLEDGE.format(point=point) if skill in NEEDS_KNOWLEDGE else "",
        form=_FORMS[kind],
        examples="\n\n".join(map(_shown, examples)),
    )


def answer_prompt(example: Example) -> str:
    """Asks a question again, without its answer."""
    return _answer(example, _SEEN_WHOLE)


def guess_prompt(example: Example, frames: int) -> str:
    """Asks a question of a model that is shown so many frames, or none."""
    return _answer(example, _SEEN_PART.format(frames=frames) if frames else _SEEN_NOTHING)


def steps_prompt(example: Example, steps: Sequence[str]) -> str:
    """Asks what each step of a rationale rests on."""
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
    return _STEPS.format(question=_shown(example), steps=numbered)


def response_format(shape: type[BaseModel]) -> dict[str, Any]:
    """The same shape as a server is told it."""
    described = {"name": shape.__name__, "strict": True, "schema": shape.model_json_schema()}
    return {"type": "json_schema", "json_schema": described}


def _answer(example: Example, seen: str) -> str:
    return _ANSWER.format(seen=seen, question=build_question(example), answer=_ANSWERS[example.kind])


def _shown(example: Example) -> str:
    answer = example.answer
    if example.kind is Kind.MULTIPLE_CHOICE:
        answer = f"{answer}. {example.options[LETTERS.index(answer)]}"
    return f"{build_question(example)}\nAnswer: {answer}"


def _version(*texts: Any) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:12]


_GUESS = _version(_ANSWER, _ANSWERS, _SEEN_PART, _SEEN_NOTHING, response_format(Reply))
# Names the words of a step: another word is another version.
VERSIONS = {
    "bank": _version(bank_prompts.PROMPTS, [response_format(shape) for shape in bank_prompts.SHAPES.values()]),
    "relevance": _version(screening_prompts.RELEVANCE, response_format(screening_prompts.Opinion)),
    "moderation": _version(screening_prompts.MODERATION, response_format(screening_prompts.Opinion)),
    "generate": _version(
        _QUESTION, _KNOWLEDGE, _FORMS, SKILLS, [response_format(shape) for shape in QUESTIONS.values()]
    ),
    "verify": _version(_ANSWER, _ANSWERS, _SEEN_WHOLE, response_format(Reply)),
    "dependency": _GUESS,
    "rationale": _version(_STEPS, response_format(Judgement)),
    "probe": _GUESS,
}
