"""What a model is asked for the knowledge bank, level by level, and the form of its replies."""

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from data_prep.corpus.settings import BankSizes

Level = Literal["course", "lecture", "knowledge_point", "scenario"]
LEVELS: tuple[Level, ...] = get_args(Level)

_NAMES = """
No two mean the same. Write each as a table of contents has it: short, without a number in front (names)."""
PROMPTS: dict[Level, str] = {
    "course": "Name up to {count} courses that are taught at universities in the subject {0}. Together they cover the "
    f"subject, and none is a part of another.{_NAMES}",
    "lecture": "Name up to {count} lectures of the course {1} (subject: {0}), in the order in which they are held."
    f"{_NAMES}",
    "knowledge_point": "Name up to {count} knowledge points of the lecture {2} (course: {1}, subject: {0}). Each is "
    "one law, effect, method, process or structure that can be seen at work when something happens before a camera, "
    f"and takes knowledge to understand.{_NAMES}",
    "scenario": """\
Name one to {count} scenarios of the real world in which the knowledge point {3} is at work (lecture: {2}, course: \
{1}, subject: {0}).

A scenario is something that people film: an event, an experiment, a craft, a machine or an animal at work (for \
Newton's second law, a rocket launch). It shows the point and does not explain it: no lecture, no slides, no talk.
For each say in a few words what happens (scenario), and what one would type to find videos of it (search_term), which \
names what is seen and not the knowledge point. No two are alike.""",
}


class Names(BaseModel):
    model_config = ConfigDict(extra="forbid")

    names: list[str]

    def texts(self) -> list[tuple[str, ...]]:
        return [(name,) for name in self.names]


class Scenario(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scenario: str
    search_term: str


class Scenarios(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scenarios: list[Scenario]

    def texts(self) -> list[tuple[str, ...]]:
        return [(one.scenario, one.search_term) for one in self.scenarios]


SHAPES: dict[Level, type[Names | Scenarios]] = dict.fromkeys(LEVELS, Names) | {"scenario": Scenarios}


def level_prompt(level: Level, path: tuple[str, ...], sizes: BankSizes) -> str:
    """Asks for what is below a path of subject, course, lecture and knowledge point."""
    return PROMPTS[level].format(*path, count=size_of(level, sizes))


def size_of(level: Level, sizes: BankSizes) -> int:
    """How many a parent may have."""
    size: int = getattr(sizes, f"{level}s")
    return size
