"""The run cards side by side."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from videokr.analysis.report.figures import NOTHING, count
from videokr.analysis.report.lineup import Lineup, model_name
from videokr.budget import BY_TIME, VideoBudget
from videokr.evaluation.card import RunCard
from videokr.page.table import Cell, Row, Section, Table, Tone

DIFFERS = "\u2260"
DIGEST_LENGTH = 12  # characters shown
NO_VALUE = "none"

_Value = Callable[[RunCard], str]


def card_table(lineup: Lineup) -> Table:
    """One column a run, one row a fact; a row in which the runs differ is marked."""
    cards = [entry.run.card for entry in lineup.entries]
    sections = []
    for title, values in _sections(cards).items():
        rows = []
        for label, value in values.items():
            texts = [value(card) for card in cards]
            differs = len(set(texts)) > 1
            cells = [Cell(text, Tone.WARNING if differs else Tone.PLAIN) for text in texts]
            rows.append(Row(f"{label} {DIFFERS}" if differs else label, cells))
        sections.append(Section(title, rows))
    differing = any(row.label.endswith(DIFFERS) for section in sections for row in section.rows)
    return Table(
        caption="Run cards",
        corner="Run",
        columns=[entry.label for entry in lineup.entries],
        sections=sections,
        notes=[
            f"Of digests (SHA-256), the first {DIGEST_LENGTH} characters.",
            *([f"{DIFFERS} The runs differ."] if differing else []),
        ],
        is_numeric=False,
    )


def budget_text(budget: VideoBudget) -> str:
    """In one line."""
    return (
        f"{budget.fps:g} frames a second, at most {count(budget.max_frames)}, each of at most "
        f"{count(budget.max_pixels)} pixels{', even in time' if budget.sampling == BY_TIME else ''}"
    )


def _sections(cards: list[RunCard]) -> dict[str | None, dict[str, _Value]]:
    tasks = list(dict.fromkeys(task for card in cards for task in card.data))
    packages = list(dict.fromkeys(name for card in cards for name in card.versions))
    return {
        None: {
            "model": lambda card: model_name(card.model),
            "model fingerprint": lambda card: _digest(card.model_fingerprint),
            "model revision": lambda card: _digest(card.model_revision),
            "prompt": lambda card: _digest(card.prompt_sha256),
            "probe": lambda card: _text(card.probe),
            "judge": lambda card: _judge(card.judge),
            "answers read by": lambda card: _text(card.extractor),
            "generation": lambda card: card.generation or "as the tasks have it",
            "seed": lambda card: _text(card.seed),
            "backend": lambda card: _text(card.backend),
            "context, tokens": lambda card: count(card.max_model_len),
            "videos": lambda card: _videos(card.videos),
        },
        "Video budget": {part.name.replace("_", " "): _part(part.name) for part in fields(VideoBudget)},
        "Questions": {task: _data(task) for task in tasks},
        "Versions": {name: _version(name) for name in packages},
    }


def _part(name: str) -> _Value:
    return lambda card: _number(getattr(card.budget, name))


def _data(task: str) -> _Value:
    def text(card: RunCard) -> str:
        data = card.data.get(task)
        return NOTHING if data is None else f"{_number(data.get('questions'))}, {_digest(data.get('sha256'))}"

    return text


def _version(name: str) -> _Value:
    return lambda card: _text(card.versions.get(name))


def _judge(judge: Mapping[str, str] | None) -> str:
    if judge is None:
        return NO_VALUE
    # Without its address: the page is published, and that may be a machine of one's own.
    shown = {name: value for name, value in judge.items() if name != "address"}
    return ", ".join(_digest(value) if name.endswith("sha256") else value for name, value in shown.items())


def _videos(reading: Mapping[str, bool] | None) -> str:
    if reading is None:
        return NOTHING
    read = "proxies where there are any" if reading["proxies"] else "originals"
    return read if reading["fast"] else f"{read}, fast path off"


def _digest(value: str | None) -> str:
    return NO_VALUE if value is None else str(value)[:DIGEST_LENGTH]


def _text(value: object) -> str:
    return NO_VALUE if value is None else str(value)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else _text(value)
