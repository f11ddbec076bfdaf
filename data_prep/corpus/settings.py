"""`corpus.yaml`: everything that a corpus follows from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.evaluation.judge_settings import Settings as Endpoint
from videokr.evaluation.judge_settings import check_url, read_settings

Step = Literal["bank", "relevance", "moderation", "generate", "verify", "dependency", "rationale", "probe"]
Skill = Literal["VidR", "KnowVid", "KnowVidR"]
View = Literal["frames", "blind", "shuffled"]  # of a video, of which a question should not be answerable
KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "EMPTY"  # what a server of one's own takes
MILLION = 1_000_000

Positive = Annotated[int, Field(gt=0)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Part):
    """A model of one step.

    Attributes:
        endpoint: where this one is served; by default that of the corpus.
        key_variable: of the environment, which holds the key of its endpoint.
        image_tokens: that a frame may take at most; what a call may cost is reckoned with it.
        temperature: None leaves it to the server.
        samples: independent answers that a row gets; `verify` keeps it where all of them agree.
    """

    name: str
    endpoint: str | None = None
    key_variable: str = KEY_VARIABLE
    usd_per_million_input: Price
    usd_per_million_output: Price
    max_output_tokens: Positive = 4_096
    image_tokens: Positive = 1_024
    temperature: float | None = None
    samples: Positive = 1

    def usd(self, input_tokens: float, output_tokens: float) -> float:
        return (input_tokens * self.usd_per_million_input + output_tokens * self.usd_per_million_output) / MILLION


class Budget(_Part):
    """What all steps of a corpus may spend together."""

    usd: Price
    tokens: Positive


class FrameBudget(_Part):
    """The frames that a model is shown; see `VideoBudget`."""

    fps: float = 0.2
    min_frames: int = 4
    max_frames: int = 360  # 30 minutes
    max_pixels: int = 200_704


class AuditRule(_Part):
    """What a model has to show before a step is given to it.

    Attributes:
        max_error: share of the rows it leaves that may be wrong.
        confidence: that no more are, told from the audited ones.
    """

    max_error: Annotated[float, Field(gt=0, lt=1)] = 0.03
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Models(_Part):
    """By step: those of `dependency` have to be right all together, one of `probe` is enough."""

    bank: Model | None = None
    relevance: Model | None = None
    moderation: Model | None = None
    generate: Model | None = None
    verify: Model | None = None
    dependency: tuple[Model, ...] = ()
    rationale: Model | None = None
    probe: tuple[Model, ...] = ()


class Benchmark(_Part):
    """What a benchmark is called; a version that was frozen keeps its questions."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+([.][0-9]+)*$")]


class BankSizes(_Part):
    """How many of each the bank has at most: with these, about as many points a subject as the publication has."""

    courses: Positive = 10
    lectures: Positive = 10  # of a course
    knowledge_points: Positive = 8  # of a lecture
    scenarios: Positive = 3  # of a knowledge point


class Collection(_Part):
    """Which videos are taken.

    Attributes:
        metadata: a folder of info files of yt-dlp, or a table: see `data_prep.corpus.metadata`.
        licenses: as the metadata write them.
    """

    metadata: Path
    licenses: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "Creative Commons Attribution license (reuse allowed)",
    )
    max_minutes: Annotated[float, Field(gt=0)] = 30.0


class Corpus(_Part):
    """A whole `corpus.yaml`; paths are from the folder in which the command runs.

    Attributes:
        endpoint: of any server that speaks the protocol of OpenAI; see `Model.key_variable`.
        videos: JSON Lines, see `data_prep.corpus.videos`.
        subjects: of the bank.
        seed_examples: annotation records with `discipline` and, as `task_type`, the skill.
        open_share: of the questions, those without options.
        dependency: what a question is asked with by that step, beside its text.
        rl_share: of the groups of videos, those that `export` gives to RL; the published split has 114 of 315.
        decontaminated: what `videokr decontaminate` wrote its output to, which `export` then goes by.
        benchmark: what `benchmark` freezes.
        call_seconds: time limit of one call, the client's retries and the waits that the server asks for included.
        retries: of the client, within one call.
    """

    endpoint: str
    output: Path
    videos: Path
    video_dir: Path
    seed_examples: Path
    seed: int = 0
    concurrency: Positive = 16
    call_seconds: Annotated[float, Field(gt=0)] = 600.0
    retries: Annotated[int, Field(ge=0)] = 5
    budget: Budget
    frames: FrameBudget = FrameBudget()
    models: Models
    subjects: tuple[str, ...] = ()
    bank: BankSizes = BankSizes()
    collection: Collection | None = None
    skills: Annotated[tuple[Skill, ...], Field(min_length=1)] = get_args(Skill)
    rounds_per_skill: Positive = 2
    open_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    dependency: Annotated[tuple[View, ...], Field(min_length=1)] = ("frames",)
    rl_share: Annotated[float, Field(gt=0, lt=1)] = 0.36
    decontaminated: Path | None = None
    benchmark: Benchmark | None = None
    audit: AuditRule = AuditRule()

    @property
    def video_budget(self) -> VideoBudget:
        frames = self.frames
        return VideoBudget(frames.fps, frames.min_frames, frames.max_frames, 1, frames.max_pixels)

    def models_of(self, step: Step) -> tuple[Model, ...]:
        """The models of a step; UserError where it has none."""
        found = getattr(self.models, step)
        if not found:
            raise UserError(f"corpus.yaml has no model for the step '{step}': add models.{step}")
        return (found,) if isinstance(found, Model) else found

    def endpoint_of(self, model: Model, environment: Mapping[str, str]) -> Endpoint:
        """Where a model is asked, and with which key.

        Raises:
            UserError: the address or the key cannot be one.
        """
        address = model.endpoint or self.endpoint
        check_url("endpoint", address)
        key = environment.get(model.key_variable, "").strip()
        if not key and model.key_variable != KEY_VARIABLE:
            raise UserError(f"set {model.key_variable}: corpus.yaml has it as the variable of a key of '{model.name}'")
        given = {KEY_VARIABLE: key or NO_KEY, "OPENAI_BASE_URL": address, "MODEL_VERSION": model.name}
        endpoint = read_settings(given)
        assert endpoint is not None  # there is a key
        return endpoint


def first_fault(error: ValidationError) -> tuple[str, str]:
    """The field at fault, empty for the whole, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])), first["msg"]


def read_corpus(path: Path) -> Corpus:
    """Reads a `corpus.yaml`.

    Raises:
        UserError: it is not there, is no YAML, or a setting is missing, unknown or out of its range.
    """
    if not path.is_file():
        raise UserError(f"'{path}' is not there: give the corpus.yaml of your corpus (an example: docs/corpus.md)")
    try:
        corpus = Corpus.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' is no YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        (field, fault), first = first_fault(error), error.errors()[0]
        way_out = ": quote it" if first["type"] == "string_type" and isinstance(first["input"], int | float) else ""
        raise UserError(f"'{path}': {field or 'the file'}: {fault}{way_out}") from None
    _ = corpus.video_budget  # raises where it makes no sense
    return corpus
