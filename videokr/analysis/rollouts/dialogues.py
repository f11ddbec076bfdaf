"""Dialogues of a run's last step as a page: the frames of the first look and of each part that was asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from videokr.analysis.rollouts.rollout import Explanation, explain, find_dumps, read_dump
from videokr.budget import VideoBudget
from videokr.dialogue import CallFault, read_turn, split_faults
from videokr.errors import UserError
from videokr.example import Example
from videokr.jsonl import read_examples
from videokr.outputs import atomic_write
from videokr.page.document import document
from videokr.page.sheet import make_sheets, seconds_among, sheet_style
from videokr.prompt import build_prompt, build_question
from videokr.reward import Accuracy
from videokr.spans import Span
from videokr.training_card import TRAINING_CARD, read_own_card
from videokr.video.frame_plan import TIMESTAMPED_PATCH_SIZE
from videokr.video.part import plan_part
from videokr.video.paths import resolve_video
from videokr.video.timeline import read_header

MAX_PROMPTS = 12
MAX_SHOWN = 8  # frames of a look
PICTURE_BYTES = 24_000  # of a look, at most
TEMPLATE, TITLE = "videokr.analysis.rollouts/dialogues.jinja", "Dialogues of a GRPO run"


@dataclass(frozen=True, slots=True)
class Look:
    """What a model was shown of its video at once."""

    video: Path
    span: Span | None  # of the video that it asked for; None: all of it
    number: int  # of frames that it saw; of a short part some twice
    seconds: tuple[float, ...]  # into the video, of those of them that the page shows, each once


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A rollout with what it saw."""

    explanation: Explanation
    question: str
    first: tuple[Look, ...]  # before its first turn, one a video
    turns: tuple[tuple[str, tuple[Look | CallFault, ...]], ...]  # each with what it was then shown or told


def write_dialogues(
    dumps: Path, data: Path, videos: Path, run: Path, output: Path, accuracy: Accuracy, tolerance: float, judged: bool
) -> str:
    """Writes the page: of the first prompts of the last step the best and the worst rollout that look again.

    Args:
        data: the records that the run's rows were prepared from; no dump names its video.
        videos: the folder that holds theirs.
        run: holds the training card, which has the frame budget.

    Returns:
        What the page shows and leaves out, in a line.
    """
    card = read_own_card(run)
    if card is None:
        raise UserError(
            f"'{run}' has no {TRAINING_CARD}, of the frame budget: give the folder of the run's checkpoints by --run"
        )
    step, path = list(find_dumps(dumps).items())[-1]
    rollouts = (explain(one, accuracy, tolerance, judged) for one in read_dump(path, []) if not one.is_padding)
    chosen = _best_and_worst([rollout for rollout in rollouts if rollout.calls])
    examples = _examples_of(chosen, data)
    asked = [(rollout, examples[_key(rollout)]) for rollout in chosen]
    if chosen and not any(found for _, found in asked):
        raise UserError(
            f"'{data}' asks none of the questions of step {step}: give the records that the run's rows were made of"
        )
    told = [_dialogue(rollout, found[0], videos, card.budget) for rollout, found in asked if len(found) == 1]
    looks = {look: (look.video, look.seconds) for one in told for look in _looks(one)}
    sheets = make_sheets(looks, PICTURE_BYTES)
    page = document(
        TEMPLATE,
        TITLE,
        pictures=sheet_style(sheets.values()),
        heading=TITLE,
        prompts=MAX_PROMPTS,
        sections={"dialogues": f"Step {step}"},
        dialogues=told,
        sheets=sheets,
        sheet_numbers={look: number for number, look in enumerate(sheets)},
    )
    with atomic_write(output) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(page)
    left = len(chosen) - len(told)
    return (
        f"{output}  (dialogues of step {step}: {len(told)}; left out, as no row of --data asks so, or several: {left})"
    )


def _key(rollout: Explanation) -> tuple[str, str]:
    return rollout.rollout.prompt, rollout.gold


def _best_and_worst(rollouts: Sequence[Explanation]) -> list[Explanation]:
    groups: dict[object, list[Explanation]] = {}
    for rollout in rollouts:
        groups.setdefault(rollout.rollout.group, []).append(rollout)
    chosen = []
    for group in list(groups.values())[:MAX_PROMPTS]:
        ordered = sorted(group, key=lambda one: -one.rollout.score)
        chosen += ordered[:1] if ordered[0].rollout.score == ordered[-1].rollout.score else [ordered[0], ordered[-1]]
    return chosen


def _examples_of(rollouts: Sequence[Explanation], data: Path) -> dict[tuple[str, str], list[Example]]:
    """The records whose question each prompt asks, with their gold answer: one, unless two rows ask the same."""
    found: dict[tuple[str, str], list[Example]] = {_key(rollout): [] for rollout in rollouts}
    for example in read_examples(data):
        text = build_prompt(example)
        for (prompt, gold), examples in found.items():
            if gold == example.answer and text in prompt:
                examples.append(example)
    return found


def _dialogue(rollout: Explanation, example: Example, videos: Path, budget: VideoBudget) -> Dialogue:
    paths = [resolve_video(video, videos) for video in example.videos]
    turns, told = rollout.rollout.turns, [*split_faults(rollout.rollout.output), ()]
    return Dialogue(
        rollout,
        build_question(example),
        tuple(_look(path, None, budget) for path in paths),
        tuple((turn, tuple(_told(turn, faults, paths[0], budget))) for turn, faults in zip(turns, told, strict=True)),
    )


def _told(
    turn: str, faults: Sequence[CallFault | None], video: Path, budget: VideoBudget
) -> Iterator[Look | CallFault]:
    """What a turn's calls were answered with; all of them together where there is no room or round left."""
    for call, fault in zip(read_turn(turn).calls, faults, strict=False):
        said = fault or call
        yield said if isinstance(said, CallFault) else _look(video, said, budget)


def _look(video: Path, span: Span | None, budget: VideoBudget) -> Look:
    plan = plan_part(read_header(video), span, budget, TIMESTAMPED_PATCH_SIZE)
    return Look(video, span, len(plan.indices), tuple(seconds_among(plan, MAX_SHOWN)))


def _looks(dialogue: Dialogue) -> Iterator[Look]:
    yield from dialogue.first
    for _, told in dialogue.turns:
        yield from (one for one in told if isinstance(one, Look))
