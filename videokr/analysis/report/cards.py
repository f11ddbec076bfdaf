"""The run cards side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from videokr.analysis.report.figures import NOTHING
from videokr.analysis.report.run_set import RunSet, model_name
from videokr.budget import VideoBudget
from videokr.evaluation.card import RunCard
from videokr.page.table import Cell, Row, Section, Table, Tone

DIFFERS = "\u2260"
DIGEST_LENGTH = 12  # characters shown
NO_VALUE = "none"


def card_table(run_set: RunSet) -> Table:
    """One column a run, one row a fact; a row in which the runs differ is marked."""
    cards = [view.card for view in run_set.views]
    tasks = list(dict.fromkeys(task for card in cards for task in card.data))
    packages = list(dict.fromkeys(name for card in cards for name in card.versions))
    facts = [_facts(card, tasks, packages) for card in cards]
    sections = []
    notes = [f"Of digests (SHA-256), the first {DIGEST_LENGTH} characters."]
    for title, labels in facts[0].items():
        rows = []
        for label in labels:
            texts = [of_card[title][label] for of_card in facts]
            if len(set(texts)) == 1:
                rows.append(Row(label, [Cell(text) for text in texts]))
            else:
                rows.append(Row(f"{label} {DIFFERS}", [Cell(text, Tone.WARNING) for text in texts]))
                notes[1:] = [f"{DIFFERS} The runs differ."]
        sections.append(Section(title, rows))
    return Table("Run cards", "Run", [view.label for view in run_set.views], sections, notes=notes, is_numeric=False)


def _facts(card: RunCard, tasks: Sequence[str], packages: Sequence[str]) -> dict[str | None, dict[str, str]]:
    """What a card says, by section and label, of these tasks and packages."""
    return {
        None: {
            "model": model_name(card.model),
            "model fingerprint": _digest(card.model_fingerprint),
            "model revision": _digest(card.model_revision),
            "prompt": _digest(card.prompt_sha256),
            "probe": _text(card.probe),
            "judge": _judge(card.judge),
            "answers read by": _text(card.extractor),
            "generation": card.generation or "as the tasks have it",
            "seed": _text(card.seed),
            "backend": _text(card.backend),
            "context, tokens": f"{card.max_model_len:,}",
            "videos": _videos(card.videos),
        },
        "Video budget": {
            part.name.replace("_", " "): _number(getattr(card.budget, part.name)) for part in fields(VideoBudget)
        },
        "Questions": {task: _questions(card.data.get(task)) for task in tasks},
        "Versions": {name: _text(card.versions.get(name)) for name in packages},
    }


def _questions(data: Mapping[str, object] | None) -> str:
    return NOTHING if data is None else f"{_number(data.get('questions'))}, {_digest(data.get('sha256'))}"


def _judge(judge: Mapping[str, str] | None) -> str:
    if judge is None:
        return NO_VALUE
    # Without its address: the page is published, and that may be a machine of one's own.
    published = {name: value for name, value in judge.items() if name != "address"}
    return ", ".join(_digest(value) if name.endswith("sha256") else value for name, value in published.items())


def _videos(reading: Mapping[str, bool] | None) -> str:
    if reading is None:
        return NOTHING
    read = "proxies where there are any" if reading["proxies"] else "originals"
    return read if reading["fast"] else f"{read}, fast path off"


def _digest(value: object) -> str:
    return _text(value) if value is None else str(value)[:DIGEST_LENGTH]


def _text(value: object) -> str:
    return NO_VALUE if value is None else str(value)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else _text(value)
